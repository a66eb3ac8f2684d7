//! What goes in comes out, in every column.

use serde_json::json;
use uuid::Uuid;

use crate::contract::append::AppendRequest;
use crate::contract::load::Load;
use crate::contract::read::Read;
use crate::folding::decoding::metadata;
use crate::words::event::{NewEvent, now};
use crate::words::metadata::Metadata;
use crate::words::stream::{ExpectedVersion, StreamId, Version};

use super::asking::*;
use super::fixture::Fixture;
use super::rule::{Broken, Checked};

rules![
    an_event_comes_back_with_every_column,
    a_payload_comes_back_byte_for_byte,
    metadata_comes_back_as_it_was,
    an_occurred_time_comes_back_to_the_microsecond,
    an_id_of_any_text_comes_back,
    a_command_key_stands_on_the_first_event_alone,
    a_load_gives_the_same_rows_as_a_read,
];

async fn stored_one(fixture: &Fixture, stream: &StreamId, event: NewEvent) -> Checked<Row> {
    let store = &*fixture.store;
    store_now(store, &AppendRequest::new(stream.clone(), ExpectedVersion::Any, vec![event])).await?;
    of(store, stream).await?.pop().ok_or_else(|| Broken("an event that was stored is not read".to_owned()))
}

async fn an_event_comes_back_with_every_column(fixture: &Fixture) -> Checked {
    let a = stream("thing-a");
    let given = Metadata::default()
        .with_correlation_id(Uuid::from_u128(u128::MAX))
        .with_causation_id(Uuid::from_u128(1))
        .with_actor("somebody");
    let mut full = named("some.thing_has-happened").with_metadata(given).with_id(Uuid::from_u128(7 << 64));
    full.schema_version = 70_000;
    for event in [full, event()] {
        let row = stored_one(fixture, &a, event.clone()).await?;
        ensure_eq!(row.stream, "thing-a", "the stream");
        ensure_eq!(row.id, event.id, "the id");
        ensure_eq!(row.name, event.name, "the name");
        ensure_eq!(row.schema_version, event.schema_version, "the schema version");
        ensure_eq!(row.encoding, event.encoding, "the encoding");
        ensure_eq!(row.data, event.data, "the payload");
        ensure_eq!(row.correlation_id, event.metadata.correlation_id, "the correlation id");
        ensure_eq!(row.causation_id, event.metadata.causation_id, "the causation id");
    }
    Ok(())
}

async fn a_payload_comes_back_byte_for_byte(fixture: &Fixture) -> Checked {
    // JSON that something which reads and writes it again would change: order, spaces, escapes, numbers, doubles.
    let payloads: [&str; 8] = [
        r#"{"b":1,"a":2}"#,
        "{ \"a\" : 1 ,\n\t\"a\" : 2 }",
        r#"{"text":"\u0000 \u00e9 \ud83d\ude00 \/ \\ \" é 😀"}"#,
        r#"{"n":1.0,"big":123456789012345678901234567890,"e":1e400}"#,
        r#""just a text with ' and ; -- and %s and $1 and ?""#,
        "null",
        "[]",
        "",
    ];
    for payload in payloads {
        let event = NewEvent::new("thing.happened", 1, payload.as_bytes().to_vec());
        let row = stored_one(fixture, &stream("thing-a"), event).await?;
        ensure!(row.data == payload.as_bytes(), "{payload:?} came back as {:?}", String::from_utf8_lossy(&row.data));
    }
    Ok(())
}

async fn metadata_comes_back_as_it_was(fixture: &Fixture) -> Checked {
    let a = stream("thing-a");
    let full = Metadata::default()
        .with_actor("Zoë 😀")
        .with("nested", json!({"list": [1, 2.5, null, true], "text": "\u{0} \" \\ '"}))
        .with("", "an empty key")
        .with("big", u64::MAX)
        .with_correlation_id(Uuid::from_u128(9));
    for given in [full, Metadata::default()] {
        // With a key and several events, where the store has something of its own to remember.
        let happened = vec![event().with_metadata(given.clone()), event().with_metadata(given.clone())];
        let request = AppendRequest::new(a.clone(), ExpectedVersion::Any, happened).with_command_key(a_key(&given));
        store_now(&*fixture.store, &request).await?;
        let mut read = Vec::new();
        let visit = &mut |raw: &crate::words::event::RawEvent<'_>| {
            read.push(metadata(raw));
            Ok(())
        };
        fixture.store.read(&Read::stream(&a), visit).await?;
        for entries in read.into_iter().rev().take(2) {
            let entries = entries.map_err(|error| Broken(format!("metadata came back as no JSON object: {error}")))?;
            ensure_eq!(entries, given, "the metadata");
        }
    }
    Ok(())
}

fn a_key(given: &Metadata) -> &'static str {
    if given.actor().is_some() { "with entries" } else { "without entries" }
}

async fn an_occurred_time_comes_back_to_the_microsecond(fixture: &Fixture) -> Checked {
    for micros in [0, 1, -1, 999_999, -62_000_000_000_000_001, 4_102_444_799_999_999, 1_700_000_000_123_456] {
        let time = chrono::DateTime::from_timestamp_micros(micros).unwrap_or_default();
        let row = stored_one(fixture, &stream("thing-a"), event().with_occurred_at(time)).await?;
        ensure_eq!(row.occurred_at, time, "the occurred time");
    }
    // A field that is set past the method has nanoseconds, which no store keeps.
    let mut precise = event();
    precise.occurred_at = Some(now() + chrono::TimeDelta::nanoseconds(999));
    let row = stored_one(fixture, &stream("thing-a"), precise.clone()).await?;
    let wanted = precise.occurred_at.map(|time| time.timestamp_micros());
    ensure_eq!(Some(row.occurred_at.timestamp_micros()), wanted, "the occurred time in microseconds");
    Ok(())
}

async fn an_id_of_any_text_comes_back(fixture: &Fixture) -> Checked {
    // Two ways to write é are two ids, and so are capitals.
    let ids =
        ["é", "e\u{301}", "😀", " ", "'; drop table events; --", "%", "_", "a-b-", "A", "a", "\u{10ffff}", "ß", "SS"];
    for id in ids {
        let stream = StreamId::new("thing", id)?;
        let row = stored_one(fixture, &stream, event()).await?;
        ensure_eq!(row.stream, stream.as_str(), "the stream");
        ensure_eq!(row.version, Version(1), "the version of the only event of {stream}");
    }
    for id in ids {
        let stream = StreamId::new("thing", id)?;
        ensure_eq!(of(&*fixture.store, &stream).await?.len(), 1, "events of {stream}");
    }
    Ok(())
}

async fn a_command_key_stands_on_the_first_event_alone(fixture: &Fixture) -> Checked {
    let (store, a) = (&*fixture.store, stream("thing-a"));
    let request = AppendRequest::new(a.clone(), ExpectedVersion::NoStream, events(3)).with_command_key("Zoë's 'key'");
    store_now(store, &request).await?;
    store_now(store, &AppendRequest::new(a.clone(), Version(3), events(2))).await?;
    let keys: Vec<_> = of(store, &a).await?.into_iter().map(|row| row.command_key).collect();
    let expected = [Some("Zoë's 'key'".to_owned()), None, None, None, None];
    ensure_eq!(keys, expected, "the command keys in the stream");
    Ok(())
}

async fn a_load_gives_the_same_rows_as_a_read(fixture: &Fixture) -> Checked {
    let (store, a, b) = (&*fixture.store, stream("thing-a"), stream("thing-b"));
    for number in 0..5 {
        let metadata = Metadata::default().with_actor("somebody").with_causation_id(Uuid::from_u128(number));
        let happened = vec![event().with_metadata(metadata), event()];
        let request = AppendRequest::new(a.clone(), ExpectedVersion::Any, happened)
            .and(b.clone(), ExpectedVersion::Any, events(1))
            .with_command_key(format!("command-{number}"));
        store_now(store, &request).await?;
    }
    for stream in [&a, &b] {
        let loaded = load(store, Load::new(stream.clone())).await?;
        ensure_eq!(loaded.events, of(store, stream).await?, "the events of {stream} by load, against by read");
    }
    Ok(())
}
