//! `impl EventSchema`, and the constants of shapes

use proc_macro2::TokenStream;
use quote::quote;
use syn::parse_quote;

use super::{in_const, on};
use crate::attr::serde::Tagging;
use crate::model::{Schema, StoredField, StoredObject, StoredType, TypeShape};

pub(crate) fn expand(schema: &Schema) -> TokenStream {
    let ident = &schema.ident;
    let mut generics = schema.generics.clone();
    let params: Vec<_> = generics.type_params().map(|param| param.ident.clone()).collect();
    if !params.is_empty() {
        let clause = generics.make_where_clause();
        for param in params {
            clause.predicates.push(parse_quote!(#param: __eventsource::EventSchema));
        }
    }
    let (params, arguments, clause) = generics.split_for_impl();
    let shape = of_type(&schema.shape);
    in_const(
        &schema.root,
        quote! {
            #[automatically_derived]
            impl #params __eventsource::EventSchema for #ident #arguments #clause {
                const SHAPE: &'static __eventsource::Shape = #shape;
            }
        },
    )
}

/// A `&'static Shape`
pub(crate) fn of_type(shape: &TypeShape) -> TokenStream {
    match shape {
        TypeShape::Said(said) => said_text(&said.value),
        TypeShape::Through(inner) => stored(inner),
        TypeShape::Newtype(inner) => {
            let inner = stored(inner);
            quote!(&__eventsource::Shape::Newtype(#inner))
        }
        TypeShape::Tuple(elements) => {
            let elements = elements.iter().map(stored);
            quote!(&__eventsource::Shape::Tuple(&[#(#elements),*]))
        }
        TypeShape::Object(fields) => object(fields),
        TypeShape::Enum(tagging, variants) => {
            let tagging = match tagging {
                Tagging::External => quote!(External),
                Tagging::Internal { tag } => quote!(Internal(#tag)),
                Tagging::Adjacent { tag, content } => quote!(Adjacent(#tag, #content)),
                Tagging::Untagged => quote!(Untagged),
            };
            let variants = variants.iter().map(|variant| {
                let name = &variant.name.value;
                let payload = match &variant.payload {
                    Some(payload) => {
                        let payload = of_type(payload);
                        quote!(::core::option::Option::Some(#payload))
                    }
                    None => quote!(::core::option::Option::None),
                };
                quote!(__eventsource::Variant { name: #name, payload: #payload })
            });
            quote! {
                &__eventsource::Shape::Enum {
                    tagging: __eventsource::Tagging::#tagging,
                    variants: &[#(#variants),*],
                }
            }
        }
    }
}

/// The shape of an object.
pub(crate) fn object(object: &StoredObject) -> TokenStream {
    let fields = object.fields.iter().map(field);
    let strict = object.strict;
    quote! {
        &__eventsource::Shape::Struct(&__eventsource::Struct { fields: &[#(#fields),*], strict: #strict })
    }
}

fn field(field: &StoredField) -> TokenStream {
    let (name, optional, flatten) = (&field.name.value, field.optional, field.flatten.is_some());
    let shape = stored(&field.stored);
    quote! {
        __eventsource::Field { name: #name, optional: #optional, flatten: #flatten, shape: #shape }
    }
}

/// The shape of a type, where an error about it stands on the type.
fn stored(stored: &StoredType) -> TokenStream {
    match said(stored) {
        Some(said) => said,
        None => {
            let ty = &stored.ty;
            on(stored.span, quote!(<#ty as __eventsource::EventSchema>::SHAPE))
        }
    }
}

/// A field of an event beside a lock. Nothing is flattened there.
pub(super) fn described(field: &StoredField) -> TokenStream {
    let (name, optional, ty) = (&field.name.value, field.optional, &field.stored.ty);
    let described = match said(&field.stored) {
        Some(said) => quote!(__eventsource::Described::of(#said)),
        None => on(field.stored.span, quote!(<#ty as __eventsource::EventSchema>::__DESCRIBED)),
    };
    quote!(__eventsource::StoredField { name: #name, optional: #optional, described: #described })
}

/// What no type tells.
fn said(stored: &StoredType) -> Option<TokenStream> {
    match (&stored.said, &stored.ty) {
        (Some(said), _) => Some(said_text(&said.value)),
        (None, None) => Some(quote!(&__eventsource::Shape::Unknown("a removed field"))),
        (None, Some(_)) => None,
    }
}

fn said_text(text: &str) -> TokenStream {
    quote!(&__eventsource::Shape::Text(#text))
}
