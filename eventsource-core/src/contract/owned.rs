//! Events that outlive the call that handed them out, and pages of them that are bounded in bytes.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use crate::words::event::RawEvent;
use crate::words::stream::{Position, Version};

use super::read::Cursor;

/// An event that outlives the call that handed it out.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct OwnedEvent {
    pub(crate) position: Position,
    pub(crate) stream: String,
    pub(crate) version: Version,
    pub(crate) id: Uuid,
    pub(crate) name: String,
    pub(crate) schema_version: u32,
    pub(crate) encoding: i16,
    pub(crate) data: Vec<u8>,
    pub(crate) meta: Option<Vec<u8>>,
    pub(crate) correlation_id: Option<Uuid>,
    pub(crate) causation_id: Option<Uuid>,
    pub(crate) occurred_at: DateTime<Utc>,
    pub(crate) recorded_at: DateTime<Utc>,
    pub(crate) command_key: Option<String>,
}

impl From<&RawEvent<'_>> for OwnedEvent {
    fn from(raw: &RawEvent<'_>) -> Self {
        Self {
            position: raw.position,
            stream: raw.stream.to_owned(),
            version: raw.version,
            id: raw.id,
            name: raw.name.to_owned(),
            schema_version: raw.schema_version,
            encoding: raw.encoding,
            data: raw.data.to_vec(),
            meta: raw.meta.map(<[u8]>::to_vec),
            correlation_id: raw.correlation_id,
            causation_id: raw.causation_id,
            occurred_at: raw.occurred_at,
            recorded_at: raw.recorded_at,
            command_key: raw.command_key.map(str::to_owned),
        }
    }
}

impl OwnedEvent {
    pub(crate) fn raw(&self) -> RawEvent<'_> {
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

    /// The first field, but for the position, in which the other event is not the same.
    pub(crate) fn difference(&self, other: &Self) -> Option<&'static str> {
        let same = [
            ("event id", self.id == other.id),
            ("stream", self.stream == other.stream),
            ("version", self.version == other.version),
            ("name", self.name == other.name),
            ("schema version", self.schema_version == other.schema_version),
            ("encoding", self.encoding == other.encoding),
            ("payload", self.data == other.data),
            ("metadata", self.meta == other.meta),
            ("correlation id", self.correlation_id == other.correlation_id),
            ("causation id", self.causation_id == other.causation_id),
            ("occurred time", self.occurred_at == other.occurred_at),
            ("recorded time", self.recorded_at == other.recorded_at),
            ("command key", self.command_key == other.command_key),
        ];
        same.into_iter().find(|(_, same)| !same).map(|(field, _)| field)
    }

    pub(crate) fn cursor(&self) -> Cursor {
        Cursor::new(self.position, self.id)
    }

    fn bytes(&self) -> usize {
        self.data.len() + self.meta.as_ref().map_or(0, Vec::len)
    }
}

/// Keeps what a page hands out, up to and with the event that brings payloads and metadata to so many bytes.
#[derive(Debug)]
pub(crate) struct Kept {
    pub(crate) events: Vec<OwnedEvent>,
    pub(crate) bytes: usize,
    most: usize,
    /// What does not fit any more is handed out in vain, and read again.
    pub(crate) left_out: bool,
}

impl Kept {
    pub(crate) fn up_to(bytes: usize) -> Self {
        Self { events: Vec::new(), bytes: 0, most: bytes, left_out: false }
    }

    pub(crate) fn take(&mut self, raw: &RawEvent<'_>) {
        self.left_out |= self.bytes >= self.most;
        if !self.left_out {
            let event = OwnedEvent::from(raw);
            self.bytes += event.bytes();
            self.events.push(event);
        }
    }
}
