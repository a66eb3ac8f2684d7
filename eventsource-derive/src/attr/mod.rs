//! Tokens to attributes: every value keeps the span of the token it was written as.

pub(crate) mod aggregate;
pub(crate) mod event;
pub(crate) mod event_set;
pub(crate) mod field;
pub(crate) mod schema;
pub(crate) mod serde;
pub(crate) mod view;

use proc_macro2::{Span, TokenTree};
use syn::meta::ParseNestedMeta;
use syn::parse::{Parse, ParseStream};
use syn::punctuated::Punctuated;
use syn::{Attribute, Field, LitInt, LitStr, Path, Token};

use crate::errors::{Errors, nearest};

/// A value, and the token it was written as.
#[derive(Clone, Debug)]
pub(crate) struct Spanned<T> {
    pub(crate) value: T,
    pub(crate) span: Span,
}

/// What an attribute, or a list inside one, may hold.
pub(crate) struct Grammar {
    /// How errors name it.
    pub(crate) shown: &'static str,
    pub(crate) keys: &'static [&'static str],
    pub(crate) repeatable: &'static [&'static str],
}

/// Keys with a planned meaning: whoever tries one is told so.
const RESERVED: &[&str] = &["tag", "personal", "erased", "retention", "encoding"];

/// Which keys were found while reading, and whether all of them were understood.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    keys: Vec<String>,
    /// A value was malformed or a key misspelt, so that what was read is not all that was meant.
    pub(crate) doubtful: bool,
}

impl Seen {
    pub(crate) fn has(&self, key: &str) -> bool {
        self.keys.iter().any(|seen| seen == key)
    }

    /// Reads one key. An unknown one is gathered and stepped over, so that its neighbours are read
    /// too; a malformed value ends the attribute, because nobody knows where the next key begins.
    fn read(
        &mut self,
        meta: &ParseNestedMeta<'_>,
        grammar: &Grammar,
        errors: &Errors,
        each: impl FnOnce(&str, &ParseNestedMeta<'_>) -> syn::Result<()>,
    ) -> syn::Result<()> {
        let key = meta.path.get_ident().map(ToString::to_string).unwrap_or_default();
        if let Err(error) = self.admit(&key, meta, grammar) {
            errors.push(error);
            while !meta.input.is_empty() && !meta.input.peek(Token![,]) {
                meta.input.parse::<TokenTree>()?;
            }
            return Ok(());
        }
        each(&key, meta)
    }

    fn admit(&mut self, key: &str, meta: &ParseNestedMeta<'_>, grammar: &Grammar) -> syn::Result<()> {
        if RESERVED.contains(&key) {
            return Err(meta.error(format!("`{key}` is reserved for a later version of eventsource")));
        }
        if !grammar.keys.contains(&key) {
            let guess = nearest(key, grammar.keys);
            self.doubtful |= guess.is_some();
            let guess = guess.map(|word| format!(" did you mean `{word}`?")).unwrap_or_default();
            let takes = grammar.keys.join(", ");
            return Err(meta.error(format!("unknown key;{guess} {} takes: {takes}", grammar.shown)));
        }
        if self.has(key) && !grammar.repeatable.contains(&key) {
            return Err(meta.error(format!("`{key}` is given twice")));
        }
        self.keys.push(key.to_owned());
        Ok(())
    }
}

/// Reads every attribute of one name.
pub(crate) fn read(
    attrs: &[Attribute],
    name: &str,
    grammar: &Grammar,
    errors: &Errors,
    mut each: impl FnMut(&str, &ParseNestedMeta<'_>) -> syn::Result<()>,
) -> Seen {
    let mut seen = Seen::default();
    for attr in attrs.iter().filter(|attr| attr.path().is_ident(name)) {
        let read = attr.parse_nested_meta(|meta| seen.read(&meta, grammar, errors, &mut each));
        if let Err(error) = read {
            errors.push(error);
            seen.doubtful = true;
        }
    }
    seen
}

/// Reads the keys in the parentheses behind a key.
fn read_list(
    meta: &ParseNestedMeta<'_>,
    grammar: &Grammar,
    errors: &Errors,
    mut each: impl FnMut(&str, &ParseNestedMeta<'_>) -> syn::Result<()>,
) -> syn::Result<Seen> {
    let mut seen = Seen::default();
    meta.parse_nested_meta(|meta| seen.read(&meta, grammar, errors, &mut each))?;
    Ok(seen)
}

/// Refuses the attribute where it has no meaning, rather than pass over it.
pub(crate) fn refuse_on_fields<'a>(fields: impl IntoIterator<Item = &'a Field>, name: &str, errors: &Errors) {
    for attr in fields.into_iter().flat_map(|field| &field.attrs).filter(|attr| attr.path().is_ident(name)) {
        errors.on(attr, format!("#[{name}(..)] has no keys for fields yet; it stands above the type"));
    }
}

/// `key = "text"`
fn text(meta: &ParseNestedMeta<'_>) -> syn::Result<Spanned<String>> {
    spanned(&meta.value()?.parse::<LitStr>()?)
}

/// `key = 3`
fn number<N>(meta: &ParseNestedMeta<'_>) -> syn::Result<Spanned<N>>
where
    N: std::str::FromStr<Err: std::fmt::Display>,
{
    let literal: LitInt = meta.value()?.parse()?;
    Ok(Spanned { value: literal.base10_parse()?, span: literal.span() })
}

/// `key = anything::else`
fn value<T: Parse>(meta: &ParseNestedMeta<'_>) -> syn::Result<T> {
    meta.value()?.parse()
}

/// `key(one, two)`, with at least one
fn list<T: Parse>(meta: &ParseNestedMeta<'_>, of_what: &str) -> syn::Result<Vec<T>> {
    let inside;
    syn::parenthesized!(inside in meta.input);
    if inside.is_empty() {
        return Err(meta.error(format!("this list is empty; it takes {of_what}")));
    }
    Ok(Punctuated::<T, Token![,]>::parse_terminated(&inside)?.into_iter().collect())
}

/// `key("one", "two")`
fn texts(meta: &ParseNestedMeta<'_>, of_what: &str) -> syn::Result<Vec<Spanned<String>>> {
    list::<LitStr>(meta, of_what)?.iter().map(spanned).collect()
}

fn spanned(literal: &LitStr) -> syn::Result<Spanned<String>> {
    Ok(Spanned { value: literal.value(), span: literal.span() })
}

/// `crate = "path"`: a text, as in serde, because `crate` in a path has a meaning of its own.
fn root(meta: &ParseNestedMeta<'_>) -> syn::Result<Path> {
    meta.value()?.parse::<LitStr>()?.parse_with(|input: ParseStream<'_>| input.call(Path::parse_mod_style))
}

#[cfg(test)]
mod tests;
