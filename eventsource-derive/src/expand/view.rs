//! `impl View`, the hidden enums of its events, and a constant for each column that has an index

use proc_macro2::TokenStream;
use quote::{format_ident, quote};

use super::{event_set, in_const, local, on};
use crate::model::{Member, View, ViewColumn, mark};

pub(crate) fn expand(view: &View) -> TokenStream {
    let View { ident, set, .. } = view;
    let (name, version, key) = (&view.name.value, view.version.value, view.key());
    let (key_field, key_type) = (&view.columns[key].ident, &view.columns[key].ty);
    let is_stream = view.is_of_streams();
    let of_stream = if is_stream {
        let of_stream = on(mark(key_type), quote!(<#key_type as __eventsource::StreamKey>::of_stream));
        quote!(::core::option::Option::Some(#of_stream(id)))
    } else {
        quote!(::core::option::Option::None)
    };
    let columns = view.columns.iter().map(column);
    let (enums, dispatch) = (enums(view), dispatch(view));
    let (event_set, constants, rows) = (event_set::expand(set), constants(view), rows(view));
    let (set_version, inline) = stream_version(view);
    let events = &set.ident;
    in_const(
        &set.root,
        quote! {
            #enums
            #event_set

            #[automatically_derived]
            impl __eventsource::View for #ident {
                type Key = #key_type;
                type Event = #events;
                type __Typed = __Typed;

                const TABLE: __eventsource::ViewTable = {
                    const COLUMNS: &[__eventsource::Column] = &[#(#columns),*];
                    __eventsource::ViewTable::new(#name, #version, COLUMNS, #key)
                };
                const KEYED_BY_STREAM: bool = #is_stream;

                fn key(&self) -> &Self::Key {
                    &self.#key_field
                }

                fn __stream_key(id: &::core::primitive::str) -> ::core::option::Option<Self::Key> {
                    #of_stream
                }

                #dispatch
                #set_version
                #rows
            }

            #inline

            #[automatically_derived]
            #[allow(dead_code, non_upper_case_globals, private_interfaces)]
            impl #ident {
                #constants
            }
        },
    )
}

/// How the version of the stream comes into its field, and that the view can be kept inline therefore.
fn stream_version(view: &View) -> (TokenStream, TokenStream) {
    let Some(ViewColumn { ident: field, ty, .. }) = view.versions().next() else {
        return (TokenStream::new(), TokenStream::new());
    };
    let ident = &view.ident;
    let of = on(mark(ty), quote!(<#ty as __eventsource::VersionColumn>));
    let set = quote! {
        fn __set_version(&mut self, version: __eventsource::Version) {
            self.#field = #of::of_version(version);
        }
    };
    let inline = quote! {
        #[automatically_derived]
        impl __eventsource::InlineView for #ident {
            fn __version(&self) -> __eventsource::Version {
                #of::version(&self.#field)
            }
        }
    };
    (set, inline)
}

/// The set of the view's events, and the same with all that is known about each.
fn enums(view: &View) -> TokenStream {
    let (vis, ident) = (&view.vis, &view.set.ident);
    let variants: Vec<_> = view.set.members.iter().map(|member| &member.variant).collect();
    let events: Vec<_> = view.set.members.iter().map(|member| &member.event).collect();
    quote! {
        #[doc(hidden)]
        #[allow(clippy::large_enum_variant, clippy::enum_variant_names, private_interfaces)]
        #vis enum #ident {
            #(#variants(#events),)*
        }

        #[doc(hidden)]
        #[allow(clippy::large_enum_variant, clippy::enum_variant_names, private_interfaces)]
        #vis enum __Typed {
            #(#variants(__eventsource::Recorded<#events>),)*
        }
    }
}

/// From the enums to the user's `Fold` for each event.
fn dispatch(view: &View) -> TokenStream {
    let ident = &view.set.ident;
    let variants: Vec<_> = view.set.members.iter().map(|member| &member.variant).collect();
    let (keys, folds): (Vec<_>, Vec<_>) = view
        .set
        .members
        .iter()
        .map(|Member { variant, event: ty }| {
            // The same text on the same token, so that a missing `Fold` is one error.
            let fold = on(mark(ty), quote!(<Self as __eventsource::Fold<#ty>>));
            let event = local("event", mark(ty));
            (
                quote!(__Typed::#variant(#event) => #fold::keys(#event)),
                quote!(__Typed::#variant(#event) => #fold::fold(key, row, #event)),
            )
        })
        .unzip();
    quote! {
        fn __typed(event: __eventsource::Recorded<Self::Event>) -> Self::__Typed {
            let (event, around) = event.split();
            match event {
                #(#ident::#variants(event) => __Typed::#variants(around.map(|()| event)),)*
            }
        }

        fn __keys(event: &Self::__Typed) -> __eventsource::Keys<Self::Key> {
            match event {
                #(#keys,)*
            }
        }

        fn __fold(
            key: &Self::Key,
            row: ::core::option::Option<Self>,
            event: &Self::__Typed,
        ) -> ::core::option::Option<Self> {
            match event {
                #(#folds,)*
            }
        }
    }
}

/// What `Column::of::<i64>("cents")` is
fn column(column: &ViewColumn) -> TokenStream {
    let ViewColumn { ty, name, attr, .. } = column;
    if attr.json.is_some() {
        return quote!(__eventsource::Column::json(#name));
    }
    // In the same words as everywhere, so that a type that is no column is one error.
    let of = quote!(<#ty as __eventsource::ColumnType>);
    let indexed = attr.index.map(|_| quote!(.indexed()));
    on(mark(ty), quote!(__eventsource::Column::new(#name, #of::KIND, #of::OPTIONS)#indexed))
}

/// Fields to columns, and back.
fn rows(view: &View) -> TokenStream {
    let fields: Vec<_> = view.columns.iter().map(|column| &column.ident).collect();
    let (mut into_stored, mut into_row, mut from_row) = (Vec::new(), Vec::new(), Vec::new());
    for ViewColumn { ident, ty, name, attr } in &view.columns {
        let span = mark(ty);
        if attr.json.is_some() {
            let json = on(span, quote!(<#ty as __eventsource::JsonColumn>));
            into_stored.push(quote!(self.#ident));
            into_row.push(quote!(#json::to_json_column(&self.#ident, #name)?));
            from_row.push(quote!(columns.take_json(#name, #json::from_json_column)?));
        } else {
            let of = on(span, quote!(<#ty as __eventsource::ColumnType>));
            into_stored.push(quote!(#of::into_stored(self.#ident)));
            into_row.push(quote!(__eventsource::to_column(#name, #of::into_column(self.#ident))?));
            from_row.push(quote!(columns.take(#name, #of::from_column)?));
        }
    }
    quote! {
        fn __into_stored(self) -> Self {
            Self { #(#fields: #into_stored),* }
        }

        fn __into_row(self) -> ::core::result::Result<__eventsource::Row, __eventsource::ColumnFault> {
            ::core::result::Result::Ok(__eventsource::Row::from([#(#into_row),*]))
        }

        fn __from_row(row: __eventsource::Row) -> ::core::result::Result<Self, __eventsource::ColumnFault> {
            let mut columns = __eventsource::Columns::of(row);
            ::core::result::Result::Ok(Self { #(#fields: #from_row),* })
        }
    }
}

/// By what rows may be looked up: `Balance::OWNER`.
fn constants(view: &View) -> TokenStream {
    let found_by = |column: &ViewColumn| column.attr.key.is_some() || column.attr.index.is_some();
    let constants = view.columns.iter().enumerate().filter(|(_, column)| found_by(column)).map(|(at, column)| {
        let (vis, ty, name) = (&view.vis, &column.ty, &column.name);
        let constant = format_ident!("{}", name.to_uppercase(), span = column.ident.span());
        let doc = format!("The column `{name}`, by which rows are found.");
        quote! {
            #[doc = #doc]
            #vis const #constant: __eventsource::IndexedColumn<Self, #ty> = __eventsource::IndexedColumn::__new(#at);
        }
    });
    quote!(#(#constants)*)
}
