//! Gathers every mistake of one derive input, so that they are reported together.

use std::cell::RefCell;
use std::fmt::Display;

use proc_macro2::Span;
use quote::ToTokens;

/// The errors so far. Dropping it unread is a bug of the macro: a mistake would be lost.
pub(crate) struct Errors {
    gathered: RefCell<Option<Vec<syn::Error>>>,
}

impl Errors {
    pub(crate) fn new() -> Self {
        Self { gathered: RefCell::new(Some(Vec::new())) }
    }

    pub(crate) fn push(&self, error: syn::Error) {
        if let Some(gathered) = self.gathered.borrow_mut().as_mut() {
            gathered.push(error);
        }
    }

    /// An error on all of the user's tokens that `tokens` is made of.
    pub(crate) fn on(&self, tokens: impl ToTokens, message: impl Display) {
        self.push(syn::Error::new_spanned(tokens, message));
    }

    /// An error on one of the user's tokens.
    pub(crate) fn at(&self, span: Span, message: impl Display) {
        self.push(syn::Error::new(span, message));
    }

    /// Everything that was gathered, as one error.
    pub(crate) fn finish(self) -> Result<(), syn::Error> {
        let gathered = self.gathered.take().unwrap_or_default();
        match gathered.into_iter().reduce(|mut all, error| {
            all.combine(error);
            all
        }) {
            Some(all) => Err(all),
            None => Ok(()),
        }
    }
}

impl Drop for Errors {
    fn drop(&mut self) {
        if self.gathered.get_mut().is_some() && !std::thread::panicking() {
            panic!("the errors of a derive were not read");
        }
    }
}

/// The word that was probably meant, if one is near enough to be worth a guess.
pub(crate) fn nearest<'a>(written: &str, words: &[&'a str]) -> Option<&'a str> {
    let (distance, word) = words.iter().map(|word| (distance(written, word), *word)).min()?;
    (distance <= 1 + written.len() / 4).then_some(word)
}

/// How many characters must be added, removed, changed or swapped with their neighbour.
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let mut rows = vec![(0..=b.len()).collect::<Vec<_>>()];
    for i in 1..=a.len() {
        let mut row = vec![i];
        for j in 1..=b.len() {
            let changed = usize::from(a[i - 1] != b[j - 1]);
            let mut least = (rows[i - 1][j] + 1).min(row[j - 1] + 1).min(rows[i - 1][j - 1] + changed);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                least = least.min(rows[i - 2][j - 2] + 1);
            }
            row.push(least);
        }
        rows.push(row);
    }
    rows[a.len()][b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_near_word_is_guessed_and_a_far_one_is_not() {
        let words = ["name", "version", "previous", "upcast"];
        assert_eq!(nearest("nmae", &words), Some("name"));
        assert_eq!(nearest("versoin", &words), Some("version"));
        assert_eq!(nearest("upcasts", &words), Some("upcast"));
        assert_eq!(nearest("colour", &words), None);
    }

    #[test]
    fn all_errors_come_out_in_order() {
        let errors = Errors::new();
        errors.at(Span::call_site(), "first");
        errors.on(quote::quote!(here), "second");
        let texts: Vec<_> = errors.finish().unwrap_err().into_iter().map(|error| error.to_string()).collect();
        assert_eq!(texts, ["first", "second"]);
    }

    #[test]
    #[should_panic(expected = "were not read")]
    fn errors_that_nobody_reads_are_a_bug() {
        drop(Errors::new());
    }
}
