//! The comparison with `events.lock`: a constant for each field, on the token it is about

use std::collections::HashMap;

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
    let mut compared = Compared::default();
    for stored in &versions {
        let locked = Locked::find(lock, model.names(), stored);
        if locked.is_empty() && stored.is_current {
            checks.extend(unlocked(&model.name.value, &stored.object, &fields));
        }
        for (locked, number) in locked.iter().zip(&mut numbers) {
            checks.extend(of_version(locked, number, &fields, &mut compared));
        }
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

    fn place(&self, field: &StoredField) -> Option<usize> {
        self.0.iter().position(|known| known.is_same(field))
    }

    fn find(&self, field: &StoredField) -> Option<Literal> {
        self.place(field).map(Literal::usize_unsuffixed)
    }
}

/// Which fields were compared with which locked text, and whether as what writes it, which is stricter.
///
/// The same comparison for another version would have the same answer: it would take time to make, and give one
/// mistake as many errors as there are versions.
#[derive(Default)]
struct Compared<'l>(HashMap<(usize, &'l LockedField), bool>);

impl<'l> Compared<'l> {
    /// Whether it is new, and must be made.
    fn is_new(&mut self, field: Option<usize>, locked: &'l LockedField, reader: Reader) -> bool {
        let Some(field) = field else { return true };
        let writes = reader == Reader::Newest;
        match self.0.get_mut(&(field, locked)) {
            Some(as_writer) if *as_writer || !writes => false,
            _ => {
                self.0.insert((field, locked), writes);
                true
            }
        }
    }
}

/// One entry of the lock, as far as it is compared, and its checks.
fn of_version<'l>(locked: &Locked<'l>, number: usize, fields: &Fields<'_>, compared: &mut Compared<'l>) -> TokenStream {
    let constant = format_ident!("__LOCKED_{number}");
    let mut texts = Vec::new();
    let mut text_of = |name: &str| {
        let LockedField { optional, shape } = &locked.entry.fields[name];
        let fingerprint = fingerprint_of_text(shape);
        texts.push(quote! {
            __eventsource::LockedText { name: #name, optional: #optional, shape: #shape, fingerprint: #fingerprint }
        });
        let at = Literal::usize_unsuffixed(texts.len() - 1);
        quote!(#at,)
    };
    let mut checks = TokenStream::new();
    for case in locked.cases() {
        let (check, span, at, field) = match case {
            FieldCase::Gone(_) => continue,
            // Nobody says what it was, and nobody reads it.
            FieldCase::Kept(_, removed) if removed.stored.ty.is_none() => continue,
            FieldCase::Kept(name, kept) => {
                if !compared.is_new(fields.place(kept), &locked.entry.fields[name], locked.reader) {
                    continue;
                }
                (quote!(assert_locked), kept.stored.span, Some(text_of(name)), kept)
            }
            FieldCase::New(new) => (quote!(assert_addition), new.name.span, None, new),
            FieldCase::Renamed(name, new) => (quote!(assert_renamed), new.name.span, Some(text_of(name)), new),
        };
        let field = fields.find(field);
        checks.extend(on(span, quote!(const _: () = __eventsource::#check(#constant, #at __FIELDS, #field);)));
    }
    if checks.is_empty() {
        return checks;
    }
    let (event, version) = (locked.name, locked.version.value);
    let reader = match locked.reader {
        Reader::Newest => quote!(Newest),
        Reader::Older => quote!(Older),
        Reader::Attributes => quote!(Attributes),
    };
    quote! {
        const #constant: &__eventsource::LockedAs = &__eventsource::LockedAs {
            event: #event,
            version: #version,
            reader: __eventsource::Reader::#reader,
            fields: &[#(#texts),*],
        };
        #checks
    }
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
