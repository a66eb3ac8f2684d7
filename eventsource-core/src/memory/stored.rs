//! An event as the memory store holds it, and what is copied for it before the log is locked.

use std::borrow::Cow;

use chrono::{DateTime, Utc};
use uuid::Uuid;

use crate::contract::append::{AppendRequest, NewRow};
use crate::contract::import::ImportedRow;
use crate::contract::read::Cursor;
use crate::words::event::RawEvent;
use crate::words::stream::{Position, StreamId, Version};

pub(super) struct StoredEvent {
    pub(super) position: Position,
    pub(super) stream: StreamId,
    pub(super) version: Version,
    pub(super) id: Uuid,
    name: Cow<'static, str>,
    schema_version: u32,
    encoding: i16,
    data: Vec<u8>,
    pub(super) occurred_at: DateTime<Utc>,
    pub(super) recorded_at: DateTime<Utc>,
    rest: Option<Box<Rest>>,
}

/// What most events do not have; apart, so that a replay touches less memory.
#[derive(Default, PartialEq)]
struct Rest {
    meta: Option<Vec<u8>>,
    correlation_id: Option<Uuid>,
    causation_id: Option<Uuid>,
    command_key: Option<String>,
}

impl Rest {
    fn boxed(self) -> Option<Box<Self>> {
        (self != Self::default()).then(|| Box::new(self))
    }
}

/// All of a new event but its place.
pub(super) struct Row {
    id: Uuid,
    name: Cow<'static, str>,
    schema_version: u32,
    encoding: i16,
    data: Vec<u8>,
    occurred_at: Option<DateTime<Utc>>,
    rest: Option<Box<Rest>>,
}

impl Row {
    /// Those of all writes of a request, in its order.
    pub(super) fn all(request: &AppendRequest) -> Vec<Self> {
        let mut rows = Vec::with_capacity(request.event_count());
        (0..request.writes.len()).for_each(|write| rows.extend(request.rows(write).map(Self::new)));
        rows
    }

    fn new(row: NewRow<'_>) -> Self {
        let NewRow { event, meta, command_key, .. } = row;
        let rest = Rest {
            meta,
            correlation_id: event.metadata.correlation_id,
            causation_id: event.metadata.causation_id,
            command_key: command_key.map(Cow::into_owned),
        };
        Self {
            id: event.id,
            name: event.name.clone(),
            schema_version: event.schema_version,
            encoding: event.encoding,
            data: event.data.clone(),
            occurred_at: event.occurred_at,
            rest: rest.boxed(),
        }
    }
}

impl StoredEvent {
    pub(super) fn new(
        row: Row,
        stream: StreamId,
        (version, position): (Version, Position),
        recorded_at: DateTime<Utc>,
    ) -> Self {
        let Row { id, name, schema_version, encoding, data, occurred_at, rest } = row;
        let occurred_at = occurred_at.unwrap_or(recorded_at);
        Self { position, stream, version, id, name, schema_version, encoding, data, occurred_at, recorded_at, rest }
    }

    /// An event of another store.
    pub(super) fn imported(row: ImportedRow<'_>) -> Self {
        let ImportedRow { position, stream, event } = row;
        let rest = Rest {
            meta: event.meta.map(<[u8]>::to_vec),
            correlation_id: event.correlation_id,
            causation_id: event.causation_id,
            command_key: event.command_key.map(str::to_owned),
        };
        Self {
            position,
            stream,
            version: event.version,
            id: event.id,
            name: Cow::Owned(event.name.to_owned()),
            schema_version: event.schema_version,
            encoding: event.encoding,
            data: event.data.to_vec(),
            occurred_at: event.occurred_at,
            recorded_at: event.recorded_at,
            rest: rest.boxed(),
        }
    }

    pub(super) fn held_type(&self) -> (&str, u32) {
        (&self.name, self.schema_version)
    }

    pub(super) fn cursor(&self) -> Cursor {
        Cursor::new(self.position, self.id)
    }

    pub(super) fn raw(&self) -> RawEvent<'_> {
        let rest = self.rest.as_deref();
        RawEvent {
            position: self.position,
            stream: self.stream.as_str(),
            version: self.version,
            id: self.id,
            name: &self.name,
            schema_version: self.schema_version,
            encoding: self.encoding,
            data: &self.data,
            meta: rest.and_then(|rest| rest.meta.as_deref()),
            correlation_id: rest.and_then(|rest| rest.correlation_id),
            causation_id: rest.and_then(|rest| rest.causation_id),
            occurred_at: self.occurred_at,
            recorded_at: self.recorded_at,
            command_key: rest.and_then(|rest| rest.command_key.as_deref()),
        }
    }
}
