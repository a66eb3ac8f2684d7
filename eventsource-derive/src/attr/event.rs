//! `#[event(..)]`

use syn::meta::ParseNestedMeta;
use syn::{DeriveInput, ExprPath, LitStr, Path, Token, Type};

use super::field::{Removed, keep, removed};
use super::{Grammar, Seen, Spanned, number, read, read_list, root, text, value};
use crate::errors::Errors;

/// What was written above an event.
#[derive(Debug, Default)]
pub(crate) struct EventAttr {
    pub(crate) root: Option<Path>,
    pub(crate) name: Option<Spanned<String>>,
    pub(crate) version: Option<Spanned<u32>>,
    pub(crate) aliases: Vec<Spanned<String>>,
    pub(crate) previous: Option<Type>,
    pub(crate) upcasts: Vec<Upcast>,
    pub(crate) removed: Vec<Removed>,
    pub(crate) oldest: Option<Spanned<u32>>,
    pub(crate) write: Option<Spanned<u32>>,
    pub(crate) splits: Vec<Split>,
    pub(crate) seen: Seen,
}

/// `upcast(from = 1, with = path)`, or `upcast(from = 1, same)`
#[derive(Clone, Debug)]
pub(crate) struct Upcast {
    pub(crate) from: Spanned<u32>,
    /// A function on raw JSON; none where payloads stay as they are.
    pub(crate) with: Option<ExprPath>,
}

/// `split_from("old.name", with = path)`
#[derive(Clone, Debug)]
pub(crate) struct Split {
    pub(crate) source: Spanned<String>,
    pub(crate) with: ExprPath,
}

const EVENT: Grammar = Grammar {
    shown: "#[event(..)]",
    keys: &["name", "version", "write", "alias", "previous", "upcast", "removed", "oldest", "split_from", "crate"],
    repeatable: &["alias", "upcast", "removed", "split_from"],
};

const UPCAST: Grammar = Grammar { shown: "upcast(..)", keys: &["from", "with", "same"], repeatable: &[] };

pub(crate) fn read_event(input: &DeriveInput, errors: &Errors) -> EventAttr {
    let mut attr = EventAttr::default();
    let mut broken_step = false;
    let mut seen = read(&input.attrs, "event", &EVENT, errors, |key, meta| {
        match key {
            "name" => attr.name = Some(text(meta)?),
            "version" => attr.version = Some(number(meta)?),
            "alias" => attr.aliases.push(text(meta)?),
            "previous" => attr.previous = Some(value(meta)?),
            "write" => attr.write = Some(number(meta)?),
            "upcast" => broken_step |= keep(&mut attr.upcasts, upcast(meta, errors)?),
            "removed" => broken_step |= keep(&mut attr.removed, removed(meta, errors)?),
            "oldest" => attr.oldest = Some(number(meta)?),
            "split_from" => attr.splits.push(split(meta)?),
            _ => attr.root = Some(root(meta)?),
        }
        Ok(())
    });
    // The text of a mandatory key that was refused is no second mistake.
    if !seen.has("name") && !seen.doubtful {
        errors.at(input.ident.span(), "this event has no stored name: add #[event(name = \"..\", version = 1)]");
    } else if !seen.has("version") && !seen.doubtful {
        errors.at(input.ident.span(), "this event has no version: add `version = 1` to #[event(..)]");
    }
    seen.doubtful |= broken_step || !seen.has("version");
    attr.seen = seen;
    attr
}

/// Nothing where a key inside was refused: that error is gathered already.
fn upcast(meta: &ParseNestedMeta<'_>, errors: &Errors) -> syn::Result<Option<Upcast>> {
    let (mut from, mut with) = (None, None);
    let seen = read_list(meta, &UPCAST, errors, |key, meta| {
        match key {
            "from" => from = Some(number(meta)?),
            "with" => with = Some(value(meta)?),
            _ => {}
        }
        Ok(())
    })?;
    match from {
        Some(from) if with.is_some() != seen.has("same") => Ok(Some(Upcast { from, with })),
        _ if seen.doubtful => Ok(None),
        _ => Err(meta.error(
            "a step says what it reads and what takes it: upcast(from = 1, with = path), \
             or upcast(from = 1, same) where payloads stay as they are",
        )),
    }
}

fn split(meta: &ParseNestedMeta<'_>) -> syn::Result<Split> {
    let inside;
    syn::parenthesized!(inside in meta.input);
    let usage = "a split names its source and what takes the part: split_from(\"old.name\", with = path)";
    let tell = |error: syn::Error| syn::Error::new(error.span(), usage);
    let source: LitStr = inside.parse().map_err(tell)?;
    inside.parse::<Token![,]>().map_err(tell)?;
    let key: syn::Ident = inside.parse().map_err(tell)?;
    if key != "with" {
        return Err(syn::Error::new(key.span(), usage));
    }
    inside.parse::<Token![=]>().map_err(tell)?;
    let with = inside.parse()?;
    inside.parse::<Option<Token![,]>>()?;
    if !inside.is_empty() {
        return Err(inside.error(usage));
    }
    Ok(Split { source: Spanned { value: source.value(), span: source.span() }, with })
}
