//! What a derive input says, as plain values: what `check` judges and `expand` writes down.

mod aggregate;
mod event;
mod event_set;
mod fingerprint;
mod handed_on;
mod history;
mod locked;
mod shape;
mod view;

pub(crate) use aggregate::Aggregate;
pub(crate) use event::{Event, Field};
pub(crate) use event_set::{Member, Set};
pub(crate) use handed_on::SerdeKey;
pub(crate) use history::{Absent, Change, History, OldField, Reading};
pub(crate) use locked::{FieldCase, Locked, LockedNames, Reader, StoredVersion};
pub(crate) use shape::{Schema, StoredField, StoredObject, StoredType, TypeShape, of_input};
pub(crate) use view::{View, ViewColumn};

use proc_macro2::Span;
use syn::spanned::Spanned as _;
use syn::{Path, Type};

use crate::attr::Spanned;

/// A text as written, or one that offends nobody where its absence was already reported.
fn text_or_placeholder(text: Option<Spanned<String>>) -> Spanned<String> {
    text.unwrap_or_else(|| Spanned { value: "missing".to_owned(), span: Span::call_site() })
}

/// The token of a type on which an error about it stands: of a path, its last name.
pub(crate) fn mark(ty: &Type) -> Span {
    match ty {
        Type::Path(path) => mark_of_path(&path.path),
        _ => ty.span(),
    }
}

/// The last name of a path.
pub(crate) fn mark_of_path(path: &Path) -> Span {
    path.segments.last().map_or_else(|| path.span(), |last| last.ident.span())
}
