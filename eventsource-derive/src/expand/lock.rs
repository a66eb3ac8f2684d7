//! The comparison with `events.lock`: a constant for each field, on the token it is about

use proc_macro2::TokenStream;
use quote::quote;
use syn::Path;

use super::schema::{Demand, field, object};
use super::{event, on};
use crate::guard::{Guard, VARIABLE};
use crate::model::{Aggregate, Event, FieldCase, Locked, LockedNames, StoredObject, mark, report_name};

/// What makes cargo compile the crate again when the lock changes, or when the program is asked.
pub(crate) fn tracked(guard: &Guard) -> TokenStream {
    let file = match guard {
        Guard::Lock { path, .. } | Guard::Broken { path, .. } => {
            quote!(
                const _: &[u8] = ::core::include_bytes!(#path);
            )
        }
        Guard::Nothing | Guard::Asked { .. } => TokenStream::new(),
    };
    quote! {
        const _: ::core::option::Option<&str> = ::core::option_env!(#VARIABLE);
        #file
    }
}

/// Every check of an event's current version.
pub(crate) fn checks(model: &Event, guard: &Guard) -> TokenStream {
    let (Guard::Lock { lock, .. }, Some(stored)) = (guard, &model.stored) else { return TokenStream::new() };
    let entries = model.locked(lock);
    if entries.is_empty() {
        return unlocked(&model.name.value, stored);
    }
    entries.iter().map(of_version).collect()
}

/// Every check of one version. Versions that are read through attributes are compared by this as well.
pub(crate) fn of_version(locked: &Locked<'_>) -> TokenStream {
    let (name, version, is_history) = (locked.name, locked.version.value, locked.is_history);
    let of = quote!(&__eventsource::LockedAs { event: #name, version: #version, is_history: #is_history });
    let checks = locked.cases().into_iter().filter_map(|case| {
        let (span, check) = match case {
            FieldCase::Gone(_) => return None,
            FieldCase::New(new) => {
                let of_field = field(new, Demand::Schema);
                (new.name.span, quote!(__eventsource::assert_addition(#of, &#of_field)))
            }
            FieldCase::Kept(name, entry, kept) => {
                let (entry, of_field) = (text(name, entry), field(kept, Demand::Schema));
                (kept.mark(), quote!(__eventsource::assert_locked(#of, #entry, &#of_field)))
            }
            FieldCase::Renamed(name, entry, new) => {
                let (entry, of_field) = (text(name, entry), field(new, Demand::Schema));
                (new.name.span, quote!(__eventsource::assert_renamed(#of, #entry, &#of_field)))
            }
        };
        Some(on(span, quote!(const _: () = #check;)))
    });
    checks.collect()
}

fn text(name: &str, entry: &eventsource_schema::LockedField) -> TokenStream {
    let (optional, shape) = (entry.optional, &entry.shape);
    quote!(&__eventsource::LockedText { name: #name, optional: #optional, shape: #shape })
}

/// What is not locked yet must be fit to be.
fn unlocked(name: &str, stored: &StoredObject) -> TokenStream {
    let checks = stored.fields.iter().map(|each| {
        let of_field = field(each, Demand::Schema);
        on(each.mark(), quote!(const _: () = __eventsource::assert_stored(#name, &#of_field);))
    });
    checks.collect()
}

/// Every check of an aggregate: it reads what is locked as its own, by the newest structs.
pub(crate) fn aggregate(aggregate: &Aggregate, guard: &Guard) -> TokenStream {
    let Guard::Lock { lock, .. } = guard else { return TokenStream::new() };
    let name = &aggregate.name.value;
    let locked = LockedNames::of(lock, name);
    let newest: Vec<_> = locked.newest.iter().map(|(name, version)| quote!((#name, #version))).collect();
    let newest_checks = aggregate.set.members.iter().map(|member| {
        let of = event(&member.event);
        on(mark(&member.event), quote!(const _: () = __eventsource::assert_newest(&#of::DESCRIPTOR, LOCKED);))
    });
    let set = &aggregate.set.ident;
    let read_checks = locked.read_by.iter().map(|locked| {
        on(
            aggregate.name.span,
            quote! {
                const _: () = __eventsource::assert_still_read(
                    #name,
                    #locked,
                    <#set as __eventsource::EventSet>::EVENTS,
                    <#set as __eventsource::EventSet>::RETIRED,
                );
            },
        )
    });
    quote! {
        const _: () = {
            const LOCKED: &[(&str, u32)] = &[#(#newest),*];
            #(#newest_checks)*
        };
        #(#read_checks)*
    }
}

/// The test that tells `cargo eventsource` what is stored of an event. It exists only while somebody asks.
pub(crate) fn report_event(model: &Event, guard: &Guard) -> TokenStream {
    let Guard::Asked { path } = guard else { return TokenStream::new() };
    let (ident, test) = (&model.ident, report_name(&model.ident));
    let mut steps: Vec<(u32, &str)> = model.history.upcasts.iter().map(|step| (step.from.value, "raw")).collect();
    steps.extend(model.history.previous.iter().map(|_| (model.history.version.value - 1, "previous")));
    steps.sort_unstable();
    let steps = steps.iter().map(|(from, kind)| quote!((#from, #kind)));
    let version = model.history.version.value;
    let shapes = model.stored.iter().map(|stored| {
        let shape = object(stored, Demand::Schema);
        quote!((#version, #shape))
    });
    report(
        &model.root,
        &test,
        quote! {
            __eventsource::report_event::<#ident>(#path, ::core::module_path!(), &[#(#steps),*], &[#(#shapes),*]);
        },
    )
}

/// The same for an aggregate.
pub(crate) fn report_aggregate(aggregate: &Aggregate, guard: &Guard) -> TokenStream {
    let Guard::Asked { path } = guard else { return TokenStream::new() };
    let (ident, test) = (&aggregate.ident, report_name(&aggregate.ident));
    report(
        &aggregate.set.root,
        &test,
        quote! {
            __eventsource::report_aggregate::<#ident>(#path, ::core::module_path!());
        },
    )
}

fn report(root: &Path, test: &syn::Ident, call: TokenStream) -> TokenStream {
    quote! {
        #[cfg(test)]
        #[test]
        #[allow(non_snake_case, deprecated)]
        fn #test() {
            use #root::__private as __eventsource;
            #call
        }
    }
}
