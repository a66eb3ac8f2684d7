//! `#[event(..)]` on a field: how it came to be what it is.

use syn::meta::ParseNestedMeta;
use syn::spanned::Spanned as _;
use syn::{Expr, ExprPath, Field, Type};

use super::{Grammar, Seen, Spanned, number, read, read_list, text, value};
use crate::errors::Errors;

/// What was written above a field. Every version is the first with the new form.
#[derive(Clone, Debug, Default)]
pub(crate) struct FieldAttr {
    pub(crate) added: Option<Spanned<u32>>,
    pub(crate) default: Option<Spanned<Expr>>,
    pub(crate) renamed: Vec<Renamed>,
    pub(crate) changed: Vec<Changed>,
    /// `schema = ".."`: what its JSON looks like.
    pub(crate) schema: Option<Spanned<String>>,
    /// A part of it could not be read, so nothing can be said about the history of the event.
    pub(crate) doubtful: bool,
}

/// `renamed(from = "cents", in = 3)`: the name that stood in the JSON before version 3.
#[derive(Clone, Debug)]
pub(crate) struct Renamed {
    pub(crate) from: Spanned<String>,
    pub(crate) version: Spanned<u32>,
}

/// `changed(in = 3, from = i64, with = path, back = path)`
#[derive(Clone, Debug)]
pub(crate) struct Changed {
    pub(crate) version: Spanned<u32>,
    pub(crate) from: Type,
    pub(crate) with: ExprPath,
    pub(crate) back: Option<ExprPath>,
}

/// `removed(field = "teller", in = 3, added = 2, from = String, default = "nobody")`, above the struct
#[derive(Clone, Debug)]
pub(crate) struct Removed {
    pub(crate) field: Spanned<String>,
    pub(crate) version: Spanned<u32>,
    pub(crate) added: Option<Spanned<u32>>,
    pub(crate) from: Option<Type>,
    pub(crate) default: Option<Expr>,
}

const FIELD: Grammar = Grammar {
    shown: "#[event(..)] on a field",
    keys: &["added", "default", "renamed", "changed", "schema"],
    repeatable: &["renamed", "changed"],
};

const RENAMED: Grammar = Grammar { shown: "renamed(..)", keys: &["from", "in"], repeatable: &[] };
const CHANGED: Grammar = Grammar { shown: "changed(..)", keys: &["in", "from", "with", "back"], repeatable: &[] };
const REMOVED: Grammar =
    Grammar { shown: "removed(..)", keys: &["field", "in", "added", "from", "default"], repeatable: &[] };

pub(crate) fn read_field(field: &Field, errors: &Errors) -> FieldAttr {
    let mut attr = FieldAttr::default();
    let mut broken = false;
    let seen = read(&field.attrs, "event", &FIELD, errors, |key, meta| {
        match key {
            "added" => attr.added = Some(number(meta)?),
            "default" => attr.default = Some(Spanned { span: meta.path.span(), value: value(meta)? }),
            "schema" => attr.schema = Some(text(meta)?),
            "renamed" => broken |= keep(&mut attr.renamed, renamed(meta, errors)?),
            _ => broken |= keep(&mut attr.changed, changed(meta, errors)?),
        }
        Ok(())
    });
    attr.doubtful = broken || seen.doubtful;
    attr
}

/// Keeps what was understood; true where it was not.
pub(super) fn keep<T>(list: &mut Vec<T>, read: Option<T>) -> bool {
    let broken = read.is_none();
    list.extend(read);
    broken
}

fn renamed(meta: &ParseNestedMeta<'_>, errors: &Errors) -> syn::Result<Option<Renamed>> {
    let (mut from, mut version) = (None, None);
    let seen = read_list(meta, &RENAMED, errors, |key, meta| {
        match key {
            "from" => from = Some(text(meta)?),
            _ => version = Some(number(meta)?),
        }
        Ok(())
    })?;
    let usage = "a new name says which was stored before, and since when it is not: renamed(from = \"old\", in = 2)";
    complete(meta, &seen, usage, || Some(Renamed { from: from?, version: version? }))
}

fn changed(meta: &ParseNestedMeta<'_>, errors: &Errors) -> syn::Result<Option<Changed>> {
    let (mut version, mut from, mut with, mut back) = (None, None, None, None);
    let seen = read_list(meta, &CHANGED, errors, |key, meta| {
        match key {
            "in" => version = Some(number(meta)?),
            "from" => from = Some(value(meta)?),
            "with" => with = Some(value(meta)?),
            _ => back = Some(value(meta)?),
        }
        Ok(())
    })?;
    let usage =
        "a new type says since when, which was before, and what converts: changed(in = 2, from = i64, with = path)";
    complete(meta, &seen, usage, || Some(Changed { version: version?, from: from?, with: with?, back }))
}

/// Nothing where a key inside was refused: that error is gathered already.
pub(super) fn removed(meta: &ParseNestedMeta<'_>, errors: &Errors) -> syn::Result<Option<Removed>> {
    let (mut field, mut version, mut added, mut from, mut default) = (None, None, None, None, None);
    let seen = read_list(meta, &REMOVED, errors, |key, meta| {
        match key {
            "field" => field = Some(text(meta)?),
            "in" => version = Some(number(meta)?),
            "added" => added = Some(number(meta)?),
            "from" => from = Some(value(meta)?),
            _ => default = Some(value(meta)?),
        }
        Ok(())
    })?;
    let usage = "a removed field says its stored name, and since when it is gone: removed(field = \"old\", in = 2)";
    complete(meta, &seen, usage, || Some(Removed { field: field?, version: version?, added, from, default }))
}

/// Nothing where a key inside was refused, an error that shows all keys where one is missing.
fn complete<T>(
    meta: &ParseNestedMeta<'_>,
    seen: &Seen,
    usage: &str,
    all: impl FnOnce() -> Option<T>,
) -> syn::Result<Option<T>> {
    match all() {
        Some(read) => Ok(Some(read)),
        None if seen.doubtful => Ok(None),
        None => Err(meta.error(usage)),
    }
}
