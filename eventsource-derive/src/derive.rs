//! The path of a derive input: attributes, model, check, and then code or errors.

use proc_macro2::TokenStream;
use quote::quote;
use syn::{DeriveInput, Path};

use crate::attr::aggregate::read_aggregate;
use crate::attr::event::read_event;
use crate::attr::event_set::read_event_set;
use crate::attr::schema::read_schema;
use crate::attr::view::read_view;
use crate::errors::Errors;
use crate::guard::Guard;
use crate::model::{Aggregate, Event, Schema, Set, TypeShape, View, of_input};
use crate::{check, expand, fallback, guard};

pub(crate) fn domain_event(input: &DeriveInput, root: Path) -> TokenStream {
    guarded_event(input, root, &Guard::find())
}

/// An event beside its guard, which tests make up.
pub(crate) fn guarded_event(input: &DeriveInput, root: Path, guard: &Guard) -> TokenStream {
    let errors = Errors::new();
    let event = Event::new(input, read_event(input, &errors), root, &errors);
    check::event(input, &event, &errors);
    let event = match stored(input, &event, guard, &errors) {
        Some(shape) => event.stored_as(shape),
        None => event,
    };
    if let Err(error) = errors.finish() {
        return with_errors(&error, fallback::event(&event, &input.generics));
    }
    // What differs from the lock is written all the same, so that the types are compared too.
    let differences = Errors::new();
    match guard {
        Guard::Lock { lock, .. } => check::locked(&event, lock, &differences),
        Guard::Broken { message, .. } => differences.at(input.ident.span(), message),
        Guard::Nothing | Guard::Asked { .. } => {}
    }
    let expansion = expand::domain_event::expand(&event, guard);
    match differences.finish() {
        Ok(()) => expansion,
        Err(error) => with_errors(&error, expansion),
    }
}

/// What serde writes for an event. Without a lock it need not be known, so nothing is refused for it.
fn stored(input: &DeriveInput, event: &Event, guard: &Guard, errors: &Errors) -> Option<TypeShape> {
    if !guard.is_strict() {
        return None;
    }
    let unseen = Errors::new();
    let said = |field: &syn::Field| {
        let field = event.fields.iter().find(|known| field.ident.as_ref() == Some(&known.ident))?;
        field.attr.schema.clone()
    };
    let shape = of_input(input, &said, &unseen);
    check::lockable(&shape, &unseen);
    match unseen.finish() {
        Ok(()) => Some(shape),
        Err(error) => {
            errors.push(error);
            None
        }
    }
}

pub(crate) fn event_schema(input: &DeriveInput, root: Path) -> TokenStream {
    let errors = Errors::new();
    let attr = read_schema(input, &errors);
    let schema = Schema::new(input, attr, root, &errors);
    check::stored(&schema.shape, &errors);
    match errors.finish() {
        Ok(()) => expand::schema::expand(&schema),
        Err(error) => with_errors(&error, fallback::schema(&schema)),
    }
}

pub(crate) fn schema_lock(input: &TokenStream) -> TokenStream {
    let errors = Errors::new();
    if !input.is_empty() {
        errors.on(input, "`schema_lock!()` takes nothing");
    }
    if let Some(missing) = guard::missing() {
        let text = format!(
            "there is no `{missing}`, so nothing guards the events of this crate\n\
             if they were never locked: cargo eventsource lock\nif it was deleted: restore it from version control"
        );
        errors.at(proc_macro2::Span::call_site(), text);
    }
    // With this, it is the place where a lock that cannot be read is told of.
    let guard = Guard::find();
    if let Guard::Broken { message, .. } = &guard {
        errors.at(proc_macro2::Span::call_site(), message);
    }
    match errors.finish() {
        Ok(()) => expand::lock::tracked(&guard),
        Err(error) => error.to_compile_error(),
    }
}

pub(crate) fn event_set(input: &DeriveInput, root: Path) -> TokenStream {
    let errors = Errors::new();
    let set = Set::new(input, read_event_set(input, &errors), root);
    check::event_set(input, &set, &errors);
    match errors.finish() {
        Ok(()) => expand::in_const(&set.root, expand::event_set::expand(&set)),
        Err(error) => with_errors(&error, fallback::event_set(&set, &input.generics)),
    }
}

pub(crate) fn aggregate(input: &DeriveInput, root: Path) -> TokenStream {
    let errors = Errors::new();
    let aggregate = Aggregate::new(input, read_aggregate(input, &errors), root);
    check::aggregate(input, &aggregate, &errors);
    match errors.finish() {
        Ok(()) => expand::aggregate::expand(&aggregate, &Guard::find()),
        Err(error) => with_errors(&error, fallback::aggregate(aggregate, &input.generics)),
    }
}

pub(crate) fn view(input: &DeriveInput, root: Path) -> TokenStream {
    let errors = Errors::new();
    let view = View::new(input, read_view(input, &errors), root, &errors);
    check::view(input, &view, &errors);
    match errors.finish() {
        Ok(()) => expand::view::expand(&view),
        Err(error) => with_errors(&error, fallback::view(&view, &input.generics)),
    }
}

fn with_errors(error: &syn::Error, fallback: TokenStream) -> TokenStream {
    let errors = error.to_compile_error();
    quote!(#errors #fallback)
}
