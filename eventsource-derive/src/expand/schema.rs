//! `impl EventSchema`, and the constants of shapes

use proc_macro2::{Span, TokenStream};
use quote::{format_ident, quote};
use syn::parse_quote;

use super::{in_const, on};
use crate::attr::serde::Tagging;
use crate::model::{Schema, StoredField, StoredObject, StoredType, TypeShape, shown};

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
    let shape = of_type(&schema.shape, Demand::Schema);
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

/// What is asked of the types of fields.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Demand {
    /// A schema, else it is an error on the type.
    Schema,
    /// A schema if there is one: without a lock nobody needs it.
    SchemaIfAny,
}

/// A `&'static Shape`
pub(crate) fn of_type(shape: &TypeShape, demand: Demand) -> TokenStream {
    match shape {
        TypeShape::Said(said) => said_text(&said.value),
        TypeShape::Through(inner) => stored(inner, demand),
        TypeShape::Newtype(inner) => {
            let inner = stored(inner, demand);
            quote!(&__eventsource::Shape::Newtype(#inner))
        }
        TypeShape::Tuple(elements) => {
            let elements = elements.iter().map(|element| stored(element, demand));
            quote!(&__eventsource::Shape::Tuple(&[#(#elements),*]))
        }
        TypeShape::Object(fields) => object(fields, demand),
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
                        let payload = of_type(payload, demand);
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
pub(crate) fn object(object: &StoredObject, demand: Demand) -> TokenStream {
    let fields: Vec<_> = object.fields.iter().map(|each| field(each, demand)).collect();
    object_of(object, &fields)
}

/// The shape of an object from its fields.
pub(crate) fn object_of(object: &StoredObject, fields: &[TokenStream]) -> TokenStream {
    let strict = object.strict;
    quote! {
        &__eventsource::Shape::Struct(&__eventsource::Struct { fields: &[#(#fields),*], strict: #strict })
    }
}

/// A `Field`
pub(super) fn field(field: &StoredField, demand: Demand) -> TokenStream {
    let (name, optional, flatten) = (&field.name.value, field.optional, field.flatten.is_some());
    let shape = stored(&field.stored, demand);
    quote! {
        __eventsource::Field { name: #name, optional: #optional, flatten: #flatten, shape: #shape }
    }
}

/// The shape of a type, where an error about it stands on the type.
fn stored(stored: &StoredType, demand: Demand) -> TokenStream {
    if let Some(said) = &stored.said {
        return said_text(&said.value);
    }
    let Some(ty) = &stored.ty else { return quote!(&__eventsource::Shape::Unknown("a removed field")) };
    if demand == Demand::Schema {
        return on(stored.span, quote!(<#ty as __eventsource::EventSchema>::SHAPE));
    }
    let (name, shape) = (shown(ty), format_ident!("shape", span = Span::mixed_site()));
    quote! {
        match __eventsource::Probe::<#ty>::SHAPE {
            ::core::option::Option::Some(#shape) => #shape,
            ::core::option::Option::None => &__eventsource::Shape::Unknown(#name),
        }
    }
}

fn said_text(text: &str) -> TokenStream {
    quote!(&__eventsource::Shape::Text(#text))
}
