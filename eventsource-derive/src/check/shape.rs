//! What kind of type may be derived on.

use syn::{Data, DeriveInput, Fields, Generics};

use crate::attr;
use crate::errors::Errors;

pub(super) fn event(input: &DeriveInput, errors: &Errors) {
    is_concrete(
        &input.generics,
        "an event must be a concrete, owned type: it is decoded without knowing its reader",
        errors,
    );
    has_named_fields(input, errors);
}

pub(super) fn event_set(input: &DeriveInput, errors: &Errors) {
    is_concrete(&input.generics, "a set of events must be a concrete, owned type", errors);
    has_newtype_variants(input, errors);
    attr::refuse_on_fields(fields(input), "event_set", errors);
}

pub(super) fn aggregate(input: &DeriveInput, errors: &Errors) {
    is_concrete(&input.generics, "an aggregate must be a concrete, owned type: its name stands for one state", errors);
    is_no_union(input, errors);
    attr::refuse_on_fields(fields(input), "aggregate", errors);
}

pub(super) fn view(input: &DeriveInput, errors: &Errors) {
    is_concrete(&input.generics, "a view must be a concrete, owned type: its name stands for one table", errors);
    has_columns(input, errors);
}

/// A field is a column, and a column has a name.
fn has_columns(input: &DeriveInput, errors: &Errors) {
    let message = "a view is a struct with named fields: a row, of which each field is a column";
    match &input.data {
        Data::Struct(data) => match &data.fields {
            Fields::Named(fields) if !fields.named.is_empty() => {}
            Fields::Unnamed(fields) => errors.on(fields, message),
            Fields::Named(_) | Fields::Unit => errors.on(&input.ident, message),
        },
        Data::Enum(_) | Data::Union(_) => errors.on(&input.ident, message),
    }
}

/// One stored name means one type, and what a store returns borrows from nothing.
fn is_concrete(generics: &Generics, message: &str, errors: &Errors) {
    if !generics.params.is_empty() {
        errors.on(generics, message);
    }
    if let Some(clause) = &generics.where_clause {
        errors.on(clause, message);
    }
}

/// JSON objects can gain and lose fields by name; an array or a bare value cannot.
fn has_named_fields(input: &DeriveInput, errors: &Errors) {
    let ident = &input.ident;
    match &input.data {
        Data::Struct(data) => match &data.fields {
            Fields::Named(_) => {}
            Fields::Unnamed(fields) => {
                errors.on(fields, "an event must have named fields: a positional payload cannot evolve");
            }
            Fields::Unit => errors.on(
                ident,
                format!("an event must have named fields, so that it can gain some later: write `struct {ident} {{}}`"),
            ),
        },
        Data::Enum(_) => errors.on(
            ident,
            "an event must have named fields: write one struct for each event; an enum of them takes #[derive(EventSet)]",
        ),
        Data::Union(_) => errors.on(ident, "an event must have named fields: a union cannot be stored"),
    }
}

/// Each variant is one event, so that a stored name leads to one variant.
fn has_newtype_variants(input: &DeriveInput, errors: &Errors) {
    let Data::Enum(data) = &input.data else {
        return errors.on(&input.ident, "a set of events is an enum; a single event is a set without a derive");
    };
    if data.variants.is_empty() {
        errors.on(&input.ident, "this set has no events: add a variant for each, such as `Opened(Opened)`");
    }
    for variant in &data.variants {
        if !matches!(&variant.fields, Fields::Unnamed(fields) if fields.unnamed.len() == 1) {
            let ident = &variant.ident;
            errors.on(variant, format!("a variant holds exactly one event: write `{ident}({ident})`"));
        }
    }
}

/// A union cannot be cloned field by field nor written as JSON.
fn is_no_union(input: &DeriveInput, errors: &Errors) {
    if matches!(input.data, Data::Union(_)) {
        errors.on(&input.ident, "the state of an aggregate is a struct or an enum");
    }
}

fn fields(input: &DeriveInput) -> Vec<&syn::Field> {
    match &input.data {
        Data::Struct(data) => data.fields.iter().collect(),
        Data::Enum(data) => data.variants.iter().flat_map(|variant| &variant.fields).collect(),
        Data::Union(data) => data.fields.named.iter().collect(),
    }
}
