//! A row of which every byte of its stream's events is a part.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

use crate::contract::inline::{InlineFold, InlineStore, RowFold};
use crate::contract::read::Read;
use crate::runtime::inline::{InlineViews, StoreWithViews};
use crate::words::column::{Column, ColumnValue, Row};
use crate::words::column_type::ColumnType;
use crate::words::error::StoreError;
use crate::words::event::RawEvent;
use crate::words::stream::{StreamId, Version};
use crate::words::view_table::{RowChanges, ViewTable};

pub(super) const TRACED: ViewTable = ViewTable::new(
    "traced",
    1,
    &[Column::of::<String>("stream"), Column::of::<i64>("version"), Column::of::<i64>("trace")],
    0,
);
/// Deletes the row.
pub(super) const GONE: &str = "thing.gone";
/// Cannot be folded.
pub(super) const UNBEARABLE: &str = "thing.unbearable";

/// A store whose appends all keep a table inline, so that the whole book can be run on what it does then.
///
/// ```
/// use eventsource::memory::MemoryStore;
/// use eventsource::testing::conformance::{self, Fixture};
///
/// # #[tokio::main(flavor = "multi_thread", worker_threads = 2)]
/// # async fn main() {
/// conformance::check(async || Fixture::new(conformance::with_inline_view(MemoryStore::new()).await)).await;
/// # }
/// ```
///
/// # Panics
///
/// When the table cannot be made.
pub async fn with_inline_view<S: InlineStore>(store: S) -> StoreWithViews<S> {
    let started = InlineViews::new(store).add_fold(Traced::new()).start().await;
    started.unwrap_or_else(|error| panic!("the inline view does not start: {error}"))
}

/// Folds every event of every stream.
pub(super) struct Traced(Read);

impl Traced {
    pub(super) fn new() -> Self {
        Self(Read::all())
    }

    pub(super) fn key(stream: &StreamId) -> ColumnValue {
        stream.as_str().to_owned().into_column()
    }
}

impl InlineFold for Traced {
    fn table(&self) -> &ViewTable {
        &TRACED
    }

    fn events(&self) -> &Read {
        &self.0
    }

    fn key_of(&self, stream: &StreamId) -> ColumnValue {
        Self::key(stream)
    }

    fn begin(&self, stream: &StreamId, row: Option<Row>) -> Result<Box<dyn RowFold>, StoreError> {
        let number = |at: usize| match row.as_ref().map(|row| &row[at]) {
            Some(ColumnValue::Int(number)) => *number,
            _ => 0,
        };
        let trace = row.is_some().then(|| number(2));
        let version = Version(number(1) as u64);
        Ok(Box::new(Trace { key: Self::key(stream), was: row.is_some(), begun: version, last: version, trace }))
    }
}

/// The same, but between what it has read and what it says it takes its time.
pub(super) struct Slow {
    traced: Traced,
    /// It has read all that it reads.
    pub(super) has_read: Arc<AtomicBool>,
}

impl Slow {
    pub(super) fn new() -> Self {
        Self { traced: Traced::new(), has_read: Arc::default() }
    }
}

impl InlineFold for Slow {
    fn table(&self) -> &ViewTable {
        self.traced.table()
    }

    fn events(&self) -> &Read {
        self.traced.events()
    }

    fn key_of(&self, stream: &StreamId) -> ColumnValue {
        self.traced.key_of(stream)
    }

    fn begin(&self, stream: &StreamId, row: Option<Row>) -> Result<Box<dyn RowFold>, StoreError> {
        Ok(Box::new(SlowFold { fold: self.traced.begin(stream, row)?, has_read: self.has_read.clone() }))
    }
}

struct SlowFold {
    fold: Box<dyn RowFold>,
    has_read: Arc<AtomicBool>,
}

impl RowFold for SlowFold {
    fn version(&self) -> Version {
        self.fold.version()
    }

    fn fold(&mut self, event: &RawEvent<'_>) -> Result<(), StoreError> {
        self.fold.fold(event)
    }

    fn finish(self: Box<Self>) -> Result<RowChanges, StoreError> {
        self.has_read.store(true, Relaxed);
        std::thread::sleep(Duration::from_millis(300));
        self.fold.finish()
    }
}

struct Trace {
    key: ColumnValue,
    was: bool,
    begun: Version,
    last: Version,
    trace: Option<i64>,
}

impl RowFold for Trace {
    fn version(&self) -> Version {
        self.begun
    }

    fn fold(&mut self, event: &RawEvent<'_>) -> Result<(), StoreError> {
        if event.version != self.last.next() && self.trace.is_some() {
            return Err(StoreError::corrupt(format!("version {} came behind {}", event.version, self.last)));
        }
        self.last = event.version;
        match event.name {
            GONE => self.trace = None,
            UNBEARABLE => return Err(StoreError::failed(format!("{UNBEARABLE} cannot be folded"))),
            _ => self.trace = Some(hash(self.trace.unwrap_or(1), event)),
        }
        Ok(())
    }

    fn finish(self: Box<Self>) -> Result<RowChanges, StoreError> {
        let Self { key, was, begun, last, trace } = *self;
        Ok(match trace {
            _ if begun == last => RowChanges::default(),
            Some(trace) => {
                let row = vec![key, (last.0 as i64).into_column(), trace.into_column()];
                RowChanges::new(vec![row], Vec::new())
            }
            None if was => RowChanges::new(Vec::new(), vec![key]),
            None => RowChanges::default(),
        })
    }
}

fn hash(before: i64, event: &RawEvent<'_>) -> i64 {
    let all = format!("{event:?}");
    all.bytes().fold(before, |hash, byte| (hash ^ i64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

/// What the events of a stream make of its row, as they are read.
pub(super) async fn expected(store: &dyn InlineStore, stream: &StreamId) -> Result<Option<Row>, StoreError> {
    let mut fold = Traced::new().begin(stream, None)?;
    let mut read = Read::stream(stream);
    loop {
        let page = store.read(&read, &mut |event| fold.fold(event)).await?;
        if page.at_end {
            return Ok(fold.finish()?.written.pop());
        }
        read.after = page.next.position;
    }
}
