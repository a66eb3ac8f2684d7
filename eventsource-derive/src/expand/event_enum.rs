//! The closed enum of an aggregate's events

use proc_macro2::TokenStream;
use quote::quote;

use super::event;
use crate::model::{Aggregate, Member};

pub(crate) fn expand(aggregate: &Aggregate) -> TokenStream {
    let Aggregate { ident: state, vis, set, derives, .. } = aggregate;
    let ident = &set.ident;
    let doc = format!("Every event of `{state}`.");
    let derives = (!derives.is_empty()).then(|| quote!(#[derive(#(#derives),*)]));
    let variants = set.members.iter().map(|Member { variant, event }| {
        let doc = format!("The event `{variant}`.");
        quote!(#[doc = #doc] #variant(#event))
    });
    quote! {
        #[doc = #doc]
        #derives
        #[allow(clippy::large_enum_variant, clippy::enum_variant_names)]
        #vis enum #ident {
            #(#variants,)*
        }
    }
}

/// A `Debug` that says what happened but not to whom: payloads do not belong in logs unasked.
pub(crate) fn debug(aggregate: &Aggregate) -> TokenStream {
    if aggregate.derives_debug() {
        return TokenStream::new();
    }
    let ident = &aggregate.set.ident;
    let arms = aggregate.set.members.iter().map(|Member { variant, event: ty }| {
        let event = event(ty);
        quote!(Self::#variant(_) => ::core::fmt::Display::fmt(&#event::DESCRIPTOR, f))
    });
    quote! {
        #[automatically_derived]
        impl ::core::fmt::Debug for #ident {
            fn fmt(&self, f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
                match self {
                    #(#arms,)*
                }
            }
        }
    }
}
