//! `impl Aggregate`, and all that comes with it

use proc_macro2::TokenStream;
use quote::quote;

use super::{apply, event, event_enum, event_set, in_const, into_events, lock, on, report};
use crate::guard::Guard;
use crate::model::{Aggregate, mark};

pub(crate) fn expand(aggregate: &Aggregate, guard: &Guard) -> TokenStream {
    let Aggregate { ident, set, .. } = aggregate;
    let name = &aggregate.name.value;
    let events = &set.ident;
    let event_enum = event_enum::expand(aggregate);
    let parts = [
        event_enum::debug(aggregate),
        event_set::expand(set),
        apply::expand(aggregate),
        into_events::expand(aggregate),
        lock::aggregate(aggregate, guard),
        lock::tracked(guard),
    ];
    let report = report::aggregate(aggregate, guard);
    let (snapshots, fold) = (snapshots(aggregate), fold(aggregate));
    let impls = in_const(
        &set.root,
        quote! {
            #(#parts)*

            #[automatically_derived]
            impl __eventsource::Aggregate for #ident {
                const NAME: &'static str = #name;
                type Event = #events;

                fn __snapshots() -> ::core::option::Option<__eventsource::SnapshotCodec<Self>> {
                    #snapshots
                }

                #fold
            }
        },
    );
    quote!(#event_enum #impls #report)
}

/// From the stored bytes to `apply`, with no enum between: what a replay is made of.
fn fold(aggregate: &Aggregate) -> TokenStream {
    let arms = aggregate.set.members.iter().map(|member| {
        let (ty, event) = (&member.event, event(&member.event));
        // The same text on the same token as in the dispatch, so that a missing `Apply` is one error.
        let apply = on(mark(ty), quote!(<Self as __eventsource::Apply<#ty>>::apply));
        quote! {
            if #event::DESCRIPTOR.is_stored_as(decoding.name()) {
                let event = #event::__decode(decoding, payload)?;
                #apply(self, &event);
                return ::core::result::Result::Ok(());
            }
        }
    });
    quote! {
        fn __fold(
            &mut self,
            decoding: &__eventsource::Decoding<'_>,
            payload: &[u8],
        ) -> ::core::result::Result<(), __eventsource::Fault> {
            #(#arms)*
            __eventsource::fold_decoded(self, decoding, payload)
        }
    }
}

fn snapshots(aggregate: &Aggregate) -> TokenStream {
    let Some(snapshot) = &aggregate.snapshot else {
        return quote!(::core::option::Option::None);
    };
    let (every, revision) = (snapshot.every.value, snapshot.revision);
    let (tokens, types) = (aggregate.fingerprint, &aggregate.types);
    // A state that serde does not know is an error on the key that asks for snapshots.
    let codec = on(snapshot.span, quote!(__eventsource::SnapshotCodec::<Self>::json(#every, #revision)));
    quote! {
        #[allow(unused_imports)]
        use __eventsource::Fallback as _;
        ::core::option::Option::Some(#codec.with_fingerprint(
            const { __eventsource::fingerprint_of_state(#tokens, &[#(__eventsource::Probe::<#types>::SHAPE),*]) },
        ))
    }
}
