//! Timers of processes: rows of a table that is written together with the checkpoint, and what is done when they run out.

use std::collections::BTreeMap;
use std::marker::PhantomData;
use std::panic::AssertUnwindSafe;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use chrono::{DateTime, Utc};
use futures::FutureExt;
use tokio::time::Instant;
use uuid::Uuid;

use crate::contract::checkpoint::Checkpoint;
use crate::contract::view::Scan;
use crate::folding::aggregate::Aggregate;
use crate::runtime::options::ExecuteOptions;
use crate::runtime::projections::holder::Holder;
use crate::runtime::projections::panic_text;
use crate::runtime::repository::Repository;
use crate::runtime::retry::Patience;
use crate::words::column::{Column, Row};
use crate::words::column_type::ColumnType;
use crate::words::error::StoreError;
use crate::words::event::Recorded;
use crate::words::metadata::Metadata;
use crate::words::parked_at::ParkedAt;
use crate::words::view_table::{RowChanges, ViewTable};

use super::acting::{Acting, Facts, Fenced, is_of_one, refusal};
use super::manager::ProcessManager;

/// Between two looks at the store's clock, at most: it may be a test's.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// How many are looked at together.
const PAGE: usize = 100;
/// A timer that cannot be asked what it means is asked again so much later, by the store's clock.
const AGAIN_AFTER: chrono::Duration = chrono::Duration::minutes(1);

const SUFFIX: &str = "_timers";
/// The longest name of a table.
const LONGEST: usize = 40;
const COLUMNS: &[Column] = &[
    Column::of::<String>("timer"),
    Column::of::<DateTime<Utc>>("due").indexed(),
    Column::of::<Uuid>("set_by"),
    Column::of::<Option<Uuid>>("correlation"),
];
const KEY: usize = 0;
const DUE: usize = 1;

/// The table of a manager's timers. Nobody is served it under a stable name.
pub(super) fn table<M: Aggregate>() -> ViewTable {
    ViewTable::new(TableName::<M>::TEXT, 1, COLUMNS, KEY)
}

/// A name that is put together while compiling.
struct TableName<M>(PhantomData<M>);

impl<M: Aggregate> TableName<M> {
    const BYTES: &'static [u8; LONGEST] = &joined(M::NAME);
    const TEXT: &'static str = match std::str::from_utf8(Self::BYTES.split_at(M::NAME.len() + SUFFIX.len()).0) {
        Ok(name) => name,
        Err(_) => "timers",
    };
}

const fn joined(name: &str) -> [u8; LONGEST] {
    assert!(name.len() + SUFFIX.len() <= LONGEST, "the name of a process manager has at most 33 bytes");
    let mut bytes = [0; LONGEST];
    let mut at = 0;
    while at < name.len() + SUFFIX.len() {
        bytes[at] = if at < name.len() { name.as_bytes()[at] } else { SUFFIX.as_bytes()[at - name.len()] };
        at += 1;
    }
    bytes
}

/// A timer of a process.
#[derive(Clone)]
pub(super) struct Timer {
    /// The id of the process, `/` and the name of the timer, which has none.
    pub(super) key: String,
    /// Never, where it does not run any more.
    due: Option<DateTime<Utc>>,
    set_by: Uuid,
    correlation: Option<Uuid>,
}

impl Timer {
    pub(super) fn set_by<E>(event: &Recorded<E>, name: &str, due: Option<DateTime<Utc>>) -> Self {
        let metadata = ExecuteOptions::new().caused_by(event).metadata;
        let key = format!("{}/{name}", event.stream.id());
        Self { key, due, set_by: event.id, correlation: metadata.correlation_id }
    }

    fn from_row(row: Row) -> Option<Self> {
        let [key, due, set_by, correlation] = row.try_into().ok()?;
        Some(Self {
            key: String::from_column(key).ok()?,
            due: Some(DateTime::from_column(due).ok()?),
            set_by: Uuid::from_column(set_by).ok()?,
            correlation: Option::from_column(correlation).ok()?,
        })
    }

    fn into_row(self) -> Option<Row> {
        let due = self.due?.into_column();
        Some(vec![self.key.into_column(), due, self.set_by.into_column(), self.correlation.into_column()])
    }

    /// The process and the name.
    fn parts(&self) -> (&str, &str) {
        self.key.rsplit_once('/').unwrap_or((&self.key, ""))
    }
}

/// The timers of a manager, as its owner knows them.
pub(super) struct Timers<M> {
    table: ViewTable,
    /// When to look whether one has run out; never, while there is none.
    look_at: Mutex<Option<Instant>>,
    manager: PhantomData<fn() -> M>,
}

impl<M: ProcessManager> Timers<M> {
    pub(super) fn new() -> Self {
        Self { table: table::<M>(), look_at: Mutex::new(None), manager: PhantomData }
    }

    pub(super) async fn prepare(&self, holder: &Holder) -> Result<(), StoreError> {
        holder.steadily(|| holder.store.create_view(&self.table)).await
    }

    pub(super) fn look_at(&self) -> Option<Instant> {
        *self.look_at.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn look_soon(&self) {
        self.look_next(Some(Instant::now()));
    }

    fn look_next(&self, at: Option<Instant>) {
        *self.look_at.lock().unwrap_or_else(PoisonError::into_inner) = at;
    }

    /// Sets and cancels timers, together with the checkpoint.
    ///
    /// The checkpoint may stay where it is, and would let pass what was sent before and arrives late. So whoever does not
    /// know what has become of a write goes on as another owner.
    pub(super) async fn write(
        &self,
        holder: &mut Holder,
        timers: BTreeMap<String, Timer>,
        checkpoint: Checkpoint,
        unparked: &[ParkedAt],
    ) -> Result<(), StoreError> {
        let is_set = timers.values().any(|timer| timer.due.is_some());
        let (mut written, mut deleted) = (Vec::new(), Vec::new());
        for (key, timer) in timers {
            match timer.into_row() {
                Some(row) => written.push(row),
                None => deleted.push(key.into_column()),
            }
        }
        let mut changes = RowChanges::new(written, deleted);
        changes.unparked = unparked.to_vec();
        let mut patience = Patience::new();
        loop {
            patience.pause().await;
            let checkpoint = checkpoint.owner_epoch(holder.owner_epoch());
            match holder.store.write_rows(&self.table, &changes, checkpoint).await {
                Err(error) if holder.try_again(&mut patience, &error) => holder.claim_anew().await?,
                written => break written?,
            }
        }
        if is_set {
            self.look_soon();
        }
        Ok(())
    }

    /// Asks what it means that timers have run out, in the order in which they have.
    pub(super) async fn look(&self, holder: &mut Holder, acting: &Acting, saved: Checkpoint) -> Result<(), StoreError> {
        let mut scan = Scan::by(DUE);
        scan.limit = PAGE;
        let rows = holder.steadily(|| holder.store.scan_rows(&self.table, &scan)).await?;
        let timers = rows.into_iter().map(|row| Timer::from_row(row).ok_or_else(|| self.unreadable()));
        let timers = timers.collect::<Result<Vec<_>, _>>()?;
        if timers.is_empty() {
            self.look_next(None);
            return Ok(());
        }
        let now = holder.steadily(|| holder.store.head()).await?.time;
        let is_over = |timer: &Timer| timer.due.is_some_and(|due| due <= now);
        let next = timers.iter().find(|timer| !is_over(timer)).and_then(|timer| timer.due);
        let mut changed = BTreeMap::new();
        for mut timer in timers.into_iter().filter(is_over) {
            let ring = |fenced: Fenced| {
                let timer = timer.clone();
                async move { Self::ring(&fenced, &timer).await }.boxed()
            };
            timer.due = match acting.act(holder, ring).await {
                Ok(()) => None,
                Err(error) if is_of_one(&error) => {
                    tracing::warn!(timer = timer.key, %error, "a timer failed, and is asked again later");
                    holder.status.failed(&error);
                    Some(now + AGAIN_AFTER)
                }
                Err(error) => return Err(error),
            };
            changed.insert(timer.key.clone(), timer);
        }
        let rest = next.map_or(Duration::ZERO, |due| (due - now).to_std().unwrap_or_default());
        self.look_next(Some(Instant::now() + rest.min(LOOK_EVERY)));
        match changed.is_empty() {
            true => Ok(()),
            false => self.write(holder, changed, saved, &[]).await,
        }
    }

    /// Lets the process decide, once, as it stands.
    async fn ring(fenced: &Fenced, timer: &Timer) -> Result<(), StoreError> {
        let (id, name) = timer.parts();
        let mut metadata = Metadata::default().with_causation_id(timer.set_by);
        metadata.correlation_id = timer.correlation;
        let key = format!("{}:{}:timer:{name}", M::NAME, timer.set_by);
        let processes = Repository::<M>::new(fenced.store.clone()).without_cache();
        let decided = processes.execute_with(id, fenced.options_of(key, metadata), |state| {
            Facts::<M>(state.on_timer(name).into_iter().collect())
        });
        let rung = AssertUnwindSafe(decided).catch_unwind().await;
        match rung.map_err(|panic| StoreError::invalid(panic_text(panic).to_string()))? {
            Ok(_) => Ok(()),
            Err(error) => match refusal(error)? {},
        }
    }

    fn unreadable(&self) -> StoreError {
        StoreError::corrupt(format!("table {} has a row that is no timer", self.table.table_name()))
    }
}
