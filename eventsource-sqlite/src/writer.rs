//! The one writer: a single event goes into a statement of its own, everything that waits into one transaction.

use std::sync::Arc;

use eventsource_core::backend::{AppendJob, AppendWriter, KnownTypes, NewRow};
use eventsource_core::{AppendOutcome, AppendRequest, Appended, AppendedStream, Clock, Position, StoreError};
use sqlx::query;

use crate::batch::Batch;
use crate::connect::Connections;
use crate::error::{explain, is_refused};
use crate::heads::Known;
use crate::patience::Turn;
use crate::watch::Head;

/// Appends batches of requests.
pub(crate) struct Writer {
    connections: Connections,
    head: Head,
    clock: Clock,
    /// The types that the store is known to have noted.
    types: Arc<KnownTypes>,
    known: Known,
    turn: Turn,
}

type Outcomes = Vec<Result<AppendOutcome, StoreError>>;

type Job = AppendJob<AppendOutcome>;

impl AppendWriter for Writer {
    type Answer = AppendOutcome;

    async fn append_alone(&mut self, request: &AppendRequest) -> Result<Option<AppendOutcome>, StoreError> {
        self.in_one_statement(request).await
    }

    async fn append_batch(&mut self, jobs: Vec<Job>) -> Vec<Job> {
        self.turn.begin().await;
        let requests: Vec<&AppendRequest> = jobs.iter().map(|job| &**job.request()).collect();
        let outcomes = self.outcomes(&requests).await;
        self.turn.end();
        for (job, outcome) in jobs.into_iter().zip(outcomes) {
            job.answer(outcome);
        }
        Vec::new()
    }
}

impl Writer {
    pub(crate) fn new(connections: Connections, head: Head, clock: Clock, types: Arc<KnownTypes>) -> Self {
        Self { connections, head, clock, types, known: Known::default(), turn: Turn::new() }
    }

    /// One outcome for each request. If the batch fails as a whole, each request is tried alone,
    /// so that one that cannot be stored does not hurt the others.
    async fn outcomes(&mut self, requests: &[&AppendRequest]) -> Outcomes {
        if let [request] = requests {
            return vec![self.alone(request).await];
        }
        match self.together(requests).await {
            Ok(outcomes) => outcomes,
            // The lock or the disk is what failed: trying one by one would only wait for it again and again.
            Err(error) if error.is_transient() => {
                let text = error.to_string();
                requests.iter().map(|_| Err(StoreError::transient(text.clone()))).collect()
            }
            Err(_) => {
                let mut outcomes = Vec::with_capacity(requests.len());
                for request in requests {
                    outcomes.push(self.alone(request).await);
                }
                outcomes
            }
        }
    }

    async fn alone(&mut self, request: &AppendRequest) -> Result<AppendOutcome, StoreError> {
        if let Some(outcome) = self.in_one_statement(request).await? {
            return Ok(outcome);
        }
        let mut outcomes = self.together(&[request]).await?;
        outcomes.pop().unwrap_or_else(|| Err(StoreError::failed("a batch of one has no outcome")))
    }

    async fn together(&mut self, requests: &[&AppendRequest]) -> Result<Outcomes, StoreError> {
        let new_types = self.types.unknown(requests);
        let mut writing = self.connections.write().await?;
        writing.enter_batch();
        let done = match Batch::begin(&mut writing, requests, &mut self.known, &self.clock).await {
            Ok(batch) => batch.commit(&new_types).await,
            Err(error) => Err(error),
        };
        writing.leave();
        drop(writing);
        let (outcomes, last) = done?;
        self.types.remember(new_types);
        self.head.advance(last);
        Ok(outcomes)
    }

    /// The common case, one event to a stream at a known version: a single statement that commits by itself.
    /// `None` if it is another case, or if a check failed and it must be found out which.
    async fn in_one_statement(&mut self, request: &AppendRequest) -> Result<Option<AppendOutcome>, StoreError> {
        let ([write], []) = (&request.writes[..], &request.conditions[..]) else { return Ok(None) };
        let Some(head) = write.expected.place() else { return Ok(None) };
        if write.events.len() != 1 || !self.types.unknown(&[request]).is_empty() {
            return Ok(None);
        }
        let Some(NewRow { event, meta, command_key, .. }) = request.rows(0).next() else { return Ok(None) };
        let mut writing = self.connections.write().await?;
        let mut patience = writing.patience();
        // Until it has answered, nothing is known of where the stream ends: the caller may go away meanwhile.
        self.known.forget(&write.stream);
        let recorded_at = self.clock.now();
        let inserted = loop {
            let statement = query(include_str!("sql/append_one.sql"))
                .bind(write.stream.to_shared())
                .bind(write.stream.category())
                .bind(head.0.min(i64::MAX as u64) as i64)
                .bind(recorded_at.timestamp_micros())
                .bind(&event.id.as_bytes()[..])
                .bind(&*event.name)
                .bind(event.schema_version)
                .bind(event.encoding)
                .bind(&event.data[..])
                .bind(meta.as_deref())
                .bind(event.metadata.correlation_id.as_ref().map(|id| &id.as_bytes()[..]))
                .bind(event.metadata.causation_id.as_ref().map(|id| &id.as_bytes()[..]))
                .bind(event.occurred_at.map(|time| time.timestamp_micros()))
                .bind(command_key.as_deref());
            match statement.execute(writing.connection()?).await {
                Ok(inserted) => break inserted,
                Err(error) if is_refused(&error) => return Ok(None),
                Err(error) if patience.again(&error).await => {}
                Err(error) => return Err(explain(&self.connections.file, error)),
            }
        };
        let position = Position(inserted.last_insert_rowid() as u64);
        self.head.advance(position);
        let place = AppendedStream::new(head.next(), vec![position], recorded_at);
        Ok(Some(AppendOutcome::Stored(Appended::new(vec![place]))))
    }
}
