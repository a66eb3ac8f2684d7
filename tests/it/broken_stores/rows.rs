//! Rows that can be kept and tampered with.

use chrono::{DateTime, Utc};
use eventsource::{Position, RawEvent, RawSnapshot, Snapshot, Version};
use uuid::Uuid;

#[derive(Clone)]
pub(super) struct Row {
    pub(super) position: Position,
    pub(super) stream: String,
    pub(super) version: Version,
    pub(super) id: Uuid,
    pub(super) name: String,
    pub(super) schema_version: u32,
    pub(super) encoding: i16,
    pub(super) data: Vec<u8>,
    pub(super) meta: Option<Vec<u8>>,
    pub(super) correlation_id: Option<Uuid>,
    pub(super) causation_id: Option<Uuid>,
    pub(super) occurred_at: DateTime<Utc>,
    pub(super) recorded_at: DateTime<Utc>,
    pub(super) command_key: Option<String>,
}

impl From<&RawEvent<'_>> for Row {
    fn from(raw: &RawEvent<'_>) -> Self {
        Self {
            position: raw.position,
            stream: raw.stream.to_owned(),
            version: raw.version,
            id: raw.id,
            name: raw.name.to_owned(),
            schema_version: raw.schema_version,
            encoding: raw.encoding,
            data: raw.data.to_owned(),
            meta: raw.meta.map(<[u8]>::to_owned),
            correlation_id: raw.correlation_id,
            causation_id: raw.causation_id,
            occurred_at: raw.occurred_at,
            recorded_at: raw.recorded_at,
            command_key: raw.command_key.map(str::to_owned),
        }
    }
}

impl Row {
    pub(super) fn raw(&self) -> RawEvent<'_> {
        RawEvent {
            position: self.position,
            stream: &self.stream,
            version: self.version,
            id: self.id,
            name: &self.name,
            schema_version: self.schema_version,
            encoding: self.encoding,
            data: &self.data,
            meta: self.meta.as_deref(),
            correlation_id: self.correlation_id,
            causation_id: self.causation_id,
            occurred_at: self.occurred_at,
            recorded_at: self.recorded_at,
            command_key: self.command_key.as_deref(),
        }
    }
}

/// A snapshot on its way out.
#[derive(Clone)]
pub(super) struct Kept {
    pub(super) version: Version,
    pub(super) position: Position,
    pub(super) encoding: i16,
    pub(super) data: Vec<u8>,
    pub(super) max_occurred_at: DateTime<Utc>,
}

impl From<RawSnapshot<'_>> for Kept {
    fn from(raw: RawSnapshot<'_>) -> Self {
        let RawSnapshot { version, position, encoding, data, max_occurred_at } = raw;
        Self { version, position, encoding, data: data.to_owned(), max_occurred_at }
    }
}

impl From<&Snapshot> for Kept {
    fn from(snapshot: &Snapshot) -> Self {
        Self {
            version: snapshot.mark.version,
            position: snapshot.mark.position,
            encoding: snapshot.encoding,
            data: snapshot.data.clone(),
            max_occurred_at: snapshot.mark.max_occurred_at,
        }
    }
}

impl Kept {
    pub(super) fn raw(&self) -> RawSnapshot<'_> {
        RawSnapshot {
            version: self.version,
            position: self.position,
            encoding: self.encoding,
            data: &self.data,
            max_occurred_at: self.max_occurred_at,
        }
    }
}
