//! The comparison with `events.lock`: a constant for each field, on the token it is about

use eventsource_schema::{Lock, LockedField, fingerprint_of_text};
use proc_macro2::{Literal, TokenStream};
use quote::{format_ident, quote};

use super::{event, on, schema};
use crate::guard::{Guard, VARIABLE};
use crate::model::{
    Aggregate, Event, FieldCase, Locked, LockedNames, Reader, StoredField, StoredObject, StoredVersion, mark,
};

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

/// Every check of an event that has this lock. What they compare are constants, each written once: the fields of all
/// versions, so that one that stayed as it was is described once, and each locked version.
pub(crate) fn checks(model: &Event, lock: &Lock) -> TokenStream {
    let versions = model.stored_versions();
    let fields = Fields::of(&versions);
    let mut checks = TokenStream::new();
    let mut numbers = 0..;
    for stored in &versions {
        let locked = Locked::find(lock, model.names(), stored);
        if locked.is_empty() && stored.is_current {
            checks.extend(unlocked(&model.name.value, &stored.object, &fields));
        }
        checks.extend(locked.iter().zip(&mut numbers).map(|(locked, number)| of_version(locked, number, &fields)));
    }
    let described = fields.0.into_iter().map(schema::described);
    quote! {
        const __FIELDS: &[__eventsource::StoredField] = &[#(#described),*];
        #checks
    }
}

/// What is stored in any version, each field once.
struct Fields<'a>(Vec<&'a StoredField>);

impl<'a> Fields<'a> {
    fn of(versions: &'a [StoredVersion]) -> Self {
        let mut fields = Self(Vec::new());
        for field in versions.iter().flat_map(|stored| &stored.object.fields) {
            if fields.find(field).is_none() {
                fields.0.push(field);
            }
        }
        fields
    }

    fn find(&self, field: &StoredField) -> Option<Literal> {
        self.0.iter().position(|known| known.is_same(field)).map(Literal::usize_unsuffixed)
    }
}

/// One entry of the lock, and its checks.
fn of_version(locked: &Locked<'_>, number: usize, fields: &Fields<'_>) -> TokenStream {
    let (event, version, constant) = (locked.name, locked.version.value, format_ident!("__LOCKED_{number}"));
    let reader = match locked.reader {
        Reader::Newest => quote!(Newest),
        Reader::Older => quote!(Older),
        Reader::Attributes => quote!(Attributes),
    };
    let texts = locked.entry.fields.iter().map(|(name, LockedField { optional, shape })| {
        let fingerprint = fingerprint_of_text(shape);
        quote! {
            __eventsource::LockedText { name: #name, optional: #optional, shape: #shape, fingerprint: #fingerprint }
        }
    });
    let entry = quote! {
        const #constant: &__eventsource::LockedAs = &__eventsource::LockedAs {
            event: #event,
            version: #version,
            reader: __eventsource::Reader::#reader,
            fields: &[#(#texts),*],
        };
    };
    let at = |name: &str| {
        let at = locked.entry.fields.keys().position(|known| known == name).map(Literal::usize_unsuffixed);
        quote!(#at,)
    };
    let checks = locked.cases().into_iter().filter_map(|case| {
        let (check, span, at, field) = match case {
            FieldCase::Gone(_) => return None,
            // Nobody says what it was, and nobody reads it.
            FieldCase::Kept(_, removed) if removed.stored.ty.is_none() => return None,
            FieldCase::New(new) => (quote!(assert_addition), new.name.span, None, new),
            FieldCase::Kept(name, kept) => (quote!(assert_locked), kept.stored.span, Some(at(name)), kept),
            FieldCase::Renamed(name, new) => (quote!(assert_renamed), new.name.span, Some(at(name)), new),
        };
        let field = fields.find(field);
        Some(on(span, quote!(const _: () = __eventsource::#check(#constant, #at __FIELDS, #field);)))
    });
    let checks: Vec<_> = checks.collect();
    quote!(#entry #(#checks)*)
}

/// What is not locked yet must be fit to be.
fn unlocked(name: &str, stored: &StoredObject, fields: &Fields<'_>) -> TokenStream {
    let checks = stored.fields.iter().map(|each| {
        let field = fields.find(each);
        on(each.stored.span, quote!(const _: () = __eventsource::assert_stored(#name, __FIELDS, #field);))
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
