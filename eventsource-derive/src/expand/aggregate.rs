//! `impl Aggregate`, and all that comes with it

use proc_macro2::TokenStream;
use quote::quote;

use super::{apply, event_enum, event_set, in_const, into_events, on};
use crate::model::Aggregate;

pub(crate) fn expand(aggregate: &Aggregate) -> TokenStream {
    let Aggregate { ident, set, .. } = aggregate;
    let name = &aggregate.name.value;
    let events = &set.ident;
    let event_enum = event_enum::expand(aggregate);
    let parts = [
        event_enum::debug(aggregate),
        event_set::expand(set),
        apply::expand(aggregate),
        into_events::expand(aggregate),
    ];
    let snapshots = snapshots(aggregate);
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
            }
        },
    );
    quote!(#event_enum #impls)
}

fn snapshots(aggregate: &Aggregate) -> TokenStream {
    let Some(snapshot) = &aggregate.snapshot else {
        return quote!(::core::option::Option::None);
    };
    let (every, revision, fingerprint) = (snapshot.every.value, snapshot.revision, aggregate.fingerprint);
    // A state that serde does not know is an error on the key that asks for snapshots.
    on(
        snapshot.span,
        quote! {
            ::core::option::Option::Some(__eventsource::SnapshotCodec::<Self>::json(#every, #revision, #fingerprint))
        },
    )
}
