//! The envelope in which others get an event: CloudEvents 1.0, as JSON.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::event::Recorded;
use super::stream::Version;

/// An event as others get it: an envelope of [CloudEvents](https://cloudevents.io) 1.0, and the facts in it.
///
/// A [`Relay`](crate::Relay) writes it as JSON. A service in Rust may read it with this type, any other with a library for
/// CloudEvents or for JSON.
///
/// ```
/// # use eventsource::CloudEvent;
/// # use serde::Deserialize;
/// #[derive(Deserialize)]
/// struct Placed { cents: u64 }
///
/// let body = r#"{
///     "specversion": "1.0", "id": "0198c3a5-7a70-7b2e-8d4c-3d1f0c0a9e11:1", "source": "/shop", "type": "order.placed",
///     "subject": "order-17", "time": "2026-03-01T12:00:00.000001Z", "datacontenttype": "application/json",
///     "dataversion": 2, "sequence": "00000000000000000001",
///     "correlationid": "0198c3a5-7a70-7b2e-8d4c-3d1f0c0a9e10", "data": {"cents": 500}
/// }"#;
/// let placed: CloudEvent<Placed> = serde_json::from_str(body)?;
/// assert_eq!((placed.name.as_str(), placed.version.0, placed.data.cents), ("order.placed", 1, 500));
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct CloudEvent<D> {
    /// Of the specification: `1.0`.
    pub specversion: String,
    /// [`Recorded::idempotency_key`]: the same however often it is sent, and another one for each part of a split event.
    pub id: String,
    /// Where it comes from, a URI or the path of one. Source and id together are unique.
    pub source: String,
    /// The attribute `type`: the event's name, in its current version.
    #[serde(rename = "type")]
    pub name: String,
    /// The stream. Events of one subject come in their order.
    pub subject: String,
    /// When it happened.
    pub time: DateTime<Utc>,
    /// Of `data`: `application/json`.
    pub datacontenttype: String,
    /// The version of the shape of `data`.
    #[serde(rename = "dataversion")]
    pub schema_version: u32,
    /// The attribute `sequence`: the event's place in its stream, from 1, as twenty digits. The parts of a split event share it.
    #[serde(rename = "sequence", with = "sequence")]
    pub version: Version,
    /// The conversation to which it belongs.
    #[serde(rename = "correlationid", default, skip_serializing_if = "Option::is_none")]
    pub correlation_id: Option<Uuid>,
    /// The event or message that caused it.
    #[serde(rename = "causationid", default, skip_serializing_if = "Option::is_none")]
    pub causation_id: Option<Uuid>,
    /// The facts.
    pub data: D,
}

impl<D> CloudEvent<D> {
    /// Of an event, whose facts are `data` in this version under this name. Other metadata than correlation and causation
    /// stays where it is.
    pub fn new<E>(source: &str, event: &Recorded<E>, name: &str, schema_version: u32, data: D) -> Self {
        Self {
            specversion: "1.0".to_owned(),
            id: event.idempotency_key(),
            source: source.to_owned(),
            name: name.to_owned(),
            subject: event.stream.to_string(),
            time: event.occurred_at,
            datacontenttype: "application/json".to_owned(),
            schema_version,
            version: event.version,
            correlation_id: event.metadata.correlation_id,
            causation_id: event.metadata.causation_id,
            data,
        }
    }
}

/// As text that sorts like the numbers, as the extension demands; its integers end at 2³¹.
mod sequence {
    use serde::de::Error;
    use serde::{Deserialize, Deserializer, Serializer};

    use crate::words::stream::Version;

    pub(super) fn serialize<S: Serializer>(Version(version): &Version, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&format_args!("{version:020}"))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Version, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map(Version).map_err(|_| D::Error::custom(format!("`{text}` is no place in a stream")))
    }
}
