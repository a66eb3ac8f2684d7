//! A column by which the rows of a view are found, with its types.

use std::fmt;
use std::marker::PhantomData;

/// A column of the view `V` by whose values, of type `T`, rows are found: its key, or one with `#[view(index)]`.
///
/// `#[derive(View)]` makes a constant for each, named like the field: `Balance::OWNER`.
pub struct IndexedColumn<V, T> {
    at: usize,
    of: PhantomData<fn() -> (V, T)>,
}

impl<V, T> IndexedColumn<V, T> {
    /// The column at this place of the table; for the derive.
    #[doc(hidden)]
    pub const fn __new(at: usize) -> Self {
        Self { at, of: PhantomData }
    }

    /// Its place in the table.
    pub fn place(&self) -> usize {
        self.at
    }
}

impl<V, T> Clone for IndexedColumn<V, T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<V, T> Copy for IndexedColumn<V, T> {}

impl<V, T> fmt::Debug for IndexedColumn<V, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("IndexedColumn").field(&self.at).finish()
    }
}
