//! `#[serde(..)]`: the one reader of what serde is told. A key is understood, or it is refused; none is passed over,
//! because a shape that is not the one on disk is worse than none.

mod case;
mod read;

pub(crate) use case::Case;
pub(crate) use read::{read_container, read_field, read_variant};

use proc_macro2::Span;
use syn::ext::IdentExt as _;
use syn::{Ident, Type};

use super::Spanned;

/// What serde is told of a struct or an enum.
#[derive(Debug, Default)]
pub(crate) struct SerdeContainer {
    /// For the fields of a struct, and the variants of an enum.
    pub(crate) rename_all: Option<Case>,
    /// For the fields of all variants.
    pub(crate) rename_all_fields: Option<Case>,
    /// Every field may be absent.
    pub(crate) default: bool,
    /// `deny_unknown_fields`
    pub(crate) strict: bool,
    /// It is written as its only field.
    pub(crate) transparent: bool,
    pub(crate) tagging: Tagging,
    /// `from` or `try_from`, with `into`: what is written in its place.
    pub(crate) through: Option<Type>,
    /// Its JSON cannot be seen in its fields; where that is said.
    pub(crate) hidden: Option<Span>,
}

/// Where the name of a variant stands.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) enum Tagging {
    /// `{"Name": payload}`, or `"Name"`
    #[default]
    External,
    /// `{"tag": "Name", ..}`
    Internal { tag: String },
    /// `{"tag": "Name", "content": payload}`
    Adjacent { tag: String, content: String },
    /// Nowhere.
    Untagged,
}

/// What serde is told of a field.
#[derive(Debug, Default)]
pub(crate) struct SerdeField {
    /// The name on the wire, where it is written out.
    pub(crate) rename: Option<Spanned<String>>,
    /// It may be absent when read (`default`), or is sometimes left out (`skip_serializing_if`).
    pub(crate) optional: bool,
    /// Neither written nor read.
    pub(crate) skipped: bool,
    /// Its fields stand among those of its owner; the key.
    pub(crate) flatten: Option<Span>,
    /// A function of the user's writes or reads it (`with` and its kin); the key.
    pub(crate) hidden: Option<Span>,
}

/// What serde is told of a variant.
#[derive(Debug, Default)]
pub(crate) struct SerdeVariant {
    pub(crate) rename: Option<Spanned<String>>,
    /// For its own fields.
    pub(crate) rename_all: Option<Case>,
    pub(crate) skipped: bool,
    pub(crate) hidden: Option<Span>,
}

impl SerdeContainer {
    /// The name of a struct's field on the wire.
    pub(crate) fn field_name(&self, field: &Ident, said: &SerdeField) -> String {
        wire_name(field, said.rename.as_ref(), self.rename_all.map(|case| case.of_field(&field.unraw().to_string())))
    }

    /// The name of an enum's variant on the wire.
    pub(crate) fn variant_name(&self, variant: &Ident, said: &SerdeVariant) -> String {
        let cased = self.rename_all.map(|case| case.of_variant(&variant.unraw().to_string()));
        wire_name(variant, said.rename.as_ref(), cased)
    }

    /// The name of a variant's field on the wire.
    pub(crate) fn variant_field_name(&self, variant: &SerdeVariant, field: &Ident, said: &SerdeField) -> String {
        let case = variant.rename_all.or(self.rename_all_fields);
        wire_name(field, said.rename.as_ref(), case.map(|case| case.of_field(&field.unraw().to_string())))
    }
}

fn wire_name(ident: &Ident, rename: Option<&Spanned<String>>, cased: Option<String>) -> String {
    match rename {
        Some(rename) => rename.value.clone(),
        None => cased.unwrap_or_else(|| ident.unraw().to_string()),
    }
}

#[cfg(test)]
mod tests;
