//! `impl IntoEvents`: each event, and the enum of them all, is a decision

use proc_macro2::TokenStream;
use quote::quote;

use super::on;
use crate::model::Aggregate;

pub(crate) fn expand(aggregate: &Aggregate) -> TokenStream {
    let Aggregate { ident: state, set, .. } = aggregate;
    let ident = &set.ident;
    let decisions = set.members.iter().map(|member| {
        let event = &member.event;
        quote!(#event)
    });
    let into_events = on(state.span(), quote!(__eventsource::IntoEvents<#state>));
    let impls = decisions.chain([quote!(#ident)]).map(|decision| {
        quote! {
            #[automatically_derived]
            impl #into_events for #decision {
                type Refusal = ::core::convert::Infallible;

                fn into_events(
                    self,
                    events: &mut ::std::vec::Vec<#ident>,
                ) -> ::core::result::Result<(), ::core::convert::Infallible> {
                    events.push(::core::convert::From::from(self));
                    ::core::result::Result::Ok(())
                }
            }
        }
    });
    quote!(#(#impls)*)
}
