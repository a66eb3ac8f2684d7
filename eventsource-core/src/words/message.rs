//! A message on its way to a broker.

use std::fmt;

use chrono::{DateTime, Utc};
use serde::Serialize;
use uuid::Uuid;

use super::cloud_event::CloudEvent;
use super::error::StoreError;

/// A message on its way to a broker: an envelope as bytes, where it shall go, and what of it brokers have a place for.
///
/// `Debug` shows no body.
#[derive(Clone, PartialEq)]
#[non_exhaustive]
pub struct Message {
    /// By which a broker decides who gets it: a routing key, a subject, a topic.
    pub routing_key: String,
    /// Tells it from all others, however often it is sent.
    pub id: String,
    /// What is told.
    pub name: String,
    /// Messages of one subject are kept in their order.
    pub subject: String,
    /// When it happened.
    pub time: DateTime<Utc>,
    /// The conversation to which it belongs.
    pub correlation_id: Option<Uuid>,
    /// The envelope, of the type [`CONTENT_TYPE`](Self::CONTENT_TYPE).
    pub body: Vec<u8>,
}

impl Message {
    /// What a body is: a CloudEvent with all its attributes in the JSON ("structured mode"), so that no broker loses one.
    pub const CONTENT_TYPE: &'static str = "application/cloudevents+json";

    /// Of an envelope; fails if JSON cannot hold its data.
    pub fn new<D: Serialize>(routing_key: impl Into<String>, event: &CloudEvent<D>) -> Result<Self, StoreError> {
        let body = serde_json::to_vec(event)
            .map_err(|error| StoreError::encode(format!("message {} is no JSON: {error}", event.id)))?;
        Ok(Self {
            routing_key: routing_key.into(),
            id: event.id.clone(),
            name: event.name.clone(),
            subject: event.subject.clone(),
            time: event.time,
            correlation_id: event.correlation_id,
            body,
        })
    }
}

impl fmt::Debug for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Message")
            .field("id", &self.id)
            .field("name", &self.name)
            .field("subject", &self.subject)
            .field("routing_key", &self.routing_key)
            .finish_non_exhaustive()
    }
}
