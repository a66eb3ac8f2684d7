//! Messages for the rules, and what has become of them.

use std::collections::HashMap;
use std::time::Duration;

use serde_json::value::RawValue;
use uuid::Uuid;

use crate::words::cloud_event::CloudEvent;
use crate::words::error::StoreError;
use crate::words::event::{Recorded, now};
use crate::words::message::Message;
use crate::words::metadata::Metadata;
use crate::words::stream::{Position, StreamId, Version};

use super::super::rule::{Broken, Checked};
use super::fixture::{Fixture, Received};

/// Longer than a broker takes for what has arrived already.
const PATIENCE: Duration = Duration::from_secs(60);

/// An event of a stream, as a relay would hand it over.
pub(super) fn event(stream: &str, version: u64) -> Checked<Recorded<()>> {
    Ok(Recorded {
        event: (),
        id: Uuid::now_v7(),
        stream: StreamId::new("thing", stream)?,
        version: Version(version),
        position: Position(version),
        name: "thing.moved".into(),
        schema_version: 1,
        occurred_at: now(),
        recorded_at: now(),
        metadata: Metadata::default(),
        part: 1,
        parts: 1,
    })
}

/// Of an event, with a payload.
pub(super) fn message(event: &Recorded<()>, routing_key: &str, data: &str) -> Checked<Message> {
    let data = RawValue::from_string(data.to_owned()).map_err(|error| Broken(error.to_string()))?;
    Ok(Message::new(routing_key, &CloudEvent::new("/rules", event, &event.name, 1, data))?)
}

/// Messages of streams of this name, one of each after the other.
pub(super) fn messages(name: &str, streams: usize, each: u64) -> Checked<Vec<Message>> {
    let mut messages = Vec::new();
    for version in 1..=each {
        for stream in 0..streams {
            let event = event(&format!("{name}-{stream}"), version)?;
            messages.push(message(&event, "thing.moved", &format!(r#"{{"number":{version}}}"#))?);
        }
    }
    Ok(messages)
}

/// Publishes what must be possible to publish.
pub(super) async fn publish(fixture: &Fixture, messages: &[Message]) -> Checked {
    let published = fixture.publisher.publish(messages).await;
    published.map_err(|error| Broken(format!("what must be possible to publish was refused: {error}")))
}

/// Why it was refused, as those see it who look at the kind of the error.
pub(super) async fn refused(fixture: &Fixture, messages: &[Message]) -> Option<StoreError> {
    let error = fixture.publisher.publish(messages).await.err()?;
    Some(match error.downcast::<StoreError>() {
        Ok(error) => *error,
        Err(error) => StoreError::failed("the publisher failed").with_source(error),
    })
}

/// All that has arrived, repetitions among it: whatever was confirmed stands before a last message.
pub(super) async fn arrived(fixture: &Fixture) -> Checked<Vec<Received>> {
    let last = message(&event("last", 1)?, "last", "{}")?;
    publish(fixture, std::slice::from_ref(&last)).await?;
    let mut all = Vec::new();
    loop {
        let next = tokio::time::timeout(PATIENCE, fixture.receiver.receive()).await;
        match next.map_err(|_| Broken(format!("a message that was confirmed does not arrive within {PATIENCE:?}")))? {
            next if next.id == last.id => return Ok(all),
            next => all.push(next),
        }
    }
}

/// All of them have arrived and nothing else, and of each stream each for the first time in its order.
pub(super) fn ensure_in_order(arrived: &[Received], messages: &[Message]) -> Checked {
    let mut places: HashMap<&str, (&str, usize)> = HashMap::new();
    let mut of_stream: HashMap<&str, usize> = HashMap::new();
    for message in messages {
        let place = of_stream.entry(&message.subject).or_default();
        places.insert(&message.id, (&message.subject, *place));
        *place += 1;
    }
    let mut next: HashMap<&str, usize> = HashMap::new();
    for received in arrived {
        let Some((stream, place)) = places.get(received.id.as_str()) else {
            return Err(Broken(format!("message {} was not published", received.id)));
        };
        let next = next.entry(stream).or_default();
        ensure!(place <= next, "of {stream}, message {place} arrives before message {next}");
        *next = (*next).max(place + 1);
    }
    for (stream, wanted) in of_stream {
        ensure_eq!(next.get(stream).copied().unwrap_or_default(), wanted, "messages of {stream} that have arrived");
    }
    Ok(())
}
