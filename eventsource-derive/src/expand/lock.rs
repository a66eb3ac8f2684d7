//! The comparison with `events.lock`: a constant for each field, on the token it is about

use eventsource_schema::{Lock, LockedField};
use proc_macro2::{Delimiter, Group, Ident, Span, TokenStream};
use quote::{format_ident, quote};

use super::schema::{self, Demand};
use super::{event, on};
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

/// The fields of one version, each as a constant of its own: what `checks` and the shape of the version are made of.
/// A type without a schema is one error that way, however often its field is looked at.
pub(crate) struct Fields {
    pub(crate) constants: TokenStream,
    /// The shape of the version, a `&'static Shape`.
    pub(crate) shape: TokenStream,
    names: Vec<Ident>,
}

impl Fields {
    pub(crate) fn new(version: u32, stored: &StoredObject) -> Self {
        let name = |at| format_ident!("__FIELD_{version}_{at}", span = Span::mixed_site());
        let names: Vec<_> = (0..stored.fields.len()).map(name).collect();
        let constants = names.iter().zip(&stored.fields).map(|(name, field)| {
            let field = schema::field(field, Demand::Schema);
            quote!(const #name: __eventsource::Field = #field;)
        });
        let used: Vec<_> = names.iter().map(|name| quote!(#name)).collect();
        Self { constants: constants.collect(), shape: schema::object_of(stored, &used), names }
    }

    /// A reference to the constant of a field, whose errors stand on the token.
    fn of(&self, stored: &StoredObject, field: &StoredField, span: Span) -> TokenStream {
        let at = stored.fields.iter().position(|other| std::ptr::eq(other, field)).unwrap_or_default();
        let mut name = self.names[at].clone();
        name.set_span(Span::mixed_site().located_at(span));
        let and = on(span, quote!(&));
        quote!(#and #name)
    }
}

/// Every check of one version of an event that has this lock.
pub(crate) fn checks(model: &Event, stored: &StoredVersion, fields: &Fields, lock: &Lock) -> TokenStream {
    let entries = Locked::find(lock, model.names(), stored);
    if entries.is_empty() && stored.is_current {
        return unlocked(&model.name.value, &stored.object, fields);
    }
    entries.iter().map(|locked| of_version(locked, fields)).collect()
}

fn of_version(locked: &Locked<'_>, fields: &Fields) -> TokenStream {
    let (name, version) = (locked.name, locked.version.value);
    let reader = match locked.reader {
        Reader::Newest => quote!(Newest),
        Reader::Older => quote!(Older),
        Reader::Attributes => quote!(Attributes),
    };
    let of = quote! {
        &__eventsource::LockedAs { event: #name, version: #version, reader: __eventsource::Reader::#reader },
    };
    let checks = locked.cases().into_iter().filter_map(|case| {
        let (check, span, entry, field) = match case {
            FieldCase::Gone(_) => return None,
            // Nobody says what it was, and nobody reads it.
            FieldCase::Kept(_, _, removed) if removed.stored.ty.is_none() => return None,
            FieldCase::New(new) => ("assert_addition", new.name.span, None, new),
            FieldCase::Kept(name, entry, kept) => ("assert_locked", kept.stored.span, Some((name, entry)), kept),
            FieldCase::Renamed(name, entry, new) => ("assert_renamed", new.name.span, Some((name, entry)), new),
        };
        let entry = entry.map(|(name, entry)| text(name, entry));
        let (arguments, field) = (on(span, quote!(#of #entry)), fields.of(locked.stored, field, span));
        Some(constant(check, quote!(#arguments #field), span))
    });
    checks.collect()
}

/// `const _: () = check(arguments);`, all of it on one token.
fn constant(check: &str, arguments: TokenStream, span: Span) -> TokenStream {
    let check = Ident::new(check, span);
    let mut arguments = Group::new(Delimiter::Parenthesis, arguments);
    arguments.set_span(span);
    let (call, end) = (on(span, quote!(const _: () = __eventsource::#check)), on(span, quote!(;)));
    quote!(#call #arguments #end)
}

fn text(name: &str, entry: &LockedField) -> TokenStream {
    let (optional, shape) = (entry.optional, &entry.shape);
    quote!(&__eventsource::LockedText { name: #name, optional: #optional, shape: #shape },)
}

/// What is not locked yet must be fit to be.
fn unlocked(name: &str, stored: &StoredObject, fields: &Fields) -> TokenStream {
    let checks = stored.fields.iter().map(|each| {
        let span = each.stored.span;
        let (name, field) = (on(span, quote!(#name,)), fields.of(stored, each, span));
        constant("assert_stored", quote!(#name #field), span)
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
