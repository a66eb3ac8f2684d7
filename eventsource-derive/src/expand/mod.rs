//! Checked values to code. It cannot fail, and it writes calls into the runtime, not logic.
//!
//! Two rules keep the compiler's errors where the mistake is, and one for each:
//! a call that can be refused carries the span of the user's token that it is about, and what is
//! asked of one event (`<Event as DomainEvent>::…`) is always asked in the same words, since the
//! compiler reports equal errors on equal tokens once.

pub(crate) mod aggregate;
pub(crate) mod apply;
pub(crate) mod domain_event;
pub(crate) mod event_enum;
pub(crate) mod event_set;
mod history;
pub(crate) mod into_events;
pub(crate) mod lock;
pub(crate) mod report;
pub(crate) mod schema;
pub(crate) mod view;
mod write;

use proc_macro2::{Group, Ident, Span, TokenStream, TokenTree};
use quote::quote;
use syn::{Path, Type};

use crate::model::mark;

/// Wraps impls so that no name of theirs reaches the user's module. A wrong root is one error, on one line.
pub(crate) fn in_const(root: &Path, impls: TokenStream) -> TokenStream {
    quote! {
        #[allow(deprecated, unused_qualifications)]
        const _: () = {
            use #root::__private as __eventsource;
            #impls
        };
    }
}

/// `<Event as DomainEvent>`, where an error about it stands on the event.
fn event(ty: &Type) -> TokenStream {
    on(mark(ty), quote!(<#ty as __eventsource::DomainEvent>))
}

/// A name for a value, whose errors stand on the user's token and which no name of the user's can meet.
fn local(name: &str, span: Span) -> Ident {
    Ident::new(name, Span::mixed_site().located_at(span))
}

/// The same tokens on another place: one stray token would move the error away from it.
fn on(span: Span, tokens: TokenStream) -> TokenStream {
    let respan = |mut token: TokenTree| {
        if let TokenTree::Group(group) = &token {
            token = Group::new(group.delimiter(), on(span, group.stream())).into();
        }
        token.set_span(span);
        token
    };
    tokens.into_iter().map(respan).collect()
}

#[cfg(test)]
mod tests;
