//! The older version that is written in place of the newest, while older programs read along.

use proc_macro2::TokenStream;
use quote::{format_ident, quote};

use super::history::{container, field_keys, given, named};
use super::{event, on};
use crate::model::{Event, Field, mark, mark_of_path};

/// `const WRITTEN`
pub(super) fn written(model: &Event) -> Option<TokenStream> {
    let write = model.history.write.as_ref()?.value;
    Some(quote!(const WRITTEN: u32 = #write;))
}

/// `fn __downcast`
pub(super) fn downcast(model: &Event) -> Option<TokenStream> {
    let write = model.history.write.as_ref()?.value;
    let older = match &model.history.previous {
        Some(previous) => {
            let downcast = on(mark(previous), quote!(__eventsource::downcast_to_previous::<#previous, Self>));
            quote!(#downcast(self))
        }
        None => {
            let old = name(model, write);
            let values = kept(model, write).map(|field| {
                let (ident, value) = (&field.ident, older_value(model, field, write));
                quote!(#ident: #value)
            });
            let removed = removed(model, write).map(|(ident, _, _, value)| quote!(#ident: #value));
            quote! {
                __eventsource::downcast::<Self, _>(|| {
                    ::core::result::Result::Ok(#old { #(#values,)* #(#removed,)* })
                })
            }
        }
    };
    Some(quote! {
        fn __downcast(
            &self,
        ) -> ::core::option::Option<::core::result::Result<__eventsource::Encoded, __eventsource::EncodeError>> {
            ::core::option::Option::Some(#older)
        }
    })
}

/// What stands beside the impl: that `previous` writes the version, or the struct that is written.
pub(super) fn assert_or_struct(model: &Event) -> Option<TokenStream> {
    let write = model.history.write.as_ref()?;
    if let Some(previous) = &model.history.previous {
        let (old, version) = (event(previous), write.value);
        let check = quote!(const _: () = __eventsource::assert_written(&#old::DESCRIPTOR, #version););
        return Some(on(write.span, check));
    }
    let version = write.value;
    let (old, serde) = (name(model, version), container(model, TokenStream::new()));
    let fields = kept(model, version).map(|field| {
        let (ident, keys, ty) = (&field.ident, field_keys(field, version), named(model, field.type_at(version)));
        // What did not change is borrowed: an event need not be `Clone`.
        let borrow = is_borrowed(field, version).then(|| quote!(&'a));
        quote!(#(#[serde(#keys)])* #ident: #borrow #ty)
    });
    let lifetime = kept(model, version).any(|field| is_borrowed(field, version)).then(|| quote!(<'a>));
    let removed = removed(model, version).map(|(ident, wire, ty, _)| quote!(#[serde(rename = #wire)] #ident: #ty));
    Some(quote! {
        #[derive(__eventsource::serde::Serialize)]
        #serde
        struct #old #lifetime {
            #(#fields,)*
            #(#removed,)*
        }
    })
}

fn name(model: &Event, version: u32) -> proc_macro2::Ident {
    format_ident!("__{}WrittenV{version}", model.ident)
}

/// The fields of today that the version has too.
fn kept(model: &Event, version: u32) -> impl Iterator<Item = &Field> {
    model.fields.iter().filter(move |field| !field.serde.skipped && field.is_in(version))
}

fn is_borrowed(field: &Field, version: u32) -> bool {
    field.changes_after(version).is_empty()
}

/// What the version has in a field: the value of today, converted back step by step.
fn older_value(model: &Event, field: &Field, version: u32) -> TokenStream {
    let (ident, wire) = (&field.ident, &field.wire);
    let mut value = quote!(&self.#ident);
    for (at, changed) in field.changes_after(version).into_iter().rev().enumerate() {
        let (step, old, new) =
            (changed.version.value, named(model, &changed.from), named(model, field.type_at(changed.version.value)));
        let Some(back) = &changed.back else { continue };
        let (take, back) =
            (on(mark_of_path(&back.path), quote!(__eventsource::change_back::<&#new, #old, _>)), named(model, back));
        let borrow = (at > 0).then(|| quote!(&));
        value = quote!(#take(#back, (#wire, #step), #borrow #value)?);
    }
    value
}

/// The fields that are gone today: a name in Rust, the name in the JSON, type and value.
fn removed(
    model: &Event,
    version: u32,
) -> impl Iterator<Item = (proc_macro2::Ident, &String, TokenStream, TokenStream)> {
    let removed = model.history.removed.iter().filter(move |removed| removed.is_in(version)).enumerate();
    removed.filter_map(|(at, removed)| {
        let (ty, default) = (removed.from.as_ref()?, removed.default.as_ref()?);
        Some((format_ident!("__removed_{at}"), &removed.field.value, named(model, ty), given(model, default, ty)))
    })
}
