//! `impl DomainEvent`

use proc_macro2::TokenStream;
use quote::{ToTokens as _, quote};
use syn::Type;

use super::schema::object;
use super::{event, history, in_const, lock, on, report, write};
use crate::attr::event::Split;
use crate::guard::Guard;
use crate::model::{Event, Reading, mark, mark_of_path};

pub(crate) fn expand(model: &Event, guard: &Guard) -> TokenStream {
    let Event { ident, history, .. } = model;
    let name = &model.name.value;
    let version = history.version.value;
    let constants = constants(model);
    let (versions, older_structs) = (versions(model), older_structs(model));
    let (written, downcast) = (write::written(model), write::downcast(model));
    let split = (!model.splits.is_empty()).then(|| split(model));
    let checks = history.previous.iter().map(|previous| assert_previous(model, previous)).chain(assert_sources(model));
    let (shape, locked) = match (&model.stored, guard) {
        (Some(stored), Guard::Asked { .. }) => {
            let shape = object(stored);
            (Some(quote!(const __SHAPE: &'static __eventsource::Shape = #shape;)), None)
        }
        (Some(_), Guard::Lock { lock, .. }) => (None, Some(lock::checks(model, lock))),
        _ => (None, None),
    };
    let tracked = lock::tracked(guard);
    let report = report::event(model, guard);
    let written_struct = write::assert_or_struct(model);
    let impls = in_const(
        &model.root,
        quote! {
            #[automatically_derived]
            impl __eventsource::DomainEvent for #ident {
                const NAME: &'static str = #name;
                const VERSION: u32 = #version;
                #constants
                #shape
                #written

                fn __decode(
                    decoding: &__eventsource::Decoding<'_>,
                    payload: &[u8],
                ) -> ::core::result::Result<Self, __eventsource::Fault> {
                    match decoding.schema_version() {
                        #versions
                        _ => __eventsource::no_such_version::<Self, _>(decoding),
                    }
                }

                #split
                #downcast
            }
            #(#older_structs)*
            #(#checks)*
            #locked
            #tracked
            #written_struct
        },
    );
    quote!(#impls #report)
}

/// The constants that are not as the trait has them for most events; each one that is written costs time in every build.
fn constants(model: &Event) -> TokenStream {
    let aliases = model.aliases.iter().map(|alias| &alias.value);
    let sources = model.splits.iter().map(|split| &split.source.value);
    let aliases =
        (!model.aliases.is_empty()).then(|| quote!(const ALIASES: &'static [&'static str] = &[#(#aliases),*];));
    let sources =
        (!model.splits.is_empty()).then(|| quote!(const SPLIT_SOURCES: &'static [&'static str] = &[#(#sources),*];));
    let oldest = match (&model.history.previous, model.history.oldest()) {
        (Some(previous), _) => {
            let previous = event(previous);
            Some(quote!(const OLDEST: u32 = #previous::OLDEST;))
        }
        (None, 1) => None,
        (None, oldest) => Some(quote!(const OLDEST: u32 = #oldest;)),
    };
    let looks_around = looks_around(model).map(|value| quote!(const LOOKS_AROUND: bool = #value;));
    quote!(#aliases #oldest #sources #looks_around)
}

/// Whether a step on raw JSON leads to it: one of its own, of the struct before it, or of what it is split from.
fn looks_around(model: &Event) -> Option<TokenStream> {
    let own = (!model.history.raw_steps().is_empty()).then(|| quote!(true));
    let previous = model.history.previous.as_ref().map(|previous| {
        let previous = event(previous);
        quote!(#previous::LOOKS_AROUND)
    });
    let sources = model.splits.iter().map(|split| {
        let part = part(split, quote!(Self));
        quote!(#part.looks_around())
    });
    let all: Vec<_> = own.into_iter().chain(previous).chain(sources).collect();
    (!all.is_empty()).then(|| quote!(#(#all)||*))
}

/// The branches that read every version.
fn versions(model: &Event) -> TokenStream {
    let of_struct = |tokens| on(model.ident.span(), tokens);
    let version = model.history.version.value;
    if let Some(previous) = &model.history.previous {
        let (decode, last) = (event(previous), version - 1);
        let older = match model.history.oldest() {
            oldest if oldest < last => quote!(#oldest..=#last),
            _ => quote!(#last),
        };
        let step = on(mark(previous), quote!(__eventsource::from_previous::<#previous, Self>));
        let current = of_struct(quote!(__eventsource::current::<Self>));
        return quote! {
            #version => #current(decoding, payload),
            #older => #step(#decode::__decode(decoding, payload)?, #version),
        };
    }
    let mut readings = model.history.readings();
    // The newest first, because most events are of it.
    readings.reverse();
    let raw_steps = raw_steps(model);
    let arms = readings.into_iter().map(|Reading { versions, raw, shape }| {
        let (first, last) = versions.into_inner();
        let versions = if first == last { quote!(#last) } else { quote!(#first..=#last) };
        let (ty, upcast) = match shape == version {
            true => (quote!(Self), None),
            false => (history::name(model, shape).into_token_stream(), Some(history::upcast(shape))),
        };
        let read = match raw {
            true => {
                let through = of_struct(quote!(__eventsource::from_raw_steps::<#ty>));
                quote!(#through(decoding, payload, &[#(#raw_steps),*]))
            }
            false => {
                let current = of_struct(quote!(__eventsource::current::<#ty>));
                quote!(#current(decoding, payload))
            }
        };
        match upcast {
            Some(upcast) => quote!(#versions => #upcast(#read?),),
            None => quote!(#versions => #read,),
        }
    });
    arms.collect()
}

fn raw_steps(model: &Event) -> Vec<TokenStream> {
    let steps = model.history.raw_steps().into_iter().map(|(from, with)| {
        let take = on(mark_of_path(&with.path), quote!(__eventsource::raw_step));
        quote!((#from, &|value, decoding| #take(#with, value, decoding)))
    });
    steps.collect()
}

/// A private struct for each older version that attributes tell of.
fn older_structs(model: &Event) -> impl Iterator<Item = TokenStream> {
    let version = model.history.version.value;
    let mut shapes: Vec<u32> = model.history.readings().iter().map(|reading| reading.shape).collect();
    shapes.retain(|shape| *shape != version);
    shapes.dedup();
    shapes.into_iter().map(|shape| history::older_struct(model, shape))
}

/// What a stored event of another name means for this one.
fn split(model: &Event) -> TokenStream {
    let arms = model.splits.iter().map(|split| {
        let (source, part) = (&split.source.value, part(split, quote!(Self)));
        quote!(#source => #part.decode(decoding, payload))
    });
    quote! {
        fn __split(
            decoding: &__eventsource::Decoding<'_>,
            payload: &[u8],
        ) -> ::core::result::Result<::core::option::Option<Self>, __eventsource::Fault> {
            match decoding.name() {
                #(#arms,)*
                _ => ::core::result::Result::Ok(::core::option::Option::None),
            }
        }
    }
}

fn assert_previous(model: &Event, previous: &Type) -> TokenStream {
    let (ident, old) = (&model.ident, event(previous));
    on(
        mark(previous),
        quote! {
            const _: () = __eventsource::assert_previous(
                &#old::DESCRIPTOR,
                &<#ident as __eventsource::DomainEvent>::DESCRIPTOR,
            );
        },
    )
}

fn assert_sources(model: &Event) -> impl Iterator<Item = TokenStream> {
    model.splits.iter().map(|split| {
        let (ident, source) = (&model.ident, &split.source.value);
        let part = part(split, quote!(#ident));
        on(mark_of_path(&split.with.path), quote!(const _: () = #part.assert_source(#source);))
    })
}

/// Written twice in the same words, so that a wrong function is one error.
fn part(split: &Split, new: TokenStream) -> TokenStream {
    let with = &split.with;
    on(mark_of_path(&with.path), quote!(__eventsource::part::<_, #new>(#with)))
}
