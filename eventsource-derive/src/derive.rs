//! The path of a derive input: attributes, model, check, and then code or errors.

use proc_macro2::TokenStream;
use quote::quote;
use syn::{DeriveInput, Path};

use crate::attr::aggregate::read_aggregate;
use crate::attr::event::read_event;
use crate::attr::event_set::read_event_set;
use crate::errors::Errors;
use crate::model::{Aggregate, Event, Set};
use crate::{check, expand, fallback};

pub(crate) fn domain_event(input: &DeriveInput, root: Path) -> TokenStream {
    let errors = Errors::new();
    let event = Event::new(input, read_event(input, &errors), root, &errors);
    check::event(input, &event, &errors);
    match errors.finish() {
        Ok(()) => expand::domain_event::expand(&event),
        Err(error) => with_errors(&error, fallback::event(&event, &input.generics)),
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
        Ok(()) => expand::aggregate::expand(&aggregate),
        Err(error) => with_errors(&error, fallback::aggregate(aggregate, &input.generics)),
    }
}

fn with_errors(error: &syn::Error, fallback: TokenStream) -> TokenStream {
    let errors = error.to_compile_error();
    quote!(#errors #fallback)
}
