//! A closed set of events: an enum with one newtype variant for each.

use syn::{Data, DeriveInput, Fields, Ident, Path, Type, TypePath};

use crate::attr::Spanned;
use crate::attr::event_set::EventSetAttr;

/// The enum and what its variants hold.
#[derive(Debug)]
pub(crate) struct Set {
    pub(crate) ident: Ident,
    pub(crate) root: Path,
    pub(crate) members: Vec<Member>,
    pub(crate) retired: Vec<Spanned<String>>,
}

/// One variant and the event that it holds.
#[derive(Clone, Debug)]
pub(crate) struct Member {
    pub(crate) variant: Ident,
    pub(crate) event: Type,
}

impl Member {
    /// An event that is listed: its variant is called like it.
    pub(crate) fn of_path(path: Path) -> Option<Self> {
        let variant = path.segments.last()?.ident.clone();
        Some(Self { variant, event: Type::Path(TypePath { attrs: Vec::new(), qself: None, path }) })
    }
}

impl Set {
    /// The set of an enum; variants that are no newtype are left to `check`.
    pub(crate) fn new(input: &DeriveInput, attr: EventSetAttr, root: Path) -> Self {
        let variants = match &input.data {
            Data::Enum(data) => data.variants.iter().collect(),
            _ => Vec::new(),
        };
        let members = variants.into_iter().filter_map(|variant| match &variant.fields {
            Fields::Unnamed(fields) if fields.unnamed.len() == 1 => {
                Some(Member { variant: variant.ident.clone(), event: fields.unnamed[0].ty.clone() })
            }
            _ => None,
        });
        Self {
            ident: input.ident.clone(),
            root: attr.root.unwrap_or(root),
            members: members.collect(),
            retired: attr.retired,
        }
    }
}
