//! Names and ids at their bounds, and requests that contradict themselves.

use crate::contract::append::AppendRequest;
use crate::contract::load::Load;
use crate::contract::read::Read;
use crate::words::metadata::Metadata;
use crate::words::stream::{ExpectedVersion, StreamId, Version};

use super::asking::*;
use super::fixture::Fixture;
use super::rule::Checked;

rules![
    the_longest_names_are_stored,
    an_event_name_that_breaks_the_rule_is_refused,
    a_command_key_that_breaks_the_rule_is_refused,
    metadata_of_the_framework_is_refused,
    a_schema_version_of_zero_is_refused,
    a_stream_that_stands_twice_in_a_request_is_refused,
    an_event_id_that_stands_twice_in_a_request_is_refused,
];

fn one(name: impl Into<std::borrow::Cow<'static, str>>) -> AppendRequest {
    let mut event = event();
    event.name = name.into();
    AppendRequest::new(stream("thing-a"), ExpectedVersion::Any, vec![event])
}

async fn the_longest_names_are_stored(fixture: &Fixture) -> Checked {
    let store = &*fixture.store;
    let category = "c".repeat(63);
    // Bytes count, not characters.
    for id in ["i".repeat(255 - 64), "é".repeat(95) + "i"] {
        let stream = StreamId::new(&category, &id)?;
        let mut request = one("n".repeat(127)).with_command_key("k".repeat(255));
        request.writes[0].stream = stream.clone();
        store_now(store, &request).await?;
        stored_before(store, &request).await?;
        let loaded = load(store, Load::new(stream.clone()).with_command_key(Some("k".repeat(255)))).await?;
        ensure_eq!(loaded.versions(), [1], "the versions of the stream");
        ensure!(loaded.end.command.is_some(), "a key of 255 bytes is not found");
        ensure_eq!(loaded.events[0].name.len(), 127, "bytes of the event's name");
        ensure_eq!(loaded.events[0].stream, stream.as_str(), "the stream");
    }
    let of_name = pages(store, Read::category(category).names(["n".repeat(127)])).await?;
    ensure_eq!(of_name.len(), 2, "events of the category and the name");
    Ok(())
}

async fn an_event_name_that_breaks_the_rule_is_refused(fixture: &Fixture) -> Checked {
    let store = &*fixture.store;
    let names = ["", "A", "thing.Happened", "1thing", ".thing", "thing happened", "thing\n", "théng", "thing\0", "a$b"];
    for name in names.into_iter().map(str::to_owned).chain(["n".repeat(128)]) {
        refused(store, &one(name.clone()), INVALID, &format!("the event name {name:?}")).await?;
    }
    ensure_eq!(count(store).await?, 0, "events in the store");
    Ok(())
}

async fn a_command_key_that_breaks_the_rule_is_refused(fixture: &Fixture) -> Checked {
    let store = &*fixture.store;
    let keys = ["", "\0", "key\n", "$key", "\u{85}"];
    for key in keys.into_iter().map(str::to_owned).chain(["k".repeat(256), "é".repeat(128)]) {
        let request = one("thing.happened").with_command_key(key.clone());
        refused(store, &request, INVALID, &format!("the command key {key:?}")).await?;
    }
    ensure_eq!(count(store).await?, 0, "events in the store");
    Ok(())
}

async fn metadata_of_the_framework_is_refused(fixture: &Fixture) -> Checked {
    let mut request = one("thing.happened");
    for key in ["$events", "$", "$anything"] {
        request.writes[0].events[0].metadata = Metadata::default().with(key, 1);
        refused(&*fixture.store, &request, INVALID, &format!("the metadata key {key:?}")).await?;
    }
    ensure_eq!(count(&*fixture.store).await?, 0, "events in the store");
    Ok(())
}

async fn a_schema_version_of_zero_is_refused(fixture: &Fixture) -> Checked {
    let mut request = one("thing.happened");
    request.writes[0].events[0].schema_version = 0;
    refused(&*fixture.store, &request, INVALID, "an event of version 0").await?;
    ensure_eq!(count(&*fixture.store).await?, 0, "events in the store");
    Ok(())
}

async fn a_stream_that_stands_twice_in_a_request_is_refused(fixture: &Fixture) -> Checked {
    let (store, a, b) = (&*fixture.store, stream("thing-a"), stream("thing-b"));
    let twice =
        one("one").and(b.clone(), ExpectedVersion::Any, events(1)).and(a.clone(), ExpectedVersion::Any, events(1));
    refused(store, &twice, INVALID, "two writes to one stream").await?;
    let condition = one("one").on_condition(a, Version(0));
    refused(store, &condition, INVALID, "a condition on a stream that is written").await?;
    let conditions = one("one").on_condition(b.clone(), Version(0)).on_condition(b, Version(0));
    refused(store, &conditions, INVALID, "two conditions on one stream").await?;
    ensure_eq!(count(store).await?, 0, "events in the store");
    Ok(())
}

async fn an_event_id_that_stands_twice_in_a_request_is_refused(fixture: &Fixture) -> Checked {
    let (store, a, b) = (&*fixture.store, stream("thing-a"), stream("thing-b"));
    let same = event();
    let one_stream = AppendRequest::new(a.clone(), ExpectedVersion::Any, vec![same.clone(), event(), same.clone()]);
    refused(store, &one_stream, INVALID, "one id for two events of a stream").await?;
    let two_streams =
        AppendRequest::new(a, ExpectedVersion::Any, vec![same.clone()]).and(b, ExpectedVersion::Any, vec![same]);
    refused(store, &two_streams, INVALID, "one id for events of two streams").await?;
    ensure_eq!(count(store).await?, 0, "events in the store");
    Ok(())
}
