//! What a view is: a table whose rows are folded from events.

use crate::words::column::Row;
use crate::words::column_type::KeyType;
use crate::words::event::Recorded;
use crate::words::stream::Version;
use crate::words::view_table::ViewTable;

use super::event_set::EventSet;
use super::view_row::ColumnFault;

/// A row of a table that is folded from events: `#[derive(View)]` on a struct, and one [`Fold`] for each event.
///
/// ```
/// use eventsource::{DomainEvent, Fold, Recorded, View};
/// use serde::{Deserialize, Serialize};
///
/// #[derive(DomainEvent, Serialize, Deserialize)]
/// #[event(name = "account.opened", version = 1)]
/// struct Opened { owner: String }
///
/// #[derive(DomainEvent, Serialize, Deserialize)]
/// #[event(name = "account.deposited", version = 1)]
/// struct Deposited { cents: i64 }
///
/// #[derive(View, Clone)]
/// #[view(name = "balances", version = 1, events(Opened, Deposited))]
/// struct Balance {
///     #[view(key = stream)]
///     account: String,
///     owner: String,
///     cents: i64,
/// }
///
/// impl Fold<Opened> for Balance {
///     fn fold(account: &String, _: Option<Self>, opened: &Recorded<Opened>) -> Option<Self> {
///         Some(Self { account: account.clone(), owner: opened.event.owner.clone(), cents: 0 })
///     }
/// }
///
/// impl Fold<Deposited> for Balance {
///     fn fold(_: &String, row: Option<Self>, deposited: &Recorded<Deposited>) -> Option<Self> {
///         let row = row?;
///         Some(Self { cents: row.cents + deposited.event.cents, ..row })
///     }
/// }
/// ```
pub trait View: Send + Sync + Sized + 'static {
    /// By what rows are found.
    type Key: KeyType;

    /// Every event that is folded into it.
    type Event: EventSet;

    /// The table.
    const TABLE: ViewTable;

    /// The key of a row is the id of a stream, and only that stream's events change it.
    const KEYED_BY_STREAM: bool;

    /// The key of this row.
    fn key(&self) -> &Self::Key;

    /// An event of the set, told apart by its type.
    #[doc(hidden)]
    type __Typed: Send;

    #[doc(hidden)]
    fn __typed(event: Recorded<Self::Event>) -> Self::__Typed;

    #[doc(hidden)]
    fn __keys(event: &Self::__Typed) -> Keys<Self::Key>;

    #[doc(hidden)]
    fn __fold(key: &Self::Key, row: Option<Self>, event: &Self::__Typed) -> Option<Self>;

    /// The key that a stream's id is, where the key is one.
    #[doc(hidden)]
    fn __stream_key(id: &str) -> Option<Self::Key>;

    /// Notes the version of the last event that is folded into the row, where it has a field for that.
    #[doc(hidden)]
    fn __set_version(&mut self, _: Version) {}

    /// The row as it will come back from a store.
    #[doc(hidden)]
    fn __into_stored(self) -> Self;

    /// Fails with the name of the column that cannot be stored, and why.
    #[doc(hidden)]
    fn __into_row(self) -> Result<Row, ColumnFault>;

    /// Fails with the name of the column that does not hold what its field can take, and why.
    #[doc(hidden)]
    fn __from_row(row: Row) -> Result<Self, ColumnFault>;
}

/// A view of one row for each stream, which says how much of the stream it has in it; so it can be kept inline, by
/// [`InlineViews`](crate::InlineViews).
///
/// The derive implements it where the key is the stream and a field has `#[view(version)]`, which is a [`Version`]. The
/// framework sets that after each fold, however the view is run; whatever a fold puts there is overwritten.
///
/// ```
/// # use eventsource::{DomainEvent, Fold, InlineView, Recorded, Version, View};
/// # use serde::{Deserialize, Serialize};
/// # #[derive(DomainEvent, Serialize, Deserialize)]
/// # #[event(name = "account.deposited", version = 1)]
/// # struct Deposited { cents: i64 }
/// #[derive(View, Clone)]
/// #[view(name = "balances", version = 1, events(Deposited))]
/// struct Balance {
///     #[view(key = stream)]
///     account: String,
///     #[view(version)]
///     version: Version,
///     cents: i64,
/// }
///
/// impl Fold<Deposited> for Balance {
///     fn fold(account: &String, row: Option<Self>, deposited: &Recorded<Deposited>) -> Option<Self> {
///         let cents = row.map_or(0, |row| row.cents) + deposited.event.cents;
///         Some(Self { account: account.clone(), version: deposited.version, cents })
///     }
/// }
///
/// fn can_be_inline<V: InlineView>() {}
/// can_be_inline::<Balance>();
/// ```
#[diagnostic::on_unimplemented(
    message = "the view `{Self}` cannot be kept inline",
    label = "its rows do not say how much of their stream they have in them",
    note = "write `#[view(key = stream)]` above its key, and give it a field `#[view(version)] version: Version`",
    note = "a view of another key is run by `Projections`, or folded on demand by `LiveView`"
)]
pub trait InlineView: View {
    /// The version of the last event that is folded into the row.
    #[doc(hidden)]
    fn __version(&self) -> Version;
}

/// What an event changes in the rows of a view; one impl for each event of the view, see [`View`].
///
/// Pure: the same events make the same rows, whenever they are folded. A batch of events is folded in their order, the
/// parts of a split event one after the other, each event once for each of its keys.
#[diagnostic::on_unimplemented(
    message = "the view `{Self}` does not say what `{E}` changes",
    label = "`impl Fold<{E}> for {Self}` is missing",
    note = "write `impl Fold<{E}> for {Self} {{ fn fold(key: &Key, row: Option<Self>, event: &Recorded<{E}>) -> Option<Self> {{ … }} }}`"
)]
pub trait Fold<E>: View {
    /// The rows that the event concerns. Not needed where the key is the stream.
    fn keys(event: &Recorded<E>) -> Keys<Self::Key> {
        const {
            assert!(
                Self::KEYED_BY_STREAM,
                "a view whose key is not `#[view(key = stream)]` says in `Fold::keys` which rows an event concerns"
            );
        }
        Keys { keys: Self::__stream_key(event.stream.id()).into_iter().collect() }
    }

    /// The row of this key after the event; `None` deletes it, or leaves it unmade.
    ///
    /// The row that it returns has this key.
    fn fold(key: &Self::Key, row: Option<Self>, event: &Recorded<E>) -> Option<Self>;
}

/// The rows that one event concerns.
///
/// ```
/// use eventsource::Keys;
///
/// let both: Keys<String> = Keys::several(["alice", "bob"]);
/// let of_year: Keys<i32> = Keys::one(2024);
/// assert_ne!(both, Keys::none());
/// # let _ = of_year;
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Keys<K> {
    pub(crate) keys: Vec<K>,
}

impl<K> Keys<K> {
    /// No row: the event is passed over.
    pub fn none() -> Self {
        Self { keys: Vec::new() }
    }

    /// One row.
    pub fn one(key: impl Into<K>) -> Self {
        Self { keys: vec![key.into()] }
    }

    /// Several rows, each folded once, in this order; a key that is repeated counts once.
    pub fn several(keys: impl IntoIterator<Item = impl Into<K>>) -> Self {
        Self { keys: keys.into_iter().map(Into::into).collect() }
    }
}
