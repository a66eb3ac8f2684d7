//! `#[event_set(..)]`

use syn::{DeriveInput, Path};

use super::{Grammar, Seen, Spanned, read, root, texts};
use crate::errors::Errors;

/// What was written above an enum of events.
#[derive(Debug, Default)]
pub(crate) struct EventSetAttr {
    pub(crate) root: Option<Path>,
    pub(crate) retired: Vec<Spanned<String>>,
    pub(crate) seen: Seen,
}

const EVENT_SET: Grammar = Grammar { shown: "#[event_set(..)]", keys: &["retired", "crate"], repeatable: &["retired"] };

pub(crate) fn read_event_set(input: &DeriveInput, errors: &Errors) -> EventSetAttr {
    let mut attr = EventSetAttr::default();
    attr.seen = read(&input.attrs, "event_set", &EVENT_SET, errors, |key, meta| {
        match key {
            "retired" => attr.retired.extend(texts(meta, "stored names")?),
            _ => attr.root = Some(root(meta)?),
        }
        Ok(())
    });
    attr
}
