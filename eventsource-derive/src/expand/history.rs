//! Private structs for the older versions that attributes tell of, and how they become the newest.

use proc_macro2::{Ident, TokenStream, TokenTree};
use quote::{ToTokens, format_ident, quote};
use syn::{Expr, ExprLit, ExprPath, Lit};

use super::on;
use crate::model::{Absent, Event, Field, OldField, SerdeKey, mark_of_path};

/// serde's keys that speak of a field's type; where it was another one, they do not apply.
const OF_THE_TYPE: &[&str] = &["with", "serialize_with", "deserialize_with", "skip_serializing_if", "borrow", "bound"];

/// The struct of an older version, and the function that makes the newest out of it.
pub(super) fn older_struct(event: &Event, version: u32) -> TokenStream {
    let (old, new, upcast) = (name(event, version), &event.ident, upcast(version));
    let shape = event.history.shape(version, &event.fields);
    let serde = container(event, quote!(default));
    let fields = in_struct(event, version).map(|field| {
        let (ident, serde, ty) = (&field.ident, field_keys(field, version), named(event, field.type_at(version)));
        quote!(#(#[serde(#serde)])* #ident: #ty)
    });
    // A strict reader must know what it shall pass over.
    let removed = shape.iter().filter(|field| event.serde.strict && field.field.is_none()).enumerate();
    let removed = removed.map(|(at, OldField { wire, .. })| {
        let ident = format_ident!("__removed_{at}");
        quote!(#[serde(rename = #wire, default)] #[allow(dead_code)] #ident: __eventsource::serde::de::IgnoredAny)
    });
    let default = default(event, version);
    let values = event.fields.iter().map(|field| {
        let (ident, value) = (&field.ident, value(event, field, version));
        quote!(#ident: #value)
    });
    quote! {
        #[derive(__eventsource::serde::Deserialize)]
        #serde
        struct #old {
            #(#fields,)*
            #(#removed,)*
        }
        #default

        fn #upcast(old: #old) -> ::core::result::Result<#new, __eventsource::Fault> {
            ::core::result::Result::Ok(#new { #(#values,)* })
        }
    }
}

/// The fields of the struct of a version; one that serde skips comes from its default as in the newest.
fn in_struct(event: &Event, version: u32) -> impl Iterator<Item = &Field> {
    event.fields.iter().filter(move |field| field.serde.skipped || field.is_in(version))
}

/// The private struct of a version.
pub(super) fn name(event: &Event, version: u32) -> Ident {
    format_ident!("__{}V{version}", event.ident)
}

/// The function that makes the newest out of it.
pub(super) fn upcast(version: u32) -> Ident {
    format_ident!("__upcast_v{version}")
}

/// What serde is told of the struct, in whose name errors speak.
pub(super) fn container(event: &Event, default: TokenStream) -> TokenStream {
    let name = event.ident.to_string();
    let keys = event.serde_keys.iter().filter(|key| key.name != "rename").map(|key| match key.name.as_str() {
        "default" => default.clone(),
        _ => key.tokens.clone(),
    });
    let keys = keys.filter(|key| !key.is_empty());
    quote!(#[serde(rename = #name, #(#keys),*)])
}

/// What serde is told of a field: its older name, and of the rest what does not speak of a later type.
pub(super) fn field_keys(field: &Field, version: u32) -> Vec<TokenStream> {
    let is_changed = !field.changes_after(version).is_empty();
    let older_name = field.name_before(version).map(|name| &name.value);
    let applies = |key: &&SerdeKey| match key.name.as_str() {
        "rename" => older_name.is_none(),
        "default" => !is_changed || key.path().is_none(),
        name => !is_changed || !OF_THE_TYPE.contains(&name),
    };
    let rename = older_name.map(|name| quote!(rename = #name));
    rename.into_iter().chain(field.serde_keys.iter().filter(applies).map(|key| key.tokens.clone())).collect()
}

/// The default of a struct whose payloads may lack any field.
fn default(event: &Event, version: u32) -> Option<TokenStream> {
    let key = event.serde_keys.iter().find(|key| key.name == "default")?;
    let (old, new) = (name(event, version), as_in_default(event, key));
    let values = in_struct(event, version).map(|field| {
        let ident = &field.ident;
        match field.changes_after(version).is_empty() {
            true => quote!(#ident: new.#ident),
            false => quote!(#ident: ::core::default::Default::default()),
        }
    });
    let removed = event.history.removed.iter().filter(|removed| event.serde.strict && removed.is_in(version));
    let removed = removed.enumerate().map(|(at, _)| {
        let ident = format_ident!("__removed_{at}");
        quote!(#ident: __eventsource::serde::de::IgnoredAny)
    });
    Some(quote! {
        #[automatically_derived]
        impl ::core::default::Default for #old {
            #[allow(unused_variables)]
            fn default() -> Self {
                let new = #new;
                Self { #(#values,)* #(#removed,)* }
            }
        }
    })
}

fn as_in_default(event: &Event, key: &SerdeKey) -> TokenStream {
    let ident = &event.ident;
    match key.path() {
        Some(path) => {
            let path = named(event, path);
            quote!(#path())
        }
        None => quote!(<#ident as ::core::default::Default>::default()),
    }
}

/// What the newest struct has in a field: the older value, or the one for payloads that lack it, converted step by step.
fn value(event: &Event, field: &Field, version: u32) -> TokenStream {
    let (ident, wire) = (&field.ident, &field.wire);
    let (from, mut value) = match &field.attr.added {
        Some(added) if added.value > version => (added.value, absent(event, field, added.value)),
        _ => (version, quote!(old.#ident)),
    };
    for changed in field.changes_after(from) {
        let (at, with) = (changed.version.value, path(event, &changed.with));
        let (old, new) = (named(event, &changed.from), named(event, field.type_at(at)));
        let take = on(mark_of_path(&changed.with.path), quote!(__eventsource::change_field::<#old, #new, _>));
        value = quote!(#take(#with, (#wire, #at), #value)?);
    }
    value
}

fn absent(event: &Event, field: &Field, added: u32) -> TokenStream {
    let (ident, ty) = (&field.ident, field.type_at(added));
    match event.absent(field) {
        Some(Absent::Given(expr)) => given(event, expr, ty),
        Some(Absent::From(path)) => {
            let path = named(event, path);
            quote!(#path())
        }
        Some(Absent::AsInDefault(key)) => {
            let default = as_in_default(event, key);
            quote!(#default.#ident)
        }
        Some(Absent::Standard) | None => {
            let span = field.attr.added.as_ref().map_or(ident.span(), |added| added.span);
            on(span, quote!(::core::default::Default::default()))
        }
    }
}

/// A value that somebody wrote down; a text becomes what the type makes of it.
pub(super) fn given(event: &Event, expr: &Expr, ty: &syn::Type) -> TokenStream {
    let value = named(event, expr);
    match expr {
        Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) => {
            let ty = named(event, ty);
            let into = on(text.span(), quote!(<#ty as ::core::convert::From<&str>>::from));
            quote!(#into(#value))
        }
        _ => value,
    }
}

pub(super) fn path(event: &Event, path: &ExprPath) -> TokenStream {
    named(event, path)
}

/// Tokens of the user's with `Self` written out: they stand in another impl than they were written for.
pub(super) fn named(event: &Event, tokens: impl ToTokens) -> TokenStream {
    fn replace(tokens: TokenStream, ident: &Ident) -> TokenStream {
        let replaced = tokens.into_iter().map(|token| match token {
            TokenTree::Ident(word) if word == "Self" => {
                let mut ident = ident.clone();
                ident.set_span(word.span());
                TokenTree::Ident(ident)
            }
            TokenTree::Group(group) => {
                let mut inside = proc_macro2::Group::new(group.delimiter(), replace(group.stream(), ident));
                inside.set_span(group.span());
                TokenTree::Group(inside)
            }
            other => other,
        });
        replaced.collect()
    }
    replace(tokens.into_token_stream(), &event.ident)
}
