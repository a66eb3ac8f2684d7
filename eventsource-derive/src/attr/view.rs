//! `#[view(..)]`, above a row and on its fields

use proc_macro2::Span;
use syn::meta::ParseNestedMeta;
use syn::spanned::Spanned as _;
use syn::{DeriveInput, Field, Ident, Path, Token};

use super::{Grammar, Spanned, list, number, read, root, text, texts, value};
use crate::errors::Errors;

/// What was written above a row.
#[derive(Debug, Default)]
pub(crate) struct ViewAttr {
    pub(crate) root: Option<Path>,
    pub(crate) name: Option<Spanned<String>>,
    pub(crate) version: Option<Spanned<u32>>,
    pub(crate) events: Vec<Path>,
    pub(crate) retired: Vec<Spanned<String>>,
}

/// What was written above a field, each with the place of its key.
#[derive(Clone, Debug, Default)]
pub(crate) struct ColumnAttr {
    pub(crate) key: Option<Key>,
    pub(crate) index: Option<Span>,
    pub(crate) json: Option<Span>,
    pub(crate) version: Option<Span>,
    /// A part of it could not be read, so nothing is said about its absence.
    pub(crate) doubtful: bool,
}

/// `key`, or `key = stream`
#[derive(Clone, Debug)]
pub(crate) struct Key {
    pub(crate) span: Span,
    pub(crate) is_stream: bool,
}

const VIEW: Grammar = Grammar {
    shown: "#[view(..)]",
    keys: &["name", "version", "events", "retired", "crate"],
    repeatable: &["retired"],
};

const COLUMN: Grammar =
    Grammar { shown: "#[view(..)] on a field", keys: &["key", "index", "json", "version"], repeatable: &[] };

pub(crate) fn read_view(input: &DeriveInput, errors: &Errors) -> ViewAttr {
    let mut attr = ViewAttr::default();
    let seen = read(&input.attrs, "view", &VIEW, errors, |key, meta| {
        match key {
            "name" => attr.name = Some(text(meta)?),
            "version" => attr.version = Some(number(meta)?),
            "events" => attr.events = list(meta, "the structs of the events")?,
            "retired" => attr.retired.extend(texts(meta, "stored names")?),
            _ => attr.root = Some(root(meta)?),
        }
        Ok(())
    });
    let missing = [
        (
            "name",
            "this view has no name: add #[view(name = \"..\", version = 1, events(..))]; the name is what its rows are served under",
        ),
        (
            "version",
            "this view has no version: add `version = 1` to #[view(..)]; raise it when a fold changes its meaning",
        ),
        ("events", "this view has no events: add `events(..)` to #[view(..)]"),
    ];
    // The text of a mandatory key that was refused is no second mistake.
    if let Some((_, message)) = missing.into_iter().find(|(key, _)| !seen.has(key) && !seen.doubtful) {
        errors.at(input.ident.span(), message);
    }
    attr
}

pub(crate) fn read_column(field: &Field, errors: &Errors) -> ColumnAttr {
    let mut attr = ColumnAttr::default();
    let seen = read(&field.attrs, "view", &COLUMN, errors, |name, meta| {
        let span = meta.path.span();
        match name {
            "key" => attr.key = Some(Key { span, is_stream: is_stream(meta)? }),
            "index" => attr.index = Some(span),
            "version" => attr.version = Some(span),
            _ => attr.json = Some(span),
        }
        Ok(())
    });
    attr.doubtful = seen.doubtful;
    attr
}

fn is_stream(meta: &ParseNestedMeta<'_>) -> syn::Result<bool> {
    if !meta.input.peek(Token![=]) {
        return Ok(false);
    }
    let of: Ident = value(meta)?;
    if of == "stream" {
        return Ok(true);
    }
    Err(syn::Error::new(
        of.span(),
        "a key is the id of the event's stream, `key = stream`, or what `Fold::keys` says, `key`",
    ))
}
