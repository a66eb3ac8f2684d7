//! A consumer as a projection: claimed, batch after batch, and what becomes of events that it cannot handle.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

use futures::FutureExt;
use futures::future::BoxFuture;
use tokio::sync::watch;
use tokio::time::Instant;
use tracing::Instrument;
use uuid::Uuid;

use crate::contract::checkpoint::Checkpoint;
use crate::contract::parking::{Ask, ParkedEvent};
use crate::contract::read::Read;
use crate::contract::transaction::Advance;
use crate::runtime::events::Events;
use crate::words::error::StoreError;
use crate::words::event::Recorded;
use crate::words::stream::Position;

use super::consumer::{Batches, Consumer, Next};
use super::holder::Holder;
use super::parking::{Notes, OnError, Parked, Sieve, Takes};
use super::status::Entry;
use super::{Run, With, panic_text};

/// A consumer as a projection.
pub(super) struct Running<C> {
    consumer: C,
    status: Entry,
}

/// Why a batch was not handled.
enum Trouble {
    /// Because of what is in it.
    OfEvents(StoreError),
    /// Because of everything else, which no other event would change.
    Other(StoreError),
}

impl Trouble {
    fn panic(panic: Box<dyn Any + Send>) -> Self {
        Self::OfEvents(panic_text(panic))
    }
}

impl<C: Consumer> Running<C> {
    pub(super) fn new(consumer: C, status: Entry) -> Self {
        Self { consumer, status }
    }

    /// Batch by batch, until it is time to end.
    async fn go_on(&self, holder: &mut Holder, checkpoint: Checkpoint) -> Result<(), StoreError> {
        self.consumer.begin(holder, checkpoint).await?;
        let mut parked = Parked::load(holder, self.consumer.key()).await?;
        let mut batches = Batches::new(holder, self.consumer.key(), checkpoint);
        loop {
            let look_at = parked.look_at().into_iter().chain(self.consumer.wakes_at()).min();
            let events = match batches.next(holder, &self.consumer, look_at).await? {
                Next::Events(events) => events,
                Next::Look => {
                    let is_due = |at: Option<Instant>| at.is_some_and(|at| at <= Instant::now());
                    if is_due(parked.look_at()) {
                        self.answer(holder, &mut parked, batches.saved).await?;
                    }
                    if is_due(self.consumer.wakes_at()) {
                        holder.renew().await?;
                        self.consumer.wake(holder, batches.saved).await?;
                    }
                    continue;
                }
                Next::End => return Ok(()),
            };
            holder.renew().await?;
            let (count, advance, began) = (events.len(), batches.advance(holder), Instant::now());
            let at = |event: &Recorded<C::Event>| (event.position, event.id);
            let (Some(first), Some(last)) = (events.first().map(at), events.last().map(at)) else { continue };
            let is_one = first == last;
            let mut taken = Notes::new();
            let span = tracing::debug_span!("projection_batch", events = count);
            let handled = self.handle(holder, &mut parked, events, (&advance, is_one), &mut taken).instrument(span);
            let count = match handled.await {
                Ok(()) => count,
                Err(Trouble::Other(error)) => return Err(error),
                Err(Trouble::OfEvents(error)) if holder.options.on_error == OnError::Stop => return Err(error),
                // It was not tried for as long as it should be: whoever comes next does.
                Err(Trouble::OfEvents(_)) if holder.is_shut_down() => return Ok(()),
                Err(Trouble::OfEvents(error)) if is_one => {
                    self.leave_out(holder, &mut parked, (last, taken, error), &advance).await?;
                    0
                }
                Err(Trouble::OfEvents(error)) => {
                    holder.status.failed(&error);
                    batches.smaller(holder, count, last.0);
                    continue;
                }
            };
            batches.saved = advance.to;
            holder.status.batch_took(began.elapsed());
            holder.status.handled(count, advance.to.cursor.position);
        }
    }

    async fn handle(
        &self,
        holder: &mut Holder,
        parked: &mut Parked,
        events: Vec<Recorded<C::Event>>,
        (advance, is_one): (&Advance, bool),
        taken: &mut Notes,
    ) -> Result<(), Trouble> {
        let parks_it = is_one && holder.options.on_error == OnError::Park;
        let (batch, waiting) = {
            let mut sieve = Sieve::new(parked, if parks_it { Takes::Noted } else { Takes::All });
            let batch = self.gather(events, &mut sieve)?;
            *taken = sieve.taken;
            (batch, sieve.waiting)
        };
        // Before the checkpoint moves: whoever is killed in between finds them parked.
        parked.park_waiting(holder, waiting).await.map_err(Trouble::Other)?;
        self.consume(holder, batch, advance).await
    }

    fn gather(&self, events: Vec<Recorded<C::Event>>, sieve: &mut Sieve<'_>) -> Result<C::Batch, Trouble> {
        catch_unwind(AssertUnwindSafe(|| self.consumer.gather(events, sieve))).map_err(Trouble::panic)
    }

    async fn consume(&self, holder: &mut Holder, batch: C::Batch, advance: &Advance) -> Result<(), Trouble> {
        let consumed = AssertUnwindSafe(self.consumer.consume(holder, batch, advance)).catch_unwind();
        match consumed.await.map_err(Trouble::panic)? {
            Err(error) if self.consumer.is_of_events(&error) => Err(Trouble::OfEvents(error)),
            consumed => consumed.map_err(Trouble::Other),
        }
    }

    /// Goes on behind an event that cannot be handled.
    async fn leave_out(
        &self,
        holder: &mut Holder,
        parked: &mut Parked,
        ((Position(position), event_id), taken, error): ((Position, Uuid), Notes, StoreError),
        advance: &Advance,
    ) -> Result<(), StoreError> {
        holder.status.noted(&error);
        match holder.options.on_error {
            // A panic while it was asked which keys an event concerns: what is behind it cannot be held back.
            OnError::Park if taken.is_empty() => return Err(error),
            OnError::Park => {
                let keys: Vec<_> = taken.keys().map(|at| at.key.clone()).collect();
                parked.park(holder, taken, &error.to_string()).await?;
                tracing::warn!(position, %event_id, ?keys, %error, "an event was parked");
            }
            _ => {
                tracing::warn!(position, %event_id, %error, "an event was skipped");
                holder.status.skipped();
            }
        }
        self.consumer.consume(holder, C::Batch::default(), advance).await
    }

    /// Does what somebody has asked for of events that are parked.
    async fn answer(&self, holder: &mut Holder, parked: &mut Parked, saved: Checkpoint) -> Result<(), StoreError> {
        holder.renew().await?;
        let mut asked = parked.asked(holder).await?;
        // What is behind the checkpoint will be come across once more, and must be found parked then.
        asked.retain(|event| event.at.position <= saved.cursor.position);
        let of = |ask| asked.iter().filter(move |event| event.asked == Some(ask));
        let discarded: Vec<_> = of(Ask::Discard).map(|event| event.at.clone()).collect();
        parked.unpark(holder, &discarded).await?;
        for event in of(Ask::Retry) {
            if parked.first(&event.at.key) != Some(event.at.position) {
                // The one before it has failed again.
                continue;
            }
            holder.renew().await?;
            match self.retry(holder, parked, event, saved).await {
                Ok(()) => parked.removed(holder, &event.at),
                Err(Trouble::Other(error)) => return Err(error),
                Err(Trouble::OfEvents(_)) if holder.is_shut_down() => return Ok(()),
                Err(Trouble::OfEvents(error)) => {
                    holder.status.noted(&error);
                    parked.failed(holder, event, &asked, &error).await?;
                }
            }
        }
        Ok(())
    }

    /// Handles an event that is parked, for its key alone.
    async fn retry(
        &self,
        holder: &mut Holder,
        parked: &Parked,
        event: &ParkedEvent,
        saved: Checkpoint,
    ) -> Result<(), Trouble> {
        let events = self.read(holder, event).await?;
        let batch = self.gather(events, &mut Sieve::new(parked, Takes::Only(&event.at.key)))?;
        let mut advance = Advance::new(self.consumer.key(), saved.cursor, saved);
        advance.unparked = vec![event.at.clone()];
        self.consume(holder, batch, &advance).await
    }

    /// All parts of an event that is parked.
    async fn read(&self, holder: &Holder, event: &ParkedEvent) -> Result<Vec<Recorded<C::Event>>, Trouble> {
        let at = event.at.position;
        let read = Read::all().after(Position(at.0.saturating_sub(1))).until(at);
        let parts = holder.steadily(|| {
            let mut events = Events::<C::Event>::new(holder.store.clone(), read.clone());
            async move {
                let mut parts = Vec::new();
                while let Some(part) = events.next().await? {
                    parts.push(part);
                }
                Ok(parts)
            }
            .boxed()
        });
        match parts.await {
            Err(error) if error.is_decode() => Err(Trouble::OfEvents(error)),
            Ok(parts) if parts.first().is_none_or(|part| part.id != event.event_id) => {
                let message = format!("event {} is not at position {at} any more: discard it", event.event_id);
                Err(Trouble::OfEvents(StoreError::failed(message)))
            }
            parts => parts.map_err(Trouble::Other),
        }
    }
}

impl<C: Consumer> Run for Running<C> {
    fn holder(&self, with: With, shutdown: &watch::Receiver<bool>) -> Holder {
        Holder::new(with, self.consumer.key(), self.status.clone(), shutdown.clone())
    }

    fn name(&self) -> String {
        self.status.name()
    }

    fn on_error(&self) -> OnError {
        self.consumer.on_error()
    }

    fn run(self: Box<Self>, mut holder: Holder) -> BoxFuture<'static, Result<(), StoreError>> {
        async move {
            self.consumer.prepare(&holder).await?;
            while let Some(checkpoint) = holder.claim().await? {
                match self.go_on(&mut holder, checkpoint).await {
                    Err(error) if error.is_fenced() => {
                        holder.status.failed(&error);
                        tracing::info!(projection = %self.consumer.key().name, %error, "somebody else goes on with it");
                    }
                    // What was not written is done again by whoever comes next.
                    Err(error) if error.is_transient() && holder.is_shut_down() => {
                        holder.status.failed(&error);
                        holder.release().await;
                        return Ok(());
                    }
                    ended => {
                        holder.release().await;
                        return ended;
                    }
                }
            }
            Ok(())
        }
        .boxed()
    }
}
