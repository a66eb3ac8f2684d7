//! Taking over events that another store has recorded: what a target of [`copy`](crate::copy) implements.

use std::collections::HashMap;
use std::sync::Arc;

use futures::future::BoxFuture;
use uuid::Uuid;

use crate::words::error::StoreError;
use crate::words::event::RawEvent;
use crate::words::stream::{Position, StreamId, Version};

use super::store::EventStore;

/// A store that takes over events as another store has recorded them. [`copy`](crate::copy) is its caller.
///
/// Both methods get events in the source's order, so those of a stream in order of version. An event
/// that stands already at its stream and version, by its id, is passed over; another event there is an error
/// that names the stream. [`backend::import_rows`](crate::backend::import_rows) is that rule, for every store.
pub trait Import: EventStore {
    /// How many of the events the store does not hold yet. It stores nothing, and does not mind
    /// what is missing before them.
    fn count_missing<'a>(&'a self, events: &'a [RawEvent<'a>]) -> BoxFuture<'a, Result<u64, StoreError>>;

    /// Stores the events that it does not hold yet, all or none, and answers how many. A version without
    /// the one before it is an error too.
    ///
    /// Every field is stored as it is, but for the position where new ones are asked for; limits and clock of the
    /// store do not count. Later appends know of them: positions, versions and recorded times go on behind
    /// them, and their command keys are used up. Dropping the future leaves all of it or nothing.
    fn import<'a>(&'a self, events: &'a [RawEvent<'a>], positions: Positions)
    -> BoxFuture<'a, Result<u64, StoreError>>;
}

/// Where events stand that were taken over from another store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Positions {
    /// Where they stood in the source. An error if the store has given such a position before.
    Kept,
    /// Behind everything that the store holds.
    New,
}

/// An event that is to be inserted, and where.
#[derive(Clone, Debug)]
pub struct ImportedRow<'e> {
    /// Its place in this store, which counts instead of the event's own.
    pub position: Position,
    /// The stream, its name checked.
    pub stream: StreamId,
    /// Everything else.
    pub event: &'e RawEvent<'e>,
}

/// The places of which [`import_rows`] must know the event ids: those of the events, and of the one before each stream's first.
pub fn import_places<'e>(events: &[RawEvent<'e>]) -> Vec<(&'e str, Version)> {
    let mut places = Vec::with_capacity(events.len());
    let mut heads = HashMap::new();
    for event in events {
        if heads.insert(event.stream, event.version).is_none()
            && let before @ 1.. = event.version.0.saturating_sub(1)
        {
            places.push((event.stream, Version(before)));
        }
        places.push((event.stream, event.version));
    }
    places
}

/// The rows that a batch needs, in order; one rule for every store that decides while it holds the write lock.
///
/// `last` is the newest position that the store has given, `held` answers the id of the event at a place.
pub fn import_rows<'e>(
    events: &'e [RawEvent<'e>],
    positions: Positions,
    last: Position,
    held: impl Fn(&StreamId, Version) -> Option<Uuid>,
) -> Result<Vec<ImportedRow<'e>>, StoreError> {
    let mut rows = Vec::with_capacity(events.len());
    let mut heads = HashMap::new();
    let mut last = last;
    for event in events {
        let stream = StreamId::parse(event.stream)?;
        let before = Version(event.version.0.saturating_sub(1));
        let follows = before == Version(0) || heads.get(event.stream) == Some(&before);
        heads.insert(event.stream, event.version);
        if !is_missing(event, held(&stream, event.version))? {
            continue;
        }
        // Versions are dense, so the event before it is the last one.
        if !follows && held(&stream, before).is_none() {
            return Err(gap(event));
        }
        last = match positions {
            Positions::Kept if event.position > last => event.position,
            Positions::Kept => return Err(given(event, last)),
            Positions::New => Position(last.0 + 1),
        };
        rows.push(ImportedRow { position: last, stream, event });
    }
    Ok(rows)
}

/// What [`Import::count_missing`] answers; `held` answers the id of the event at a place.
pub fn count_missing(
    events: &[RawEvent<'_>],
    held: impl Fn(&StreamId, Version) -> Option<Uuid>,
) -> Result<u64, StoreError> {
    let mut count = 0;
    for event in events {
        let stream = StreamId::parse(event.stream)?;
        count += u64::from(is_missing(event, held(&stream, event.version))?);
    }
    Ok(count)
}

fn is_missing(event: &RawEvent<'_>, there: Option<Uuid>) -> Result<bool, StoreError> {
    match there {
        Some(id) if id != event.id => Err(conflict(event, id)),
        there => Ok(there.is_none()),
    }
}

fn conflict(event: &RawEvent<'_>, there: Uuid) -> StoreError {
    let RawEvent { stream, version, id, .. } = event;
    StoreError::failed(format!("stream {stream} is another one here: version {version} is event {there}, not {id}"))
}

fn gap(event: &RawEvent<'_>) -> StoreError {
    let RawEvent { stream, version, position, .. } = event;
    StoreError::failed(format!(
        "version {version} of stream {stream}, position {position}, cannot be stored: the version before it is missing"
    ))
}

fn given(event: &RawEvent<'_>, last: Position) -> StoreError {
    let RawEvent { stream, version, position, .. } = event;
    StoreError::failed(format!(
        "version {version} of stream {stream} cannot keep position {position}: position {last} was given already; \
         does somebody else write to this store?"
    ))
}

impl<S: Import + ?Sized> Import for Arc<S> {
    fn count_missing<'a>(&'a self, events: &'a [RawEvent<'a>]) -> BoxFuture<'a, Result<u64, StoreError>> {
        (**self).count_missing(events)
    }

    fn import<'a>(
        &'a self,
        events: &'a [RawEvent<'a>],
        positions: Positions,
    ) -> BoxFuture<'a, Result<u64, StoreError>> {
        (**self).import(events, positions)
    }
}
