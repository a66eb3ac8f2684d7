//! What serde writes for a type, as far as it can be seen in its tokens: names, order, and the types of the fields.

use proc_macro2::{Span, TokenStream, TokenTree};
use quote::ToTokens as _;
use syn::{Data, DeriveInput, Fields, Generics, Ident, Path, Type};

use crate::attr::Spanned;
use crate::attr::schema::{SchemaAttr, read_said};
use crate::attr::serde::{SerdeContainer, Tagging, read_container, read_field, read_variant};
use crate::errors::Errors;

/// A type whose stored shape is known.
#[derive(Debug)]
pub(crate) struct Schema {
    pub(crate) ident: Ident,
    pub(crate) root: Path,
    pub(crate) generics: Generics,
    pub(crate) shape: TypeShape,
}

/// What a type is written as.
#[derive(Clone, Debug)]
pub(crate) enum TypeShape {
    /// What the user says.
    Said(Spanned<String>),
    /// Exactly what another type is written as.
    Through(StoredType),
    /// What another type is written as, but never absent.
    Newtype(StoredType),
    Tuple(Vec<StoredType>),
    Object(StoredObject),
    Enum(Tagging, Vec<StoredVariant>),
}

/// The fields of an object.
#[derive(Clone, Debug, Default)]
pub(crate) struct StoredObject {
    pub(crate) fields: Vec<StoredField>,
    /// Other fields are refused.
    pub(crate) strict: bool,
}

/// A field, as serde writes it.
#[derive(Clone, Debug)]
pub(crate) struct StoredField {
    /// On the wire; the span is where an error about the field itself stands.
    pub(crate) name: Spanned<String>,
    pub(crate) stored: StoredType,
    /// It may be absent, even if its type is no `Option`.
    pub(crate) optional: bool,
    pub(crate) flatten: Option<Span>,
}

/// A type, or what the user says of its shape.
#[derive(Clone, Debug)]
pub(crate) struct StoredType {
    /// Nothing where a field was removed and nobody says what it was.
    pub(crate) ty: Option<Type>,
    pub(crate) said: Option<Spanned<String>>,
    /// Where an error about the shape stands.
    pub(crate) span: Span,
}

impl StoredField {
    /// Whether what can be asked of both has one answer.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        let said = |field: &'_ Self| field.stored.said.as_ref().map(|said| said.value.clone());
        self.name.value == other.name.value
            && self.optional == other.optional
            && self.stored.ty == other.stored.ty
            && said(self) == said(other)
    }
}

/// A variant, as serde writes it.
#[derive(Clone, Debug)]
pub(crate) struct StoredVariant {
    pub(crate) name: Spanned<String>,
    /// Nothing if it holds nothing.
    pub(crate) payload: Option<TypeShape>,
}

impl Schema {
    pub(crate) fn new(input: &DeriveInput, attr: SchemaAttr, root: Path, errors: &Errors) -> Self {
        let shape = match attr.said {
            Some(said) => TypeShape::Said(said),
            None => of_input(input, &|field| read_said(field, errors), errors),
        };
        Self { ident: input.ident.clone(), root: attr.root.unwrap_or(root), generics: input.generics.clone(), shape }
    }
}

/// What is said of the shape of a field.
type Said<'a> = dyn Fn(&syn::Field) -> Option<Spanned<String>> + 'a;

/// What serde writes for a type. What cannot be seen is gathered as errors.
pub(crate) fn of_input(input: &DeriveInput, said: &Said<'_>, errors: &Errors) -> TypeShape {
    let serde = read_container(&input.attrs, matches!(input.data, Data::Enum(_)), errors);
    if let Some(span) = serde.hidden {
        errors.at(span, "this hides what is stored: say it above the type with #[event(schema = \"..\")]");
        return TypeShape::Object(StoredObject::default());
    }
    if let Some(ty) = serde.through {
        return TypeShape::Through(StoredType { span: super::mark(&ty), ty: Some(ty), said: None });
    }
    let reader = Reader { owner: &input.ident, serde: &serde, said, errors };
    match &input.data {
        Data::Struct(data) => match reader.fields(&data.fields, &|ident, field| serde.field_name(ident, field)) {
            Some(shape) if serde.transparent => reader.transparent(shape),
            Some(shape) => shape,
            None => TypeShape::Said(Spanned { value: "null".to_owned(), span: input.ident.span() }),
        },
        Data::Enum(data) => {
            let variants = data.variants.iter().filter_map(|variant| reader.variant(variant)).collect();
            TypeShape::Enum(serde.tagging.clone(), variants)
        }
        Data::Union(_) => {
            errors.on(&input.ident, "a union cannot be stored");
            TypeShape::Object(StoredObject::default())
        }
    }
}

/// Reads the fields of one type.
struct Reader<'a> {
    owner: &'a Ident,
    serde: &'a SerdeContainer,
    /// What the user says of the shape of a field.
    said: &'a Said<'a>,
    errors: &'a Errors,
}

/// How serde names a field.
type Naming<'a> = dyn Fn(&Ident, &crate::attr::serde::SerdeField) -> String + 'a;

impl Reader<'_> {
    /// Nothing for a unit.
    fn fields(&self, fields: &Fields, naming: &Naming<'_>) -> Option<TypeShape> {
        match fields {
            Fields::Unit => None,
            Fields::Named(named) => {
                let fields = named.named.iter().filter_map(|field| self.field(field, naming)).collect();
                Some(TypeShape::Object(StoredObject { fields, strict: self.serde.strict }))
            }
            Fields::Unnamed(unnamed) => {
                let mut elements: Vec<_> = unnamed.unnamed.iter().filter_map(|field| self.element(field)).collect();
                Some(match (elements.pop(), unnamed.unnamed.len()) {
                    (Some(only), 1) => TypeShape::Newtype(only),
                    (last, _) => TypeShape::Tuple(elements.into_iter().chain(last).collect()),
                })
            }
        }
    }

    fn field(&self, field: &syn::Field, naming: &Naming<'_>) -> Option<StoredField> {
        let serde = read_field(&field.attrs, self.errors);
        let ident = field.ident.as_ref()?;
        if serde.skipped {
            return None;
        }
        let name = naming(ident, &serde);
        let span = serde.rename.as_ref().map_or(ident.span(), |rename| rename.span);
        Some(StoredField {
            name: Spanned { value: name, span },
            stored: self.stored(field, serde.hidden),
            optional: serde.optional || self.serde.default,
            flatten: serde.flatten,
        })
    }

    fn element(&self, field: &syn::Field) -> Option<StoredType> {
        let serde = read_field(&field.attrs, self.errors);
        (!serde.skipped).then(|| self.stored(field, serde.hidden))
    }

    /// The type of a field, unless a function of the user's writes it or it leads back to its owner.
    fn stored(&self, field: &syn::Field, hidden: Option<Span>) -> StoredType {
        let said = (self.said)(field);
        if let (Some(span), None) = (hidden, &said) {
            let text =
                "this hides what is stored: say it above the field, such as #[event(schema = \"string(rfc3339)\")]";
            self.errors.at(span, text);
        }
        if said.is_none()
            && let Some(span) = mention(field.ty.to_token_stream(), self.owner)
        {
            let (owner, ty) = (self.owner, field.ty.to_token_stream().to_string().replace(' ', ""));
            self.errors.at(
                span,
                format!(
                    "`{owner}` holds itself, and its shape would have no end: say where it begins again, such as \
                     #[event(schema = \"[^{owner}]\")] for `Vec<{owner}>`; this field is `{ty}`"
                ),
            );
        }
        let span = said.as_ref().map_or_else(|| super::mark(&field.ty), |said| said.span);
        StoredType { ty: Some(field.ty.clone()), said, span }
    }

    fn variant(&self, variant: &syn::Variant) -> Option<StoredVariant> {
        let serde = read_variant(&variant.attrs, self.errors);
        if serde.skipped {
            return None;
        }
        if let Some(span) = serde.hidden {
            self.errors.at(span, "this hides what is stored: say it above the type with #[event(schema = \"..\")]");
        }
        let name = self.serde.variant_name(&variant.ident, &serde);
        let naming = |ident: &Ident, field: &_| self.serde.variant_field_name(&serde, ident, field);
        Some(StoredVariant {
            name: Spanned { value: name, span: variant.ident.span() },
            payload: self.fields(&variant.fields, &naming),
        })
    }

    /// serde writes the only field in place of the struct.
    fn transparent(&self, shape: TypeShape) -> TypeShape {
        match shape {
            TypeShape::Newtype(only) => TypeShape::Through(only),
            TypeShape::Object(object) if object.fields.len() == 1 => {
                TypeShape::Through(object.fields[0].stored.clone())
            }
            TypeShape::Tuple(elements) if elements.len() == 1 => TypeShape::Through(elements[0].clone()),
            // serde refuses it.
            other => other,
        }
    }
}

/// Where a type names its owner.
fn mention(ty: TokenStream, owner: &Ident) -> Option<Span> {
    let mut qualified = false;
    for token in ty {
        match token {
            TokenTree::Ident(ident) if !qualified && (ident == *owner || ident == "Self") => return Some(ident.span()),
            TokenTree::Group(group) => {
                let found = mention(group.stream(), owner);
                if found.is_some() {
                    return found;
                }
            }
            // `other::Node` is another type.
            TokenTree::Punct(punct) if punct.as_char() == ':' => qualified = true,
            _ => qualified = false,
        }
    }
    None
}

impl TypeShape {
    /// Every text that the user has written, for its check.
    pub(crate) fn said(&self) -> Vec<&Spanned<String>> {
        match self {
            Self::Said(said) => vec![said],
            Self::Through(stored) | Self::Newtype(stored) => stored.said.iter().collect(),
            Self::Tuple(elements) => elements.iter().flat_map(|stored| &stored.said).collect(),
            Self::Object(object) => object.fields.iter().flat_map(|field| &field.stored.said).collect(),
            Self::Enum(_, variants) => {
                variants.iter().filter_map(|variant| variant.payload.as_ref()).flat_map(Self::said).collect()
            }
        }
    }

    /// Every object in it that stands on its own: the fields of a struct, and of each variant.
    pub(crate) fn objects(&self) -> Vec<&StoredObject> {
        match self {
            Self::Object(object) => vec![object],
            Self::Enum(_, variants) => {
                variants.iter().filter_map(|variant| variant.payload.as_ref()).flat_map(Self::objects).collect()
            }
            _ => Vec::new(),
        }
    }
}
