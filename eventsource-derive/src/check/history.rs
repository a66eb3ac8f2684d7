//! What attributes say of a field's past holds together.

use crate::attr::Spanned;
use crate::attr::field::{Changed, Removed, Renamed};
use crate::errors::Errors;
use crate::model::{Event, Field};

/// The rules of each field; those on names only for numbers that are in order.
pub(super) fn check(event: &Event, in_order: bool, errors: &Errors) {
    if event.history.doubtful || event.history.previous.is_some() {
        return;
    }
    for field in &event.fields {
        a_default_is_of_an_added_field(field, errors);
        only_stored_fields_have_a_history(field, errors);
        an_added_field_has_a_value_for_older_payloads(event, field, errors);
        nothing_happens_before_a_field_is_added(field, errors);
        names_change_once_a_version(field, errors);
        types_change_once_a_version(field, errors);
    }
    for removed in &event.history.removed {
        a_field_is_added_before_it_is_removed(removed, errors);
        a_removed_value_has_a_type(removed, errors);
    }
    the_shape_is_that_of_the_fields(event, errors);
    if in_order {
        no_two_fields_have_one_name(event, errors);
    }
}

/// A default for payloads that have the field would never be used.
fn a_default_is_of_an_added_field(field: &Field, errors: &Errors) {
    if let (Some(default), None) = (&field.attr.default, &field.attr.added) {
        let text =
            "`default` is for payloads of versions that lack the field: say since when it is there, `added = ..`";
        errors.at(default.span, text);
    }
}

/// What is in no payload was in none.
fn only_stored_fields_have_a_history(field: &Field, errors: &Errors) {
    let Some(change) = field.changes().next().filter(|_| field.serde.skipped) else { return };
    let text = format!("serde skips `{}`, so no payload tells of it: remove `{}`", field.ident, change.key);
    errors.at(change.version.span, text);
}

/// Something must stand in the field when a payload is read that lacks it.
fn an_added_field_has_a_value_for_older_payloads(event: &Event, field: &Field, errors: &Errors) {
    if let (Some(added), None) = (&field.attr.added, event.absent(field)) {
        let text = format!(
            "versions before {} lack `{}`: give a `default = ..`, or make it `Option<_>`, or `#[serde(default)]`",
            added.value, field.wire
        );
        errors.at(added.span, text);
    }
}

/// A field that is not there has neither name nor type.
fn nothing_happens_before_a_field_is_added(field: &Field, errors: &Errors) {
    let Some(added) = &field.attr.added else { return };
    for change in field.changes().filter(|change| change.key != "added" && change.version.value <= added.value) {
        let text = format!(
            "`{}` was added in version {}, so it cannot have been {} in version {}",
            field.wire, added.value, change.key, change.version.value
        );
        errors.at(change.version.span, text);
    }
}

/// A version has one name for a field, and it is another one than the next version's.
fn names_change_once_a_version(field: &Field, errors: &Errors) {
    for (at, Renamed { from, version }) in field.attr.renamed.iter().enumerate() {
        let later = field.name_before(version.value).map_or(&field.wire, |from| &from.value);
        if is_repeated(field.attr.renamed[..at].iter().map(|earlier| &earlier.version), version) {
            errors.at(version.span, format!("`{}` is renamed twice in version {}", field.wire, version.value));
        } else if *later == from.value {
            errors.at(from.span, format!("the field is stored as `{later}` from version {} on too", version.value));
        }
    }
}

/// Of two converters for one step, only one would be called.
fn types_change_once_a_version(field: &Field, errors: &Errors) {
    for (at, Changed { version, .. }) in field.attr.changed.iter().enumerate() {
        if is_repeated(field.attr.changed[..at].iter().map(|earlier| &earlier.version), version) {
            errors.at(version.span, format!("`{}` is changed twice in version {}", field.wire, version.value));
        }
    }
}

fn is_repeated<'a>(mut earlier: impl Iterator<Item = &'a Spanned<u32>>, version: &Spanned<u32>) -> bool {
    earlier.any(|earlier| earlier.value == version.value)
}

/// Otherwise it was in no payload.
fn a_field_is_added_before_it_is_removed(removed: &Removed, errors: &Errors) {
    if let Some(added) = removed.added.as_ref().filter(|added| added.value >= removed.version.value) {
        let text = format!(
            "`{}` is gone in version {}, so it cannot have been added in version {}",
            removed.field.value, removed.version.value, added.value
        );
        errors.at(added.span, text);
    }
}

/// A value that is written for others to read must be of the type that they read.
fn a_removed_value_has_a_type(removed: &Removed, errors: &Errors) {
    if let (Some(default), None) = (&removed.default, &removed.from) {
        errors.on(default, "say which type the removed field had: add `from = Type`");
    }
}

/// Where serde writes something else in place of the fields, they have no names in the JSON.
fn the_shape_is_that_of_the_fields(event: &Event, errors: &Errors) {
    let serde = &event.serde;
    let Some(change) = event.history.changes.first() else { return };
    if serde.transparent || serde.through.is_some() || serde.hidden.is_some() {
        let text =
            "serde writes this struct as something else than its fields, so they have no history: use `previous`";
        errors.at(change.version.span, text);
    }
}

/// serde would read one of the two, and nobody knows which.
fn no_two_fields_have_one_name(event: &Event, errors: &Errors) {
    let mut told: Vec<String> = Vec::new();
    for shape in event.history.readings().iter().map(|reading| reading.shape) {
        let fields = event.history.shape(shape, &event.fields);
        let fields: Vec<_> = fields.iter().filter(|field| !field.is_flattened()).collect();
        for (at, second) in fields.iter().enumerate() {
            let Some(first) = fields[..at].iter().find(|first| first.wire == second.wire) else { continue };
            if told.iter().any(|wire| wire == second.wire) {
                continue;
            }
            told.push(second.wire.to_owned());
            // On the attribute, if only one of the two names stands in one.
            let place = if first.is_said && !second.is_said { first } else { second };
            errors.at(place.wire_span, format!("in version {shape} two fields are stored as `{}`", second.wire));
        }
    }
}
