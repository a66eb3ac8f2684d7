//! What the clones of a store share, and how it appends.

use std::sync::Arc;

use eventsource_core::backend::{AppendQueue, BatchQueue};
use eventsource_core::{AppendOutcome, AppendRequest, Feed, InlineFold, PendingSnapshot, Position, StoreError};
use sqlx::postgres::PgConnectOptions;

use crate::append::{Answer, Refusal, Terms};
use crate::conditions;
use crate::connect::Connections;
use crate::error::Failure;
use crate::first_result::settle;
use crate::head::Head;
use crate::inspect::{self, Inspected};
use crate::listen::{Teller, start_listening};
use crate::locked::Locked;
use crate::noted_types::Types;
use crate::options::{Ordering, PgOptions};
use crate::snapshots::SnapshotWriter;
use crate::sql::Sql;
use crate::writer::{Attempts, Writer};

/// What the clones of a store share.
pub(crate) struct Shared {
    pub(crate) inspected: Inspected,
    pub(crate) options: PgOptions,
    pub(crate) connections: Connections,
    pub(crate) sql: Arc<Sql>,
    pub(crate) types: Types,
    pub(crate) head: Head,
    pub(crate) feed: Feed,
    pub(crate) teller: Option<Teller>,
    pub(crate) listener: Option<tokio::task::JoinHandle<()>>,
    pub(crate) appends: AppendQueue<Writer>,
    /// Appends with conditions, in transactions that lock first: nobody else waits for those.
    pub(crate) conditional: AppendQueue<Writer>,
    pub(crate) locked: Locked,
    pub(crate) snapshots: BatchQueue<PendingSnapshot>,
}

impl Drop for Shared {
    fn drop(&mut self) {
        if let Some(listener) = &self.listener {
            listener.abort();
        }
    }
}

impl Shared {
    /// Looks at the server and the store, and starts what runs beside.
    pub(crate) async fn start(connect: PgConnectOptions, options: PgOptions) -> Result<Self, StoreError> {
        let sql = Arc::new(Sql::new(&options.schema, !options.pooled)?);
        let connections = Connections::new(connect, &options);
        let mut lease = connections.acquire().await?;
        let inspected = lease.run(async |link| {
            if !inspect::server(link, &options.schema).await? {
                let message = format!("schema {} has no event store; run PgStore::migrate", options.schema);
                return Err(StoreError::incompatible(message).into());
            }
            inspect::store(link, &sql, &options).await
        });
        let inspected = inspected.await.map_err(Failure::explain)?;
        drop(lease);
        let head = Head::new();
        let channel = format!("eventsource_{}", inspected.events_table);
        let listener = options.listen.then(|| start_listening(&connections, channel.clone(), head.clone()));
        let teller = options.listen.then(|| Teller::start(connections.clone(), channel));
        let attempts = || Attempts::new(connections.clone(), sql.clone(), &options, options.lock_timeout);
        let locked = Locked::start(attempts(), options.statement_timeout);
        // Where each append waits for the one before it, a second one at a time would gain nothing.
        let beside = (inspected.ordering == Ordering::Floor).then(attempts);
        let appends = AppendQueue::start(Writer::new(attempts(), beside, locked.clone()));
        let conditional = AppendQueue::start(Writer::new(attempts().borrowing(), None, locked.clone()));
        let snapshots = SnapshotWriter { connections: connections.clone(), sql: sql.clone() };
        Ok(Self {
            inspected,
            options,
            connections,
            sql,
            types: Types::default(),
            head,
            feed: Feed::new(),
            teller,
            listener,
            appends,
            conditional,
            locked,
            snapshots: BatchQueue::start(snapshots),
        })
    }

    /// For transactions of a caller's, who says how long they wait for a lock.
    pub(crate) fn terms(&self) -> Terms<'static> {
        Terms { now: self.options.now(), lock_timeout: None }
    }

    pub(crate) fn tell(&self) {
        if let Some(teller) = &self.teller {
            teller.tell();
        }
    }

    /// At these positions.
    pub(crate) fn stored(&self, positions: impl IntoIterator<Item = Position>) {
        self.head.announce(positions.into_iter());
        self.tell();
    }

    /// With the rows of views that are kept inline, if there are any.
    pub(crate) async fn append(
        &self,
        request: Arc<AppendRequest>,
        views: &[Arc<dyn InlineFold>],
    ) -> Result<AppendOutcome, StoreError> {
        request.check(&self.options.limits)?;
        if request.writes.is_empty() {
            return self.validate(&request).await;
        }
        self.types.note(&self.connections, &self.sql, &request).await?;
        let answer = if self.options.group_commit && views.is_empty() {
            let queue = if request.conditions.is_empty() { &self.appends } else { &self.conditional };
            queue.append(request.clone()).await?
        } else {
            let lease = self.connections.acquire().await?;
            let patience = self.options.statement_timeout;
            let attempts = Attempts::new(self.connections.clone(), self.sql.clone(), &self.options, patience);
            attempts.on(lease).alone(&request, views).await.map_err(Failure::explain)?
        };
        match answer {
            Answer::Stored(appended) => {
                self.stored(appended.streams.iter().flat_map(|stream| &stream.positions).copied());
                Ok(AppendOutcome::Stored(appended))
            }
            Answer::Refused(refusal) => self.settle(&request, &refusal).await,
            Answer::Moved(conflict) => Ok(AppendOutcome::Conflict(conflict)),
        }
    }

    /// In the caller's own task and on a connection of its own, so that the writer is free for others.
    async fn settle(&self, request: &AppendRequest, refusal: &Refusal) -> Result<AppendOutcome, StoreError> {
        self.connections.run(async |link| settle(&mut link.pg, &self.sql, request, refusal).await).await
    }

    async fn validate(&self, request: &AppendRequest) -> Result<AppendOutcome, StoreError> {
        self.connections.run(async |link| conditions::validate(link, &self.sql, request).await).await
    }
}
