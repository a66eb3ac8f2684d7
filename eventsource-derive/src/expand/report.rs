//! The tests that a derive leaves beside an event: while `cargo eventsource` asks, they tell what is stored; beside a lock,
//! they replay the recorded payloads.

use proc_macro2::TokenStream;
use quote::{format_ident, quote};
use syn::{Ident, Path};

use super::schema::object;
use crate::guard::Guard;
use crate::model::{Aggregate, Event, StoredVersion};

/// The report of an event: its versions, its steps, its shapes.
pub(crate) fn event(model: &Event, guard: &Guard) -> TokenStream {
    let ident = &model.ident;
    let path = match guard {
        Guard::Asked { path } => path,
        // What was recorded is replayed whenever the tests run.
        Guard::Lock { path, .. } => {
            let golden = quote! {
                use __eventsource::OnlyRead as _;
                __eventsource::GoldenOf::<#ident>::beside(#path).replay();
            };
            return test(&model.root, format_ident!("__eventsource_golden_{ident}"), golden);
        }
        Guard::Nothing | Guard::Broken { .. } => return TokenStream::new(),
    };
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
        use __eventsource::OnlyRead as _;
        __eventsource::report_event::<#ident>(#path, ::core::module_path!(), &[#(#steps),*], &[#(#older),*]);
        __eventsource::GoldenOf::<#ident>::beside(#path).leave();
    };
    test(&model.root, format_ident!("__eventsource_lock_{ident}"), call)
}

/// The report of an aggregate: what it reads.
pub(crate) fn aggregate(aggregate: &Aggregate, guard: &Guard) -> TokenStream {
    let Guard::Asked { path } = guard else { return TokenStream::new() };
    let ident = &aggregate.ident;
    let call = quote!(__eventsource::report_aggregate::<#ident>(#path, ::core::module_path!()););
    test(&aggregate.set.root, format_ident!("__eventsource_lock_{ident}"), call)
}

/// A test must stand beside the type, where its name is as free as the type's is.
fn test(root: &Path, name: Ident, call: TokenStream) -> TokenStream {
    quote! {
        #[cfg(test)]
        #[test]
        #[allow(non_snake_case, deprecated, unused_imports)]
        fn #name() {
            use #root::__private as __eventsource;
            #call
        }
    }
}
