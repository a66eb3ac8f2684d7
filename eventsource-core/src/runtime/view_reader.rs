//! The rows of a view, as the application reads them.

use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

use crate::contract::view::{Scan, ViewStore};
use crate::folding::view::{InlineView, View};
use crate::folding::view_batch::from_row;
use crate::words::column::ColumnValue;
use crate::words::column_type::ColumnType;
use crate::words::error::StoreError;
use crate::words::indexed_column::IndexedColumn;

use super::projections::Statuses;

/// Reads the rows of a view: one by its key, or pages in the order of an indexed column.
///
/// It reads the table of the version and the columns that this program was compiled with, whichever is served to
/// others. While the store does not hold that table yet, every read is an [`is_invalid`](StoreError::is_invalid) error.
///
/// ```
/// # use eventsource::{DomainEvent, Fold, Recorded, StoreError, View, ViewReader, memory::MemoryStore};
/// # use eventsource::ViewStore;
/// # use serde::{Deserialize, Serialize};
/// # #[derive(DomainEvent, Serialize, Deserialize)]
/// # #[event(name = "account.opened", version = 1)]
/// # struct Opened { owner: String }
/// #[derive(View)]
/// #[view(name = "accounts", version = 1, events(Opened))]
/// struct Account {
///     #[view(key = stream)]
///     id: String,
///     #[view(index)]
///     owner: String,
/// }
/// # impl Fold<Opened> for Account {
/// #     fn fold(id: &String, _: Option<Self>, opened: &Recorded<Opened>) -> Option<Self> {
/// #         Some(Self { id: id.clone(), owner: opened.event.owner.clone() })
/// #     }
/// # }
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), StoreError> {
/// # let store = MemoryStore::new();
/// # store.create_view(&Account::TABLE).await?;
/// let accounts = ViewReader::<Account>::new(store);
/// let one: Option<Account> = accounts.get("alice").await?;
/// let hers = accounts.by(Account::OWNER).equal_to("Alice").limit(20).page().await?;
/// let first = accounts.list().page().await?;
/// # assert!(one.is_none() && hers.rows.is_empty() && first.next.is_none());
/// # Ok(())
/// # }
/// ```
pub struct ViewReader<V> {
    pub(super) store: Arc<dyn ViewStore>,
    pub(super) statuses: Option<Statuses>,
    /// The rows are as new as the events.
    pub(super) is_inline: bool,
    of: PhantomData<fn() -> V>,
}

impl<V: View> ViewReader<V> {
    /// The view's rows in a store.
    pub fn new(store: impl ViewStore) -> Self {
        Self { store: Arc::new(store), statuses: None, is_inline: false, of: PhantomData }
    }

    /// The rows of a view that is kept by [`InlineViews`](crate::InlineViews), in this process or another: nobody waits for them.
    pub fn inline(store: impl ViewStore) -> Self
    where
        V: InlineView,
    {
        Self { is_inline: true, ..Self::new(store) }
    }

    /// Tells it what the projections of this process do, so that [`wait_for`](Self::wait_for) hears from them: at once
    /// that the view has moved, and at once that it has stopped. Without them it looks at the store alone.
    pub fn with_statuses(mut self, statuses: &Statuses) -> Self {
        self.statuses = Some(statuses.clone());
        self
    }

    /// The row of this key, if there is one.
    pub async fn get<K>(&self, key: &K) -> Result<Option<V>, StoreError>
    where
        K: ToOwned<Owned = V::Key> + ?Sized,
    {
        let rows = self.store.rows(&V::TABLE, &[key.to_owned().into_column()]).await?;
        rows.into_iter().next().map(from_row).transpose()
    }

    /// All rows, in order of their key.
    pub fn list(&self) -> RowsBy<'_, V, V::Key> {
        self.by(IndexedColumn::__new(V::TABLE.key))
    }

    /// Rows in the order of a column, and of the key where the column holds the same.
    ///
    /// The order is that of all stores: rows that hold nothing come first, text is ordered by its bytes.
    pub fn by<T: ColumnType>(&self, column: IndexedColumn<V, T>) -> RowsBy<'_, V, T> {
        RowsBy { reader: self, scan: Scan::by(column.place()), of: PhantomData }
    }
}

impl<V> Clone for ViewReader<V> {
    fn clone(&self) -> Self {
        let (store, statuses) = (self.store.clone(), self.statuses.clone());
        Self { store, statuses, is_inline: self.is_inline, of: PhantomData }
    }
}

impl<V: View> fmt::Debug for ViewReader<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ViewReader").field(&V::TABLE.table_name()).finish()
    }
}

/// Rows of a view in the order of one column, of type `T`: which of them, and how many.
///
/// ```
/// # use eventsource::{DomainEvent, Fold, Recorded, StoreError, View, ViewReader, ViewStore, memory::MemoryStore};
/// # use serde::{Deserialize, Serialize};
/// # #[derive(DomainEvent, Serialize, Deserialize)]
/// # #[event(name = "account.opened", version = 1)]
/// # struct Opened { owner: String }
/// # #[derive(View)]
/// # #[view(name = "balances", version = 1, events(Opened))]
/// # struct Balance { #[view(key = stream)] account: String, #[view(index)] cents: i64 }
/// # impl Fold<Opened> for Balance {
/// #     fn fold(_: &String, row: Option<Self>, _: &Recorded<Opened>) -> Option<Self> { row }
/// # }
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), StoreError> {
/// # let store = MemoryStore::new();
/// # store.create_view(&Balance::TABLE).await?;
/// # let balances = ViewReader::<Balance>::new(store);
/// let richest_first = balances.by(Balance::CENTS).at_least(1_000_000).descending().limit(50);
/// let mut page = richest_first.page().await?;
/// while let Some(next) = page.next {
///     page = richest_first.clone().after(next).page().await?;
/// }
/// # Ok(())
/// # }
/// ```
#[must_use = "rows are read by `page`"]
pub struct RowsBy<'r, V, T> {
    reader: &'r ViewReader<V>,
    scan: Scan,
    of: PhantomData<fn(T)>,
}

impl<V: View, T: ColumnType> RowsBy<'_, V, T> {
    /// Only rows whose column holds this value or a greater one.
    pub fn at_least(mut self, value: impl Into<T::Plain>) -> Self {
        self.scan.from = Some(value.into().into_column());
        self
    }

    /// Only rows whose column holds this value or a lesser one; those that hold nothing are left out.
    pub fn at_most(mut self, value: impl Into<T::Plain>) -> Self {
        self.scan.to = Some(value.into().into_column());
        self
    }

    /// Only rows whose column holds this value.
    pub fn equal_to(mut self, value: impl Into<T::Plain>) -> Self {
        let value = value.into().into_column();
        (self.scan.from, self.scan.to) = (Some(value.clone()), Some(value));
        self
    }

    /// From the greatest value down.
    pub fn descending(mut self) -> Self {
        self.scan.descending = true;
        self
    }

    /// At most so many rows in a page, from 1 to 10,000: 100 if not said.
    pub fn limit(mut self, rows: usize) -> Self {
        self.scan.limit = rows;
        self
    }

    /// Only rows behind those of an earlier page of the same order.
    pub fn after(mut self, cursor: RowCursor) -> Self {
        self.scan.after = Some((cursor.value, cursor.key));
        self
    }

    /// Reads the rows.
    pub async fn page(&self) -> Result<RowPage<V>, StoreError> {
        let table = V::TABLE;
        let rows = self.reader.store.scan_rows(&table, &self.scan).await?;
        let last = rows.last().filter(|_| rows.len() >= self.scan.limit);
        let next = last.map(|row| RowCursor { value: row[self.scan.column].clone(), key: table.key_of(row).clone() });
        Ok(RowPage { rows: rows.into_iter().map(from_row).collect::<Result<_, _>>()?, next })
    }
}

impl<V, T> Clone for RowsBy<'_, V, T> {
    fn clone(&self) -> Self {
        Self { reader: self.reader, scan: self.scan.clone(), of: PhantomData }
    }
}

impl<V, T> fmt::Debug for RowsBy<'_, V, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("RowsBy").field(&self.scan).finish()
    }
}

/// Some rows of a view.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct RowPage<V> {
    /// The rows, in order.
    pub rows: Vec<V>,
    /// Where the next page begins, if there may be one.
    pub next: Option<RowCursor>,
}

/// A place between rows: behind one of them, whether or not that is still there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RowCursor {
    value: ColumnValue,
    key: ColumnValue,
}
