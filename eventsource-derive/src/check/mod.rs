//! The rules, each under the reason for it. Pure: values in, errors out.

mod aggregate;
mod chain;
mod event_set;
mod history;
mod json;
mod lock;
mod names;
mod shape;
mod stored;
mod view;
mod write;

use eventsource_schema::Lock;
use syn::DeriveInput;

use crate::errors::Errors;
use crate::model::{Aggregate, Event, Set, TypeShape, View};

/// Every rule of an event.
pub(crate) fn event(input: &DeriveInput, event: &Event, errors: &Errors) {
    shape::event(input, errors);
    names::of_event(event, errors);
    let in_order = chain::check(&event.history, errors);
    history::check(event, in_order, errors);
    write::check(event, in_order, errors);
    for field in event.fields.iter().filter(|field| !field.hidden) {
        json::comes_back(&field.ty, errors);
    }
}

/// Every rule of what is stored of an event, where there is a lock.
pub(crate) fn lockable(shape: &TypeShape, errors: &Errors) {
    stored::shape(shape, errors);
    lock::fields_can_be_seen(shape, errors);
}

/// Every rule of an event beside its lock.
pub(crate) fn locked(event: &Event, lock: &Lock, errors: &Errors) {
    lock::event(event, lock, errors);
}

/// Every rule of a stored shape.
pub(crate) fn stored(shape: &TypeShape, errors: &Errors) {
    stored::shape(shape, errors);
}

/// Every rule of a set.
pub(crate) fn event_set(input: &DeriveInput, set: &Set, errors: &Errors) {
    shape::event_set(input, errors);
    event_set::members_are_distinct(set, errors);
    names::of_retired(&set.retired, errors);
}

/// Every rule of an aggregate.
pub(crate) fn aggregate(input: &DeriveInput, aggregate: &Aggregate, errors: &Errors) {
    shape::aggregate(input, errors);
    names::of_aggregate(aggregate, errors);
    names::of_retired(&aggregate.set.retired, errors);
    aggregate::variants_are_distinct(&aggregate.set.members, errors);
    aggregate::snapshots_are_taken(aggregate, errors);
}

/// Every rule of a view.
pub(crate) fn view(input: &DeriveInput, view: &View, errors: &Errors) {
    shape::view(input, errors);
    view::name_is_free(&view.name, errors);
    view::version_starts_at_one(view, errors);
    names::of_retired(&view.set.retired, errors);
    aggregate::variants_are_distinct(&view.set.members, errors);
    view::key_is_one(view, errors);
    view::attributes_agree(view, errors);
    view::version_is_of_the_stream(view, errors);
    view::columns_are_distinct(view, errors);
    view::columns_are_few(view, errors);
}

#[cfg(test)]
mod tests;
