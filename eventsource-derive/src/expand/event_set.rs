//! `impl EventSet`, and `From` each event

use proc_macro2::TokenStream;
use quote::quote;

use super::{event, local, on};
use crate::model::{Member, Set, mark};

pub(crate) fn expand(set: &Set) -> TokenStream {
    let ident = &set.ident;
    let retired = set.retired.iter().map(|name| &name.value);
    let variants: Vec<_> = set.members.iter().map(|member| &member.variant).collect();
    let events: Vec<_> = set.members.iter().map(|member| event(&member.event)).collect();
    let encode = set.members.iter().zip(&events).map(|(Member { variant, event: ty }, event)| {
        let (value, json) = (local("event", mark(ty)), on(mark(ty), quote!(__eventsource::Encoded::json)));
        quote!(Self::#variant(#value) => #json(&#event::DESCRIPTOR, #value, encode_as, #event::__downcast))
    });
    let (checks, conversions) = (checks(set), conversions(set));
    quote! {
        #[automatically_derived]
        impl __eventsource::EventSet for #ident {
            const EVENTS: &'static [__eventsource::EventDescriptor] = &[#(#events::DESCRIPTOR),*];
            const RETIRED: &'static [&'static str] = &[#(#retired),*];

            fn __decode(
                decoding: &__eventsource::Decoding<'_>,
                payload: &[u8],
            ) -> ::core::result::Result<__eventsource::Decoded<Self>, __eventsource::Fault> {
                #(
                    if #events::DESCRIPTOR.is_stored_as(decoding.name()) {
                        let event = #events::__decode(decoding, payload)?;
                        return ::core::result::Result::Ok(__eventsource::Decoded::One(Self::#variants(event)));
                    }
                )*
                let mut parts = __eventsource::Parts::<Self>::new();
                #(
                    parts.add(&#events::DESCRIPTOR, decoding, || #events::__split(decoding, payload), Self::#variants)?;
                )*
                parts.finish(decoding)
            }

            fn __encode(
                &self,
                encode_as: __eventsource::EncodeAs,
            ) -> ::core::result::Result<__eventsource::Encoded, __eventsource::EncodeError> {
                match self {
                    #(#encode,)*
                }
            }
        }
        #conversions
        #checks
    }
}

pub(crate) fn conversions(set: &Set) -> TokenStream {
    let ident = &set.ident;
    let conversions = set.members.iter().map(|Member { variant, event }| {
        quote! {
            #[automatically_derived]
            impl ::core::convert::From<#event> for #ident {
                fn from(event: #event) -> Self {
                    Self::#variant(event)
                }
            }
        }
    });
    quote!(#(#conversions)*)
}

/// One check for each event, so that the error stands on the later of two that share a name.
fn checks(set: &Set) -> TokenStream {
    let ident = &set.ident;
    let checks = set.members.iter().enumerate().map(|(at, member)| {
        on(
            mark(&member.event),
            quote! {
                const _: () = __eventsource::assert_distinct(
                    <#ident as __eventsource::EventSet>::EVENTS,
                    #at,
                    <#ident as __eventsource::EventSet>::RETIRED,
                );
            },
        )
    });
    quote!(#(#checks)*)
}
