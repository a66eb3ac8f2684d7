//! What is still written after an error, so that one mistake is one error: other code that uses
//! the type finds its impls. None of it ever runs, because the program does not compile.

use proc_macro2::TokenStream;
use quote::quote;
use syn::Generics;

use crate::expand::{event_enum, event_set, in_const, into_events};
use crate::model::{Aggregate, Event, Schema, Set, View};

/// An event without a name: no check elsewhere says anything about it.
pub(crate) fn event(event: &Event, generics: &Generics) -> TokenStream {
    let ident = &event.ident;
    unless_generic(generics, || {
        in_const(
            &event.root,
            quote! {
                #[automatically_derived]
                impl __eventsource::DomainEvent for #ident {
                    const NAME: &'static str = "";
                    const VERSION: u32 = 1;

                    fn __decode(
                        _: &__eventsource::Decoding<'_>,
                        _: &[u8],
                    ) -> ::core::result::Result<Self, __eventsource::Fault> {
                        ::core::unreachable!()
                    }
                }
            },
        )
    })
}

/// A shape that any value has, so that nothing is said of the types that hold it.
pub(crate) fn schema(schema: &Schema) -> TokenStream {
    let ident = &schema.ident;
    let (params, arguments, clause) = schema.generics.split_for_impl();
    in_const(
        &schema.root,
        quote! {
            #[automatically_derived]
            impl #params __eventsource::EventSchema for #ident #arguments #clause {
                const SHAPE: &'static __eventsource::Shape = &__eventsource::Shape::Text("json");
            }
        },
    )
}

/// A set of no events, with the conversions of those that were understood.
pub(crate) fn event_set(set: &Set, generics: &Generics) -> TokenStream {
    unless_generic(generics, || in_const(&set.root, empty_set(&distinct(set))))
}

/// A nameless aggregate with the enum of the events that were understood.
pub(crate) fn aggregate(aggregate: Aggregate, generics: &Generics) -> TokenStream {
    let set = distinct(&aggregate.set);
    let aggregate = Aggregate { set, ..aggregate };
    let (state, set) = (&aggregate.ident, &aggregate.set);
    let events = &set.ident;
    unless_generic(generics, || {
        let event_enum = event_enum::expand(&aggregate);
        let debug = (!set.members.is_empty()).then(|| event_enum::debug(&aggregate));
        let (empty_set, into_events) = (empty_set(set), into_events::expand(&aggregate));
        let impls = in_const(
            &set.root,
            quote! {
                #debug
                #empty_set
                #into_events

                #[automatically_derived]
                impl __eventsource::Apply<#events> for #state {
                    fn apply(&mut self, _: &#events) {}
                }

                #[automatically_derived]
                impl __eventsource::Aggregate for #state {
                    const NAME: &'static str = "";
                    type Event = #events;

                    fn __snapshots() -> ::core::option::Option<__eventsource::SnapshotCodec<Self>> {
                        ::core::option::Option::None
                    }

                    fn __fold(
                        &mut self,
                        _: &__eventsource::Decoding<'_>,
                        _: &[u8],
                    ) -> ::core::result::Result<(), __eventsource::Fault> {
                        ::core::unreachable!()
                    }
                }
            },
        );
        quote!(#event_enum #impls)
    })
}

/// A view of no events, with the key that was understood.
pub(crate) fn view(view: &View, generics: &Generics) -> TokenStream {
    let (ident, vis, events) = (&view.ident, &view.vis, &view.set.ident);
    let key = view.keys().next().filter(|key| key.attr.json.is_none()).map(|key| &key.ty);
    let key = key.map_or_else(|| quote!(::std::string::String), |key| quote!(#key));
    unless_generic(generics, || {
        let empty =
            Set { ident: events.clone(), root: view.set.root.clone(), members: Vec::new(), retired: Vec::new() };
        let empty_set = empty_set(&empty);
        in_const(
            &view.set.root,
            quote! {
                #[doc(hidden)]
                #vis enum #events {}
                #empty_set

                #[automatically_derived]
                impl __eventsource::View for #ident {
                    type Key = #key;
                    type Event = #events;
                    type __Typed = ();

                    const TABLE: __eventsource::ViewTable = __eventsource::ViewTable::new("", 1, &[], 0);
                    const KEYED_BY_STREAM: bool = true;

                    fn key(&self) -> &Self::Key {
                        ::core::unreachable!()
                    }

                    fn __stream_key(_: &::core::primitive::str) -> ::core::option::Option<Self::Key> {
                        ::core::unreachable!()
                    }

                    fn __typed(_: __eventsource::Recorded<Self::Event>) -> Self::__Typed {
                        ::core::unreachable!()
                    }

                    fn __keys(_: &Self::__Typed) -> __eventsource::Keys<Self::Key> {
                        ::core::unreachable!()
                    }

                    fn __fold(
                        _: &Self::Key,
                        _: ::core::option::Option<Self>,
                        _: &Self::__Typed,
                    ) -> ::core::option::Option<Self> {
                        ::core::unreachable!()
                    }

                    fn __into_stored(self) -> Self {
                        ::core::unreachable!()
                    }

                    fn __into_row(self) -> ::core::result::Result<__eventsource::Row, __eventsource::ColumnFault> {
                        ::core::unreachable!()
                    }

                    fn __from_row(_: __eventsource::Row) -> ::core::result::Result<Self, __eventsource::ColumnFault> {
                        ::core::unreachable!()
                    }
                }

                #[automatically_derived]
                impl __eventsource::InlineView for #ident {
                    fn __version(&self) -> __eventsource::Version {
                        ::core::unreachable!()
                    }
                }
            },
        )
    })
}

fn empty_set(set: &Set) -> TokenStream {
    let (ident, conversions) = (&set.ident, event_set::conversions(set));
    quote! {
        #[automatically_derived]
        impl __eventsource::EventSet for #ident {
            const EVENTS: &'static [__eventsource::EventDescriptor] = &[];
            const RETIRED: &'static [&'static str] = &[];

            fn __decode(
                _: &__eventsource::Decoding<'_>,
                _: &[u8],
            ) -> ::core::result::Result<__eventsource::Decoded<Self>, __eventsource::Fault> {
                ::core::unreachable!()
            }

            fn __encode(
                &self,
                _: __eventsource::EncodeAs,
            ) -> ::core::result::Result<__eventsource::Encoded, __eventsource::EncodeError> {
                ::core::unreachable!()
            }
        }
        #conversions
    }
}

/// Without what is there twice, which the compiler would report once more.
fn distinct(set: &Set) -> Set {
    let mut members: Vec<crate::model::Member> = Vec::new();
    for member in &set.members {
        if !members.iter().any(|earlier| earlier.variant == member.variant || earlier.event == member.event) {
            members.push(member.clone());
        }
    }
    Set { ident: set.ident.clone(), root: set.root.clone(), members, retired: Vec::new() }
}

/// A stub would have to repeat the generics, which are often the mistake.
fn unless_generic(generics: &Generics, stub: impl FnOnce() -> TokenStream) -> TokenStream {
    if generics.params.is_empty() { stub() } else { TokenStream::new() }
}
