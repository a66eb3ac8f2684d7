//! A struct that is an event.

use syn::spanned::Spanned as _;
use syn::{Data, DeriveInput, Ident, Path, Type};

use super::handed_on::SerdeKey;
use super::history::{History, OldField};
use super::{StoredField, StoredObject, StoredType, StoredVersion, TypeShape};
use crate::attr::event::{EventAttr, Split};
use crate::attr::field::{FieldAttr, Removed};
use crate::attr::serde::{SerdeContainer, SerdeField, read_container, read_field};
use crate::attr::{self, Spanned};
use crate::errors::Errors;

/// An event and everything that was ever stored of it.
#[derive(Debug)]
pub(crate) struct Event {
    pub(crate) ident: Ident,
    pub(crate) root: Path,
    pub(crate) name: Spanned<String>,
    pub(crate) aliases: Vec<Spanned<String>>,
    pub(crate) history: History,
    pub(crate) splits: Vec<Split>,
    pub(crate) serde: SerdeContainer,
    pub(crate) serde_keys: Vec<SerdeKey>,
    pub(crate) fields: Vec<Field>,
    /// What serde writes of the current version; nothing where that cannot be seen.
    pub(crate) stored: Option<StoredObject>,
}

/// A field, as far as its JSON can be seen from here.
#[derive(Debug)]
pub(crate) struct Field {
    pub(crate) ty: Type,
    /// serde skips it, or somebody's own function writes it.
    pub(crate) hidden: bool,
    pub(crate) ident: Ident,
    /// Its name in the JSON.
    pub(crate) wire: String,
    /// How it came to be what it is.
    pub(crate) attr: FieldAttr,
    pub(crate) serde: SerdeField,
    pub(crate) serde_keys: Vec<SerdeKey>,
}

impl Event {
    pub(crate) fn new(input: &DeriveInput, attr: EventAttr, root: Path, errors: &Errors) -> Self {
        let version = attr.version.unwrap_or(Spanned { value: 1, span: input.ident.span() });
        let serde = unreported(|errors| read_container(&input.attrs, false, errors));
        let fields = fields(&input.data, &serde, errors);
        let kept = fields.iter().flat_map(Field::changes);
        let changes = kept.chain(attr.removed.iter().flat_map(Removed::changes)).collect();
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
                write: attr.write,
                changes,
                removed: attr.removed,
                doubtful: attr.seen.doubtful || fields.iter().any(|field| field.attr.doubtful),
            },
            splits: attr.splits,
            stored: None,
            serde,
            serde_keys: SerdeKey::all(&input.attrs),
            fields,
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

    /// Every version that this struct reads without a step on raw JSON, the current one first.
    pub(crate) fn stored_versions(&self) -> Vec<StoredVersion> {
        let Some(current) = &self.stored else { return Vec::new() };
        let version = &self.history.version;
        let mut versions = vec![StoredVersion { version: version.clone(), is_current: true, object: current.clone() }];
        // `previous` reads all older ones, and compares them on its own struct.
        let readings = if self.history.previous.is_some() { Vec::new() } else { self.history.readings() };
        for reading in readings.into_iter().filter(|reading| !reading.raw) {
            let fields = self.history.shape(reading.shape, &self.fields);
            let fields: Vec<_> = fields.iter().map(|field| stored_field(field, current)).collect();
            for older in reading.versions.filter(|older| *older < version.value) {
                let object = StoredObject { fields: fields.clone(), strict: current.strict };
                let version = Spanned { value: older, span: version.span };
                versions.push(StoredVersion { version, is_current: false, object });
            }
        }
        versions
    }
}

/// A field of an older version, with what serde is told of the field that it has become.
fn stored_field(field: &OldField<'_>, current: &StoredObject) -> StoredField {
    let today = field.field.and_then(|today| current.fields.iter().find(|stored| stored.name.value == today.wire));
    // A shape is said of the type of today.
    let said =
        today.filter(|stored| field.ty == stored.stored.ty.as_ref()).and_then(|stored| stored.stored.said.clone());
    StoredField {
        name: Spanned { value: field.wire.to_owned(), span: field.wire_span },
        stored: StoredType { ty: field.ty.cloned(), said, span: field.ty_span },
        optional: today.is_some_and(|stored| stored.optional),
        flatten: None,
    }
}

fn fields(data: &Data, container: &SerdeContainer, errors: &Errors) -> Vec<Field> {
    let Data::Struct(data) = data else { return Vec::new() };
    let read = |field: &syn::Field| {
        // A tuple struct is refused; its fields keep their types.
        let ident = field.ident.clone().unwrap_or_else(|| Ident::new("unnamed", field.ty.span()));
        let serde = unreported(|errors| read_field(&field.attrs, errors));
        Field {
            wire: container.field_name(&ident, &serde),
            ident,
            ty: field.ty.clone(),
            hidden: is_hidden(field),
            attr: attr::field::read_field(field, errors),
            serde,
            serde_keys: SerdeKey::all(&field.attrs),
        }
    };
    data.fields.iter().map(read).collect()
}

/// What cannot be read of serde's attributes is no mistake of the history.
fn unreported<T>(read: impl FnOnce(&Errors) -> T) -> T {
    let errors = Errors::new();
    let value = read(&errors);
    let _ = errors.finish();
    value
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
