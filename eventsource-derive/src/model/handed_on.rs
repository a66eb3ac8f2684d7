//! serde's attributes, key by key, as tokens: what the private structs of older versions take over.

use proc_macro2::{TokenStream, TokenTree};
use quote::ToTokens as _;
use syn::{Attribute, LitStr, Path};

/// One key of `#[serde(..)]` with its value, as it was written.
#[derive(Clone, Debug)]
pub(crate) struct SerdeKey {
    pub(crate) name: String,
    pub(crate) tokens: TokenStream,
}

impl SerdeKey {
    /// Every key above an item, in order. What is malformed is serde's to report.
    pub(super) fn all(attrs: &[Attribute]) -> Vec<Self> {
        let lists = attrs.iter().filter(|attr| attr.path().is_ident("serde"));
        let lists = lists.filter_map(|attr| Some(attr.meta.require_list().ok()?.tokens.clone()));
        lists.flat_map(split).collect()
    }

    /// The path in `key = "path"`.
    pub(crate) fn path(&self) -> Option<Path> {
        let literal = self.tokens.clone().into_iter().nth(2)?;
        syn::parse2::<LitStr>(literal.to_token_stream()).ok()?.parse().ok()
    }
}

fn split(list: TokenStream) -> Vec<SerdeKey> {
    let mut keys: Vec<Vec<TokenTree>> = vec![Vec::new()];
    for token in list {
        match (&token, keys.last_mut()) {
            (TokenTree::Punct(punct), _) if punct.as_char() == ',' => keys.push(Vec::new()),
            (_, Some(key)) => key.push(token),
            (_, None) => {}
        }
    }
    let keys = keys.into_iter().filter(|key| !key.is_empty());
    keys.map(|key| SerdeKey { name: key[0].to_string(), tokens: key.into_iter().collect() }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_told_apart() {
        let field: syn::ItemStruct =
            syn::parse_str("#[serde(rename(serialize = \"a\", deserialize = \"b\"), default)] /** x */ #[serde(with = \"m::n\",)] struct A;")
                .unwrap();
        let keys = SerdeKey::all(&field.attrs);
        assert_eq!(keys.iter().map(|key| &*key.name).collect::<Vec<_>>(), ["rename", "default", "with"]);
        assert_eq!(keys[2].path().unwrap().segments.len(), 2);
        assert!(keys[1].path().is_none());
    }
}
