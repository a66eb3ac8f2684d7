//! Whether two tables hold the same rows, read beside each other in order of their keys.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use crate::contract::read::Read;
use crate::contract::view::{Scan, ViewStore};
use crate::folding::event_set::stored_names;
use crate::folding::view::View;
use crate::words::column::{ColumnValue, Row};
use crate::words::error::StoreError;
use crate::words::stream::Position;
use crate::words::view_table::ViewTable;

/// Rows of each table that are held in memory, and keys that are looked up again at a time.
const PAGE: usize = 1_000;
/// How long, in all, to wait for two tables to come to the same place.
const PATIENCE: Duration = Duration::from_secs(10);
/// Between two looks.
const PAUSE: Duration = Duration::from_millis(20);

/// A row that two tables do not hold alike.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RowDifference {
    /// The key.
    pub key: ColumnValue,
    /// The row in the first table, if it is there.
    pub left: Option<Row>,
    /// The row in the second table, if it is there.
    pub right: Option<Row>,
    /// The columns that differ, none if one of the two has no such row.
    pub columns: Vec<&'static str>,
    /// Whether both tables stood at the same event when it was seen. Otherwise one of them is behind, and the difference
    /// may be no more than that.
    pub settled: bool,
}

/// What came of comparing two tables.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Compared {
    /// Keys that one of the two holds, or both.
    pub rows: u64,
    /// Keys whose rows differ in a column that both tables have.
    pub different: u64,
    /// Keys that the first table alone holds.
    pub only_left: u64,
    /// Keys that the second table alone holds.
    pub only_right: u64,
    /// How many of all these differences were seen while one of the two was behind the other.
    pub unsettled: u64,
    /// Columns that were not compared, in order of name: one table alone has them, or of another kind than the other.
    pub not_compared: Vec<&'static str>,
}

impl Compared {
    /// Whether no difference was seen.
    pub fn is_equal(&self) -> bool {
        self.different + self.only_left + self.only_right == 0
    }
}

/// Compares the rows of two versions of a view, or of any two views with one type of key: in order of key, with two pages of
/// rows in memory.
///
/// Both may be written meanwhile. A row that differs is looked up again until it does not, or until both tables are
/// known to stand at the same event; where that does not happen within 10 seconds in all, because one of them is behind or
/// rows change all the time, the difference is told as not [settled](RowDifference::settled).
///
/// To find out whether a table is what its folds make of the events, see [`Projections::refold`](crate::Projections::refold).
///
/// ```
/// # use eventsource::{DomainEvent, Fold, Recorded, StoreError, View, ViewStore, memory::MemoryStore};
/// # use serde::{Deserialize, Serialize};
/// # #[derive(DomainEvent, Serialize, Deserialize)]
/// # #[event(name = "account.deposited", version = 1)]
/// # struct Deposited { cents: i64 }
/// # #[derive(View)]
/// # #[view(name = "balances", version = 1, events(Deposited))]
/// # struct OldBalance { #[view(key = stream)] account: String, cents: i64 }
/// # impl Fold<Deposited> for OldBalance {
/// #     fn fold(_: &String, row: Option<Self>, _: &Recorded<Deposited>) -> Option<Self> { row }
/// # }
/// # #[derive(View)]
/// # #[view(name = "balances", version = 2, events(Deposited))]
/// # struct Balance { #[view(key = stream)] account: String, cents: i64, deposits: i64 }
/// # impl Fold<Deposited> for Balance {
/// #     fn fold(_: &String, row: Option<Self>, _: &Recorded<Deposited>) -> Option<Self> { row }
/// # }
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), StoreError> {
/// # let store = MemoryStore::new();
/// # store.create_view(&OldBalance::TABLE).await?;
/// # store.create_view(&Balance::TABLE).await?;
/// let compared = eventsource::compare_views::<OldBalance, Balance>(&store, |difference| {
///     println!("{:?}: {:?} and {:?}", difference.key, difference.left, difference.right);
/// });
/// let compared = compared.await?;
/// assert!(compared.is_equal());
/// assert_eq!(compared.not_compared, ["deposits"]);
/// # Ok(())
/// # }
/// ```
pub async fn compare_views<L: View, R: View<Key = L::Key>>(
    store: &impl ViewStore,
    mut on_difference: impl FnMut(&RowDifference) + Send,
) -> Result<Compared, StoreError> {
    let sides = [Side::of::<L>(L::TABLE), Side::of::<R>(R::TABLE)];
    compare(store, sides, &mut on_difference).await
}

/// A table, and the names of the events that change it.
pub(super) struct Side {
    table: ViewTable,
    names: Vec<&'static str>,
}

impl Side {
    pub(super) fn of<V: View>(table: ViewTable) -> Self {
        Self { table, names: stored_names::<V::Event>() }
    }
}

pub(super) async fn compare(
    store: &dyn ViewStore,
    sides: [Side; 2],
    on_difference: &mut (dyn FnMut(&RowDifference) + Send),
) -> Result<Compared, StoreError> {
    let [left, right] = &sides;
    let alike: Vec<(usize, usize)> = alike(&left.table, &right.table);
    let compared = Compared { not_compared: not_compared(&sides, &alike), ..Compared::default() };
    let (mut lefts, mut rights) = (Rows::of(store, &left.table), Rows::of(store, &right.table));
    let pair = Pair { store, sides: &sides, alike };
    let mut comparison = Comparison { pair, compared, patience: PATIENCE, on_difference };
    let mut doubtful = Vec::new();
    loop {
        lefts.turn_page().await?;
        rights.turn_page().await?;
        let key = match (lefts.key(), rights.key()) {
            (None, None) => break,
            (Some(left), Some(right)) => left.min(right).clone(),
            (Some(key), None) | (None, Some(key)) => key.clone(),
        };
        let (left, right) = (lefts.take(&key), rights.take(&key));
        comparison.compared.rows += 1;
        if comparison.pair.differ(left.as_ref(), right.as_ref()) {
            doubtful.push(key);
        }
        if doubtful.len() == PAGE {
            comparison.settle(std::mem::take(&mut doubtful)).await?;
        }
    }
    comparison.settle(doubtful).await?;
    Ok(comparison.compared)
}

/// Columns of both tables that can be compared, by their places.
fn alike(left: &ViewTable, right: &ViewTable) -> Vec<(usize, usize)> {
    let place = |name, kind| right.columns.iter().position(|column| (column.name, column.kind) == (name, kind));
    let pair = |(at, column): (usize, &crate::Column)| Some((at, place(column.name, column.kind)?));
    left.columns.iter().enumerate().filter_map(pair).collect()
}

fn not_compared([left, right]: &[Side; 2], alike: &[(usize, usize)]) -> Vec<&'static str> {
    let lefts = left.table.columns.iter().enumerate().filter(|(at, _)| alike.iter().all(|(left, _)| left != at));
    let rights = right.table.columns.iter().enumerate().filter(|(at, _)| alike.iter().all(|(_, right)| right != at));
    // What the keys are called does not matter.
    let keys = [left.table.columns[left.table.key].name, right.table.columns[right.table.key].name];
    let mut names: Vec<_> = lefts.chain(rights).map(|(_, column)| column.name).collect();
    names.retain(|name| !keys.contains(name));
    names.sort_unstable();
    names.dedup();
    names
}

/// The rows of one table, page after page in order of key.
struct Rows<'s> {
    store: &'s dyn ViewStore,
    table: &'s ViewTable,
    page: VecDeque<Row>,
    after: Option<ColumnValue>,
    ended: bool,
}

impl<'s> Rows<'s> {
    fn of(store: &'s dyn ViewStore, table: &'s ViewTable) -> Self {
        Self { store, table, page: VecDeque::new(), after: None, ended: false }
    }

    /// Sees to it that the next row is there, if there is one.
    async fn turn_page(&mut self) -> Result<(), StoreError> {
        if self.page.is_empty() && !self.ended {
            let mut scan = Scan::by(self.table.key);
            scan.limit = PAGE;
            scan.after = self.after.take().map(|key| (key.clone(), key));
            let rows = self.store.scan_rows(self.table, &scan).await?;
            self.ended = rows.len() < PAGE;
            self.after = rows.last().map(|row| self.table.key_of(row).clone());
            self.page = rows.into();
        }
        Ok(())
    }

    fn key(&self) -> Option<&ColumnValue> {
        self.page.front().map(|row| self.table.key_of(row))
    }

    fn take(&mut self, key: &ColumnValue) -> Option<Row> {
        self.page.pop_front_if(|row| self.table.key_of(row) == key)
    }
}

/// Two tables, and how to look at them.
struct Pair<'c> {
    store: &'c dyn ViewStore,
    sides: &'c [Side; 2],
    alike: Vec<(usize, usize)>,
}

impl Pair<'_> {
    fn differ(&self, left: Option<&Row>, right: Option<&Row>) -> bool {
        match (left, right) {
            (Some(left), Some(right)) => self.alike.iter().any(|(l, r)| left[*l] != right[*r]),
            (left, right) => left.is_some() != right.is_some(),
        }
    }

    async fn rows(&self, side: usize, keys: &[ColumnValue]) -> Result<BTreeMap<ColumnValue, Row>, StoreError> {
        let table = &self.sides[side].table;
        let rows = self.store.rows(table, keys).await?;
        Ok(rows.into_iter().map(|row| (table.key_of(&row).clone(), row)).collect())
    }

    /// Up to where each table holds what its events make.
    async fn stand(&self) -> Result<[Position; 2], StoreError> {
        let mut stand = [Position(0); 2];
        for (stands, side) in stand.iter_mut().zip(self.sides) {
            let checkpoint = self.store.load_checkpoint(&side.table.checkpoint_key()).await?;
            *stands = checkpoint.map(|checkpoint| checkpoint.cursor.position).unwrap_or_default();
        }
        Ok(stand)
    }

    /// Whether no event of the table that has come less far lies between the two places.
    async fn same_place(&self, [left, right]: [Position; 2]) -> Result<bool, StoreError> {
        let behind = &self.sides[usize::from(right < left)];
        let (from, to) = (left.min(right), left.max(right));
        if from == to {
            return Ok(true);
        }
        let read = Read::all().after(from).until(to).names(behind.names.iter().copied()).limit(1);
        let page = self.store.read(&read, &mut |_| Ok(())).await?;
        Ok(page.count == 0 && page.watermark >= to)
    }
}

struct Comparison<'c> {
    pair: Pair<'c>,
    compared: Compared,
    patience: Duration,
    on_difference: &'c mut (dyn FnMut(&RowDifference) + Send),
}

impl Comparison<'_> {
    /// Looks again at rows that were seen to differ: one of them may have been written between two looks.
    async fn settle(&mut self, mut keys: Vec<ColumnValue>) -> Result<(), StoreError> {
        let pair = &self.pair;
        while !keys.is_empty() {
            let before = pair.stand().await?;
            let (mut lefts, mut rights) = (pair.rows(0, &keys).await?, pair.rows(1, &keys).await?);
            let settled = before == pair.stand().await? && pair.same_place(before).await?;
            keys.retain(|key| pair.differ(lefts.get(key), rights.get(key)));
            if settled || self.patience.is_zero() {
                for key in keys {
                    let (left, right) = (lefts.remove(&key), rights.remove(&key));
                    self.tell(key, left, right, settled);
                }
                return Ok(());
            }
            tokio::time::sleep(PAUSE).await;
            self.patience = self.patience.saturating_sub(PAUSE);
        }
        Ok(())
    }

    fn tell(&mut self, key: ColumnValue, left: Option<Row>, right: Option<Row>, settled: bool) {
        let mut columns = Vec::new();
        match (&left, &right) {
            (Some(left), Some(right)) => {
                self.compared.different += 1;
                let different = self.pair.alike.iter().filter(|(l, r)| left[*l] != right[*r]);
                columns.extend(different.map(|(l, _)| self.pair.sides[0].table.columns[*l].name));
            }
            (Some(_), None) => self.compared.only_left += 1,
            (None, _) => self.compared.only_right += 1,
        }
        self.compared.unsettled += u64::from(!settled);
        (self.on_difference)(&RowDifference { key, left, right, columns, settled });
    }
}
