//! A row, the table it stands in, and the events it is folded from.

use proc_macro2::Span;
use quote::format_ident;
use syn::ext::IdentExt as _;
use syn::{Data, DeriveInput, Fields, Ident, Path, Type, Visibility};

use super::event_set::{Member, Set};
use crate::attr::Spanned;
use crate::attr::view::{ColumnAttr, ViewAttr, read_column};
use crate::errors::Errors;

/// A row, its table, and the hidden enum of its events.
#[derive(Debug)]
pub(crate) struct View {
    pub(crate) ident: Ident,
    pub(crate) vis: Visibility,
    pub(crate) name: Spanned<String>,
    pub(crate) version: Spanned<u32>,
    pub(crate) set: Set,
    pub(crate) columns: Vec<ViewColumn>,
    /// Some attribute of a field was not understood, so that it may have been the key.
    pub(crate) doubtful: bool,
}

/// A field and its column.
#[derive(Debug)]
pub(crate) struct ViewColumn {
    pub(crate) ident: Ident,
    pub(crate) ty: Type,
    pub(crate) name: String,
    pub(crate) attr: ColumnAttr,
}

impl View {
    pub(crate) fn new(input: &DeriveInput, attr: ViewAttr, root: Path, errors: &Errors) -> Self {
        let fields = match &input.data {
            Data::Struct(data) => match &data.fields {
                Fields::Named(fields) => fields.named.iter().collect(),
                _ => Vec::new(),
            },
            _ => Vec::new(),
        };
        let columns: Vec<_> = fields
            .into_iter()
            .filter_map(|field| {
                let ident = field.ident.clone()?;
                let name = ident.unraw().to_string();
                Some(ViewColumn { ident, ty: field.ty.clone(), name, attr: read_column(field, errors) })
            })
            .collect();
        Self {
            ident: input.ident.clone(),
            vis: input.vis.clone(),
            name: super::text_or_placeholder(attr.name),
            version: attr.version.unwrap_or(Spanned { value: 1, span: Span::call_site() }),
            set: Set {
                ident: format_ident!("__Event"),
                root: attr.root.unwrap_or(root),
                members: attr.events.into_iter().filter_map(Member::of_path).collect(),
                retired: attr.retired,
            },
            doubtful: columns.iter().any(|column| column.attr.doubtful),
            columns,
        }
    }

    /// The columns that say that they are the key: one, where there is no mistake.
    pub(crate) fn keys(&self) -> impl Iterator<Item = &ViewColumn> {
        self.columns.iter().filter(|column| column.attr.key.is_some())
    }

    /// The columns that say that they hold the version of the stream: one at most, where there is no mistake.
    pub(crate) fn versions(&self) -> impl Iterator<Item = &ViewColumn> {
        self.columns.iter().filter(|column| column.attr.version.is_some())
    }

    /// Whether the id of a stream is the key.
    pub(crate) fn is_of_streams(&self) -> bool {
        self.keys().any(|column| column.attr.key.as_ref().is_some_and(|key| key.is_stream))
    }

    /// The place of the key.
    pub(crate) fn key(&self) -> usize {
        self.columns.iter().position(|column| column.attr.key.is_some()).unwrap_or_default()
    }
}
