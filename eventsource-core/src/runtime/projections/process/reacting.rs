//! What follows from the events of processes: their commands, executed once, and their timers.

use std::collections::{BTreeMap, HashMap};
use std::hash::Hash;
use std::marker::PhantomData;

use futures::future::BoxFuture;
use futures::{FutureExt, StreamExt, TryStreamExt, stream};
use tokio::time::Instant;

use crate::contract::checkpoint::{Checkpoint, CheckpointKey};
use crate::contract::load::{AsOf, Load};
use crate::contract::transaction::Advance;
use crate::runtime::projections::consumer::Consumer;
use crate::runtime::projections::holder::Holder;
use crate::runtime::projections::parking::{OnError, Sieve};
use crate::runtime::repository::Repository;
use crate::words::error::StoreError;
use crate::words::event::{NewEvent, Recorded};
use crate::words::stream::StreamId;

use super::acting::{AT_ONCE, Acting, Fenced, is_of_one, key_of};
use super::manager::{ProcessManager, key};
use super::order::Order;
use super::reaction::Reaction;
use super::timers::{Timer, Timers};

/// The hand of a process manager.
pub(in crate::runtime::projections) struct Reacting<M> {
    acting: Acting,
    timers: Timers<M>,
    manager: PhantomData<fn() -> M>,
}

impl<M: ProcessManager> Reacting<M> {
    pub(in crate::runtime::projections) fn new() -> Self {
        Self { acting: Acting::new(M::NAME), timers: Timers::new(), manager: PhantomData }
    }

    /// Does what follows from an event; answers the timers that are to be set.
    async fn react(fenced: &Fenced, event: &Recorded<M::Event>) -> Result<Vec<Timer>, StoreError> {
        let processes = Repository::<M>::new(fenced.store.clone()).without_cache();
        // As of the event: what came later may be because of it, and must not change what follows from it.
        let state = processes.load_as_of(event.stream.clone(), Some(AsOf::Version(event.version))).await?;
        let mut then = Reaction::new(event.recorded_at);
        state.react(event, &mut then);
        then.check()?;
        let Reaction { orders, timers, .. } = then;
        for (number, order) in (1..).zip(orders) {
            carry_out::<M>(fenced, event, number, order).await?;
        }
        Ok(timers.into_iter().map(|(name, due)| Timer::set_by(event, &name, due)).collect())
    }
}

/// Executes a command, and records what has become of it.
async fn carry_out<M: ProcessManager>(
    fenced: &Fenced,
    event: &Recorded<M::Event>,
    number: u32,
    Order { id, command, done, refused }: Order<M>,
) -> Result<(), StoreError> {
    let (category, name) = command.names();
    if category == M::NAME && id == event.stream.id() {
        let message = format!("process {} sends {name} to itself: record an event of its own instead", event.stream);
        return Err(StoreError::invalid(message));
    }
    let key = format!("{}:{number}", key_of::<M, _>(event));
    let outcome = format!("{key}:outcome");
    // What was refused once stays refused: the process has gone on from there.
    if (done.is_some() || refused.is_some()) && is_recorded(fenced, event, &outcome).await? {
        return Ok(());
    }
    let became = match command.execute(fenced.store.clone(), &id, fenced.options(key, event)).await? {
        None => done,
        Some(refusal) => match refused.and_then(|refused| refused(refusal.value)) {
            Some(event) => Some(event),
            None => {
                let text = refusal.text;
                let message =
                    format!("{category}-{id} refused {name}, and nothing says what follows from that: {text}");
                return Err(StoreError::invalid(message));
            }
        },
    };
    match became {
        Some(became) => {
            let options = fenced.options(outcome, event);
            fenced.record(&event.stream, NewEvent::encode(&became)?, options).await
        }
        None => Ok(()),
    }
}

async fn is_recorded<E>(fenced: &Fenced, event: &Recorded<E>, outcome: &str) -> Result<bool, StoreError> {
    let load = Load::new(event.stream.clone()).after(event.version).with_command_key(Some(outcome.to_owned()));
    Ok(fenced.store.load(&load.bare(true), &mut |_| Ok(())).await?.command.is_some())
}

/// Does some work for each: what belongs together one after the other, and the rest at the same time, within limits.
pub(super) async fn in_turns<'w, K, E, T>(
    all: impl Iterator<Item = (K, E)>,
    work: impl Fn(E) -> BoxFuture<'w, Result<T, StoreError>> + Send + Sync + 'w,
) -> Result<Vec<T>, StoreError>
where
    K: Hash + Eq,
    E: Send + 'w,
    T: Send + 'w,
{
    let mut places = HashMap::new();
    let mut together: Vec<Vec<E>> = Vec::new();
    for (key, one) in all {
        let place = *places.entry(key).or_insert(together.len());
        match together.get_mut(place) {
            Some(others) => others.push(one),
            None => together.push(vec![one]),
        }
    }
    let work = &work;
    let turns: Vec<BoxFuture<'_, Result<Vec<T>, StoreError>>> = together
        .into_iter()
        .map(|ones| {
            async move {
                let mut done = Vec::with_capacity(ones.len());
                for one in ones {
                    done.push(work(one).await?);
                }
                Ok(done)
            }
            .boxed()
        })
        .collect();
    let done: Vec<Vec<T>> = stream::iter(turns).buffer_unordered(AT_ONCE).try_collect().await?;
    Ok(done.into_iter().flatten().collect())
}

impl<M: ProcessManager> Consumer for Reacting<M> {
    type Event = M::Event;
    type Batch = Vec<Recorded<M::Event>>;

    fn key(&self) -> CheckpointKey {
        key::<M>()
    }

    async fn prepare(&self, holder: &Holder) -> Result<(), StoreError> {
        self.timers.prepare(holder).await
    }

    async fn begin(&self, holder: &mut Holder, _: Checkpoint) -> Result<(), StoreError> {
        self.acting.begin(holder).await?;
        self.timers.look_soon();
        Ok(())
    }

    fn gather(&self, mut events: Vec<Recorded<M::Event>>, sieve: &mut Sieve<'_>) -> Self::Batch {
        // Aggregates of another category may store the same events.
        events.retain(|event| event.stream.category() == M::NAME && sieve.takes_stream_of(event));
        events
    }

    async fn consume(&self, holder: &mut Holder, batch: Self::Batch, advance: &Advance) -> Result<(), StoreError> {
        let mut set = BTreeMap::new();
        if !batch.is_empty() {
            let react = |fenced: Fenced| {
                let batch = &batch;
                async move {
                    let of_stream = |event: &Recorded<M::Event>| -> StreamId { event.stream.clone() };
                    in_turns(batch.iter().map(|event| (of_stream(event), event)), |event| {
                        let fenced = &fenced;
                        async move { Self::react(fenced, event).await }.boxed()
                    })
                    .await
                }
                .boxed()
            };
            let timers = self.acting.act(holder, react).await?;
            // In the order of each process; the last one of a name counts.
            set.extend(timers.into_iter().flatten().map(|timer| (timer.key.clone(), timer)));
        }
        self.timers.write(holder, set, advance.to, &advance.unparked).await
    }

    fn is_of_events(&self, error: &StoreError) -> bool {
        is_of_one(error)
    }

    fn on_error(&self) -> OnError {
        OnError::Park
    }

    fn wakes_at(&self) -> Option<Instant> {
        self.timers.look_at()
    }

    async fn wake(&self, holder: &mut Holder, saved: Checkpoint) -> Result<(), StoreError> {
        self.timers.look(holder, &self.acting, saved).await
    }
}
