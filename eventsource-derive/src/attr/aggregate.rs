//! `#[aggregate(..)]`

use proc_macro2::Span;
use syn::meta::ParseNestedMeta;
use syn::spanned::Spanned as _;
use syn::{DeriveInput, Ident, Path, token};

use super::{Grammar, Seen, Spanned, list, number, read, read_list, root, text, texts, value};
use crate::errors::Errors;

/// What was written above a state.
#[derive(Debug, Default)]
pub(crate) struct AggregateAttr {
    pub(crate) root: Option<Path>,
    pub(crate) name: Option<Spanned<String>>,
    pub(crate) events: Vec<Path>,
    pub(crate) snapshot: Option<Snapshot>,
    pub(crate) retired: Vec<Spanned<String>>,
    pub(crate) event_enum: Option<Ident>,
    pub(crate) derives: Vec<Path>,
    pub(crate) seen: Seen,
}

/// `snapshot`, or `snapshot(every = 100, revision = 1)`
#[derive(Clone, Debug)]
pub(crate) struct Snapshot {
    /// The key itself.
    pub(crate) span: Span,
    pub(crate) every: Spanned<u64>,
    pub(crate) revision: u32,
}

/// How often where the user does not say: a hundred events are read in about a millisecond.
const DEFAULT_EVERY: u64 = 100;

const AGGREGATE: Grammar = Grammar {
    shown: "#[aggregate(..)]",
    keys: &["name", "events", "snapshot", "retired", "event_enum", "derive", "crate"],
    repeatable: &["retired", "derive"],
};

const SNAPSHOT: Grammar = Grammar { shown: "snapshot(..)", keys: &["every", "revision"], repeatable: &[] };

pub(crate) fn read_aggregate(input: &DeriveInput, errors: &Errors) -> AggregateAttr {
    let mut attr = AggregateAttr::default();
    let seen = read(&input.attrs, "aggregate", &AGGREGATE, errors, |key, meta| {
        match key {
            "name" => attr.name = Some(text(meta)?),
            "events" => attr.events = list(meta, "the structs of the events")?,
            "snapshot" => attr.snapshot = Some(snapshot(meta, errors)?),
            "retired" => attr.retired.extend(texts(meta, "stored names")?),
            "event_enum" => attr.event_enum = Some(value(meta)?),
            "derive" => attr.derives.extend(list::<Path>(meta, "derives")?),
            _ => attr.root = Some(root(meta)?),
        }
        Ok(())
    });
    // The text of a mandatory key that was refused is no second mistake.
    if !seen.has("name") && !seen.doubtful {
        errors.at(
            input.ident.span(),
            "this aggregate has no name: add #[aggregate(name = \"..\", events(..))]; the name is the category of its streams",
        );
    } else if !seen.has("events") && !seen.doubtful {
        errors.at(input.ident.span(), "this aggregate has no events: add `events(..)` to #[aggregate(..)]");
    }
    attr.seen = seen;
    attr
}

fn snapshot(meta: &ParseNestedMeta<'_>, errors: &Errors) -> syn::Result<Snapshot> {
    let span = meta.path.span();
    let mut snapshot = Snapshot { span, every: Spanned { value: DEFAULT_EVERY, span }, revision: 0 };
    if meta.input.peek(token::Paren) {
        read_list(meta, &SNAPSHOT, errors, |key, meta| {
            match key {
                "every" => snapshot.every = number(meta)?,
                _ => snapshot.revision = number(meta)?.value,
            }
            Ok(())
        })?;
    }
    Ok(snapshot)
}
