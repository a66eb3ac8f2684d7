//! `#[event(schema = "..")]`, and what else stands above a type that has a schema and is no event

use syn::{DeriveInput, Path};

use super::{Grammar, Spanned, read, root, text};
use crate::errors::Errors;

/// What was written above a type with a schema.
#[derive(Debug, Default)]
pub(crate) struct SchemaAttr {
    pub(crate) root: Option<Path>,
    /// The shape of the whole type.
    pub(crate) said: Option<Spanned<String>>,
}

const TYPE: Grammar = Grammar { shown: "#[event(..)] above a type", keys: &["schema", "crate"], repeatable: &[] };

const FIELD: Grammar = Grammar { shown: "#[event(..)] above a field", keys: &["schema"], repeatable: &[] };

pub(crate) fn read_schema(input: &DeriveInput, errors: &Errors) -> SchemaAttr {
    let mut attr = SchemaAttr::default();
    read(&input.attrs, "event", &TYPE, errors, |key, meta| {
        match key {
            "schema" => attr.said = Some(text(meta)?),
            _ => attr.root = Some(root(meta)?),
        }
        Ok(())
    });
    attr
}

/// The shape that a field of a type is said to have; for a field of an event, see `attr::field`.
pub(crate) fn read_said(field: &syn::Field, errors: &Errors) -> Option<Spanned<String>> {
    let mut said = None;
    read(&field.attrs, "event", &FIELD, errors, |_, meta| {
        said = Some(text(meta)?);
        Ok(())
    });
    said
}
