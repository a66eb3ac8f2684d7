//! A struct that is an event.

use eventsource_schema::Lock;
use syn::{Data, DeriveInput, Ident, Path, Type};

use super::{Locked, StoredObject, TypeShape};
use crate::attr::Spanned;
use crate::attr::event::{EventAttr, Split, Upcast};

/// An event and everything that was ever stored of it.
#[derive(Debug)]
pub(crate) struct Event {
    pub(crate) ident: Ident,
    pub(crate) root: Path,
    pub(crate) name: Spanned<String>,
    pub(crate) aliases: Vec<Spanned<String>>,
    pub(crate) history: History,
    pub(crate) splits: Vec<Split>,
    pub(crate) fields: Vec<Field>,
    /// What serde writes of the current version; nothing where that cannot be seen.
    pub(crate) stored: Option<StoredObject>,
}

/// How payloads of every version become the struct.
#[derive(Debug)]
pub(crate) struct History {
    pub(crate) version: Spanned<u32>,
    pub(crate) previous: Option<Type>,
    pub(crate) upcasts: Vec<Upcast>,
    pub(crate) oldest: Option<Spanned<u32>>,
    /// A part of it could not be read, so nothing can be said about the rest.
    pub(crate) doubtful: bool,
}

/// A field, as far as its JSON can be seen from here.
#[derive(Debug)]
pub(crate) struct Field {
    pub(crate) ty: Type,
    /// serde skips it, or somebody's own function writes it.
    pub(crate) hidden: bool,
}

impl Event {
    pub(crate) fn new(input: &DeriveInput, attr: EventAttr, root: Path) -> Self {
        let version = attr.version.unwrap_or(Spanned { value: 1, span: input.ident.span() });
        Self {
            ident: input.ident.clone(),
            root: attr.root.unwrap_or(root),
            name: super::text_or_placeholder(attr.name),
            aliases: attr.aliases,
            history: History {
                version,
                previous: attr.previous,
                upcasts: attr.upcasts,
                oldest: attr.oldest,
                doubtful: attr.seen.doubtful,
            },
            splits: attr.splits,
            fields: fields(&input.data),
            stored: None,
        }
    }

    /// The same event with what serde writes of it.
    pub(crate) fn stored_as(self, shape: TypeShape) -> Self {
        let stored = if let TypeShape::Object(object) = shape { Some(object) } else { None };
        Self { stored, ..self }
    }

    /// Every name under which it may be stored.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        std::iter::once(&self.name).chain(&self.aliases).map(|name| &*name.value)
    }

    /// What is locked of the current version.
    pub(crate) fn locked<'a>(&'a self, lock: &'a Lock) -> Vec<Locked<'a>> {
        let Some(stored) = &self.stored else { return Vec::new() };
        Locked::find(lock, self.names(), &self.history.version, stored)
    }
}

impl History {
    /// The oldest version that is read here; `previous` may read older ones.
    pub(crate) fn oldest(&self) -> u32 {
        self.oldest.as_ref().map_or(1, |oldest| oldest.value)
    }
}

fn fields(data: &Data) -> Vec<Field> {
    let Data::Struct(data) = data else { return Vec::new() };
    data.fields.iter().map(|field| Field { ty: field.ty.clone(), hidden: is_hidden(field) }).collect()
}

fn is_hidden(field: &syn::Field) -> bool {
    let mut hidden = false;
    for attr in field.attrs.iter().filter(|attr| attr.path().is_ident("serde")) {
        // A malformed attribute is serde's to report.
        let _ = attr.parse_nested_meta(|meta| {
            hidden |= ["skip", "skip_serializing", "with", "serialize_with"].iter().any(|key| meta.path.is_ident(key));
            if meta.input.peek(syn::Token![=]) {
                meta.value()?.parse::<syn::Expr>()?;
            } else if meta.input.peek(syn::token::Paren) {
                meta.parse_nested_meta(|meta| meta.value()?.parse::<syn::Expr>().map(drop))?;
            }
            Ok(())
        });
    }
    hidden
}
