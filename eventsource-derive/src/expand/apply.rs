//! `impl Apply<Enum>`: from the enum to the user's `Apply` for each event

use proc_macro2::TokenStream;
use quote::quote;

use super::on;
use crate::model::{Aggregate, Member, mark};

pub(crate) fn expand(aggregate: &Aggregate) -> TokenStream {
    let Aggregate { ident: state, set, .. } = aggregate;
    let ident = &set.ident;
    let arms = set.members.iter().map(|Member { variant, event }| {
        let apply = on(mark(event), quote!(<Self as __eventsource::Apply<#event>>::apply));
        quote!(#ident::#variant(event) => #apply(self, event))
    });
    quote! {
        #[automatically_derived]
        impl __eventsource::Apply<#ident> for #state {
            fn apply(&mut self, event: &#ident) {
                match event {
                    #(#arms,)*
                }
            }
        }
    }
}
