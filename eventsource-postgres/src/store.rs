//! The store: what it is made of, and the contract in terms of it.

use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use eventsource_core::{
    AppendOutcome, AppendRequest, BoxError, Checkpoint, CheckpointKey, Claim, EventStore, Feed, HeldType, Import, Load,
    LoadEnd, Page, PendingSnapshot, Position, Positions, RawEvent, Read, Snapshot, StoreError, StoreHead,
    StoreIdentity, StreamId, Visit, VisitLoad,
};
use futures::FutureExt;
use futures::future::BoxFuture;
use sqlx::postgres::PgConnectOptions;
use sqlx::{PgConnection, PgPool};
use uuid::Uuid;

use crate::append::{self, Answer, Within};
use crate::connect::{Connections, Link};
use crate::error::Failure;
use crate::first_result::settle;
use crate::held_types::held_types;
use crate::maintenance::maintain;
use crate::options::PgOptions;
use crate::shared::Shared;
use crate::sql::Sql;
use crate::status::{self, PgStatus, status};
use crate::views::Views;
use crate::{checkpoints, import, load, migrate, read, snapshots};

/// Events in a PostgreSQL schema, shared by any number of processes. Clones share it.
///
/// Appends of one process that wait at the same time share a commit; those of several processes run
/// beside each other, and no reader ever skips an event. When the last clone is dropped, what was
/// accepted is still written; [`close`](EventStore::close) waits for that.
///
/// ```no_run
/// use eventsource::{EventStore, postgres::PgStore};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let url = "postgres://bank:secret@localhost/bank";
/// PgStore::migrate(url).await?; // once for each release, by a role that may create tables
/// let store = PgStore::connect(url).await?;
/// store.close().await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct PgStore {
    shared: Arc<Shared>,
}

impl std::fmt::Debug for PgStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PgStore").field("schema", &self.shared.options.schema).finish_non_exhaustive()
    }
}

/// The address, without a word of it in the error: it may hold a password.
fn parse(url: &str) -> Result<PgConnectOptions, StoreError> {
    PgConnectOptions::from_str(url).map_err(|_| {
        StoreError::invalid(
            "the address of PostgreSQL is malformed; it looks like postgres://user:password@host/database",
        )
    })
}

impl PgStore {
    /// Brings the schema to this release's format, creating what is missing. Any number of processes may do it at
    /// once. It needs a role that may create tables, and a connection that no pooler in transaction mode stands behind.
    pub async fn migrate(url: &str) -> Result<(), StoreError> {
        Self::migrate_with(url, PgOptions::default()).await
    }

    /// The same, with options, of which schema and ordering matter.
    pub async fn migrate_with(url: &str, options: PgOptions) -> Result<(), StoreError> {
        let connections = Connections::new(parse(url)?, &options);
        let mut lease = connections.acquire().await?;
        let migrated = lease.run_transaction(async |link| migrate::migrate(link, &options).await).await;
        drop(lease);
        connections.close().await;
        migrated.map_err(Failure::explain)
    }

    /// The statements that give a role what it needs to run the application, without the right to create or
    /// change tables. Let the owner of the tables execute them.
    ///
    /// Such a role writes and reads views, but somebody else makes them: call
    /// [`create_view`](eventsource_core::ViewStore::create_view), [`serve_view`](eventsource_core::ViewStore::serve_view)
    /// and [`drop_view`](eventsource_core::ViewStore::drop_view) with the role that migrates; what it makes is shared
    /// with every role that has these grants. A role that shall make views by itself needs
    /// `CREATE` on the schema, `INSERT`, `UPDATE` and `DELETE` on its table `views`, and `DELETE` on `checkpoints` as well.
    pub fn grants(schema: &str, role: &str) -> Result<String, StoreError> {
        migrate::grants(schema, role)
    }

    /// Connects to a store that [`migrate`](Self::migrate) has made. Fails for servers on which its promises would
    /// not hold, for a format or an ordering that this release does not have, and for missing privileges.
    pub async fn connect(url: &str) -> Result<Self, StoreError> {
        Self::connect_with(url, PgOptions::default()).await
    }

    /// The same, with options.
    pub async fn connect_with(url: &str, options: PgOptions) -> Result<Self, StoreError> {
        Ok(Self { shared: Arc::new(Shared::start(parse(url)?, options).await?) })
    }

    /// A store with a pool's address, credentials and TLS. It opens connections of its own, because sqlx's pool
    /// spends a round trip whenever a connection is given back.
    pub async fn new(pool: &PgPool, options: PgOptions) -> Result<Self, StoreError> {
        let connect = (*pool.connect_options()).clone();
        Ok(Self { shared: Arc::new(Shared::start(connect, options).await?) })
    }

    pub(crate) fn views(&self) -> Views<'_> {
        let Shared { inspected, options, connections, sql, .. } = &*self.shared;
        Views { connections, sql, options, events_table: inspected.events_table }
    }

    pub(crate) fn shared(&self) -> &Shared {
        &self.shared
    }

    pub(crate) fn connections(&self) -> (&Connections, &Sql) {
        (&self.shared.connections, &self.shared.sql)
    }

    /// Appends inside a transaction of the caller's, with the same checks and the same order for readers, who see
    /// it when the transaction has committed.
    ///
    /// As long as it is open, readers of the store do not pass it: append late, commit soon. Other processes'
    /// readers notice it within a second; [`wake`](Self::wake) after the commit makes that at once. An error, other
    /// than a conflict, ends the transaction: roll it back and do it again.
    pub async fn append_in(
        &self,
        transaction: &mut PgConnection,
        request: &AppendRequest,
    ) -> Result<AppendOutcome, StoreError> {
        let shared = &*self.shared;
        request.check(&shared.options.limits)?;
        shared.types.note(&shared.connections, &shared.sql, request).await?;
        let sql = &*shared.sql;
        let appended = async {
            if request.writes.is_empty() {
                return Err(StoreError::invalid("an append inside a transaction needs events").into());
            }
            if !request.conditions.is_empty() {
                return Err(StoreError::invalid("an append inside a transaction cannot have conditions").into());
            }
            let answers = append::writes(transaction, sql, Within::Callers, &[request], shared.terms()).await?;
            match answers.into_iter().next() {
                Some(Answer::Stored(appended)) => Ok(AppendOutcome::Stored(appended)),
                Some(Answer::Refused(refusal)) => settle(transaction, sql, request, &refusal).await,
                Some(Answer::Moved(conflict)) => Ok(AppendOutcome::Conflict(conflict)),
                None => Err(StoreError::failed("an append has no answer").into()),
            }
        };
        appended.await.map_err(Failure::explain)
    }

    /// Wakes readers, here and in other processes, after a transaction with [`append_in`](Self::append_in) has committed.
    pub fn wake(&self) {
        self.shared.head.news();
        self.shared.tell();
    }

    /// How the store does: how far its order is settled, and which open transactions hold it back.
    pub async fn status(&self) -> Result<PgStatus, StoreError> {
        let Shared { connections, sql, inspected, .. } = &*self.shared;
        connections.run(async |link| status(link, sql, inspected.ordering, inspected.events_table).await).await
    }

    /// Begins a new epoch, after a backup was put in the place of the store; takes effect for stores opened later.
    /// It needs the right to update the store's row.
    pub async fn begin_epoch(&self) -> Result<(), StoreError> {
        let Shared { connections, sql, .. } = &*self.shared;
        let mut lease = connections.acquire().await?;
        let begun = lease.run(async |link| {
            sql.query(&sql.begin_epoch).execute(&mut link.pg).await?;
            Ok(())
        });
        begun.await.map_err(Failure::explain)
    }

    /// Changes what was recorded, with SQL of your own: for the law, not for corrections, which are events themselves.
    ///
    /// It happens in one transaction together with a `$maintenance` event that says who and why; if `change`
    /// fails, or its future is dropped, nothing has happened. Snapshots of changed streams are dropped. What
    /// remains to the caller: a stream's versions stay dense only if its newest events, or all of them, are deleted,
    /// and consumers that have seen the old events are not told, nor are repositories that keep the state of a changed stream; see
    /// [`Repository::forget`](eventsource_core::Repository::forget). It needs a role that may update and delete events.
    pub async fn maintenance<T>(
        &self,
        actor: &str,
        reason: &str,
        change: impl AsyncFnOnce(&mut PgConnection) -> Result<T, BoxError>,
    ) -> Result<T, StoreError> {
        let shared = &*self.shared;
        let mut lease = shared.connections.acquire().await?;
        let maintained = lease
            .run_callers_transaction(async |link| {
                maintain(link, &shared.sql, shared.terms(), (actor, reason), change).await
            })
            .await;
        let (result, position) = maintained.map_err(Failure::explain)?;
        shared.stored([position]);
        Ok(result)
    }
}

/// Taking over events needs the owner of the tables: it locks them against appends for the time of each batch.
impl Import for PgStore {
    fn count_missing<'a>(&'a self, events: &'a [RawEvent<'a>]) -> BoxFuture<'a, Result<u64, StoreError>> {
        import::count_missing(&self.shared.connections, &self.shared.sql, events).boxed()
    }

    fn import<'a>(
        &'a self,
        events: &'a [RawEvent<'a>],
        positions: Positions,
    ) -> BoxFuture<'a, Result<u64, StoreError>> {
        async move {
            let (count, last) = import::import(&self.shared.connections, &self.shared.sql, events, positions).await?;
            self.shared.stored([last]);
            Ok(count)
        }
        .boxed()
    }
}

impl EventStore for PgStore {
    fn identity(&self) -> StoreIdentity {
        self.shared.inspected.identity
    }

    fn append(&self, request: Arc<AppendRequest>) -> BoxFuture<'_, Result<AppendOutcome, StoreError>> {
        self.shared.append(request, &[]).boxed()
    }

    fn load<'a>(&'a self, load: &'a Load, visit: VisitLoad<'a>) -> BoxFuture<'a, Result<LoadEnd, StoreError>> {
        load::load(&self.shared.connections, &self.shared.sql, load, visit).boxed()
    }

    fn read<'a>(&'a self, read: &'a Read, visit: Visit<'a>) -> BoxFuture<'a, Result<Page, StoreError>> {
        let Shared { connections, sql, head, .. } = &*self.shared;
        read::read(connections, sql, head.settled(), read, visit).boxed()
    }

    fn position_at(&self, time: DateTime<Utc>) -> BoxFuture<'_, Result<Position, StoreError>> {
        read::position_at(&self.shared.connections, &self.shared.sql, time).boxed()
    }

    fn wait_past(&self, position: Position) -> BoxFuture<'_, Result<Position, StoreError>> {
        self.shared.head.wait_past(&self.shared.connections, &self.shared.sql, position).boxed()
    }

    fn head(&self) -> BoxFuture<'_, Result<StoreHead, StoreError>> {
        let Shared { connections, sql, options, inspected, .. } = &*self.shared;
        let head = async |link: &mut Link| status::head(link, sql, options.now(), inspected.events_table).await;
        async move { connections.run(head).await }.boxed()
    }

    fn feed(&self) -> &Feed {
        &self.shared.feed
    }

    fn offer_snapshot(&self, snapshot: PendingSnapshot) {
        if !self.shared.snapshots.offer(snapshot) {
            tracing::debug!("the queue of snapshots is full or closed; one was dropped");
        }
    }

    fn save_snapshot(&self, snapshot: Snapshot) -> BoxFuture<'_, Result<(), StoreError>> {
        snapshots::save(&self.shared.connections, &self.shared.sql, vec![snapshot]).boxed()
    }

    fn snapshot_streams<'a>(
        &'a self,
        category: &'a str,
        kind: &'a str,
        limit: usize,
    ) -> BoxFuture<'a, Result<Vec<StreamId>, StoreError>> {
        snapshots::streams(&self.shared.connections, &self.shared.sql, category, kind, limit).boxed()
    }

    fn held_types(&self) -> BoxFuture<'_, Result<Vec<HeldType>, StoreError>> {
        held_types(&self.shared.connections, &self.shared.sql).boxed()
    }

    fn load_checkpoint<'a>(&'a self, key: &'a CheckpointKey) -> BoxFuture<'a, Result<Option<Checkpoint>, StoreError>> {
        checkpoints::load(&self.shared.connections, &self.shared.sql, key).boxed()
    }

    fn save_checkpoint<'a>(
        &'a self,
        key: &'a CheckpointKey,
        checkpoint: Checkpoint,
    ) -> BoxFuture<'a, Result<(), StoreError>> {
        checkpoints::save(&self.shared.connections, &self.shared.sql, key, checkpoint).boxed()
    }

    fn claim<'a>(
        &'a self,
        key: &'a CheckpointKey,
        owner: Uuid,
        lease: Duration,
    ) -> BoxFuture<'a, Result<Claim, StoreError>> {
        let Shared { connections, sql, options, inspected, .. } = &*self.shared;
        checkpoints::claim(connections, sql, key, (owner, lease), (inspected.identity, options.now())).boxed()
    }

    fn release<'a>(&'a self, key: &'a CheckpointKey, owner: Uuid) -> BoxFuture<'a, Result<(), StoreError>> {
        checkpoints::release(&self.shared.connections, &self.shared.sql, key, owner).boxed()
    }

    fn close(&self) -> BoxFuture<'_, Result<(), StoreError>> {
        async move {
            self.shared.appends.close().await;
            self.shared.conditional.close().await;
            self.shared.locked.drain().await;
            self.shared.snapshots.close().await;
            self.shared.head.close();
            if let Some(listener) = &self.shared.listener {
                listener.abort();
            }
            self.shared.connections.close().await;
            // Its task looks whether there is anybody left to tell for.
            self.shared.tell();
            Ok(())
        }
        .boxed()
    }
}
