//! A state and the events it is folded from.

use quote::format_ident;
use syn::{DeriveInput, Ident, Path, Type, Visibility};

use super::event_set::{Member, Set};
use super::fingerprint;
use crate::attr::Spanned;
use crate::attr::aggregate::{AggregateAttr, Snapshot};

/// A state, its category, and the enum of its events that will be generated.
#[derive(Debug)]
pub(crate) struct Aggregate {
    pub(crate) ident: Ident,
    pub(crate) vis: Visibility,
    pub(crate) name: Spanned<String>,
    pub(crate) set: Set,
    pub(crate) derives: Vec<Path>,
    pub(crate) snapshot: Option<Snapshot>,
    /// Changes with the fields of the state, so that a snapshot of another shape is not read.
    pub(crate) fingerprint: u64,
    /// The types in it, whose shapes count as well.
    pub(crate) types: Vec<Type>,
}

impl Aggregate {
    pub(crate) fn new(input: &DeriveInput, attr: AggregateAttr, root: Path) -> Self {
        let set = Set {
            ident: attr.event_enum.unwrap_or_else(|| format_ident!("{}Event", input.ident)),
            root: attr.root.unwrap_or(root),
            members: attr.events.into_iter().filter_map(Member::of_path).collect(),
            retired: attr.retired,
        };
        Self {
            ident: input.ident.clone(),
            vis: input.vis.clone(),
            name: super::text_or_placeholder(attr.name),
            set,
            derives: attr.derives,
            snapshot: attr.snapshot,
            fingerprint: fingerprint::of(input),
            types: fingerprint::types(input),
        }
    }

    /// Whether the user asked for `Debug`; if not, one that shows no payload is written.
    pub(crate) fn derives_debug(&self) -> bool {
        self.derives.iter().any(|path| path.segments.last().is_some_and(|last| last.ident == "Debug"))
    }
}
