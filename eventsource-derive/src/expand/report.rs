//! The tests that tell `cargo eventsource` what is stored. They exist only while it asks.

use proc_macro2::TokenStream;
use quote::{format_ident, quote};
use syn::{Ident, Path};

use super::schema::object;
use crate::guard::Guard;
use crate::model::{Aggregate, Event, StoredVersion};

/// The report of an event: its versions, its steps, its shapes.
pub(crate) fn event(model: &Event, guard: &Guard) -> TokenStream {
    let Guard::Asked { path } = guard else { return TokenStream::new() };
    let ident = &model.ident;
    let mut steps: Vec<(u32, &str)> = model
        .history
        .upcasts
        .iter()
        .map(|step| (step.from.value, if step.with.is_some() { "raw" } else { "declarative" }))
        .collect();
    steps.extend(model.history.changes.iter().map(|change| (change.version.value - 1, "declarative")));
    steps.extend(model.history.previous.iter().map(|_| (model.history.version.value - 1, "previous")));
    steps.sort_unstable();
    steps.dedup();
    let steps = steps.iter().map(|(from, kind)| quote!((#from, #kind)));
    // What nobody describes any more can only come from the lock itself.
    let described = |stored: &StoredVersion| stored.object.fields.iter().all(|field| field.stored.ty.is_some());
    let versions = model.stored_versions().into_iter().filter(|stored| !stored.is_current);
    let older = versions.filter(described).map(|stored| {
        let (version, shape) = (stored.version.value, object(&stored.object));
        quote!((#version, #shape))
    });
    let call = quote! {
        __eventsource::report_event::<#ident>(#path, ::core::module_path!(), &[#(#steps),*], &[#(#older),*]);
    };
    test(&model.root, ident, call)
}

/// The report of an aggregate: what it reads.
pub(crate) fn aggregate(aggregate: &Aggregate, guard: &Guard) -> TokenStream {
    let Guard::Asked { path } = guard else { return TokenStream::new() };
    let ident = &aggregate.ident;
    test(&aggregate.set.root, ident, quote!(__eventsource::report_aggregate::<#ident>(#path, ::core::module_path!());))
}

/// A test must stand beside the type, where its name is as free as the type's is.
fn test(root: &Path, ident: &Ident, call: TokenStream) -> TokenStream {
    let test = format_ident!("__eventsource_lock_{}", ident);
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
