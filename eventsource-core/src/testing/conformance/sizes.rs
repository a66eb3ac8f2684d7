//! How much an append may hold: the default limits, met exactly and passed by one.

use crate::contract::append::{AppendRequest, Limits};
use crate::contract::load::Load;
use crate::words::event::NewEvent;
use crate::words::metadata::Metadata;
use crate::words::stream::{ExpectedVersion, Version};

use super::asking::*;
use super::fixture::Fixture;
use super::rule::Checked;

rules![
    a_payload_of_the_limit_is_stored_and_one_byte_more_is_refused,
    metadata_of_the_limit_is_stored_and_one_byte_more_is_refused,
    batches_of_up_to_65_536_events_are_stored,
    a_batch_of_more_than_65_536_events_is_refused,
    a_request_of_more_than_64_mib_is_refused,
    a_write_without_events_is_refused,
];

fn sized(bytes: usize) -> NewEvent {
    NewEvent::new("thing.happened", 1, format!("\"{}\"", "x".repeat(bytes - 2)).into_bytes())
}

async fn a_payload_of_the_limit_is_stored_and_one_byte_more_is_refused(fixture: &Fixture) -> Checked {
    let (store, a, limit) = (&*fixture.store, stream("thing-a"), Limits::default().payload);
    let over = AppendRequest::new(a.clone(), ExpectedVersion::Any, vec![event(), sized(limit + 1)]);
    refused(store, &over, TOO_LARGE, "a payload of one byte too many").await?;
    ensure_eq!(count(store).await?, 0, "events in the store");
    let full = AppendRequest::new(a.clone(), ExpectedVersion::NoStream, vec![sized(limit)]);
    store_now(store, &full).await?;
    let rows = of(store, &a).await?;
    ensure!(rows[0].data == full.writes[0].events[0].data, "a payload of 1 MiB came back as another");
    Ok(())
}

async fn metadata_of_the_limit_is_stored_and_one_byte_more_is_refused(fixture: &Fixture) -> Checked {
    let (store, a, limit) = (&*fixture.store, stream("thing-a"), Limits::default().metadata);
    // `{"k":"…"}` has eight bytes besides the text.
    let of_bytes = |bytes: usize| event().with_metadata(Metadata::default().with("k", "x".repeat(bytes - 8)));
    let over = AppendRequest::new(a.clone(), ExpectedVersion::Any, vec![of_bytes(limit + 1)]);
    refused(store, &over, TOO_LARGE, "metadata of one byte too many").await?;
    ensure_eq!(count(store).await?, 0, "events in the store");
    store_now(store, &AppendRequest::new(a, ExpectedVersion::NoStream, vec![of_bytes(limit)])).await?;
    Ok(())
}

async fn batches_of_up_to_65_536_events_are_stored(fixture: &Fixture) -> Checked {
    let store = &*fixture.store;
    for size in [1, 2, 1_000, 65_536] {
        let stream = stream(&format!("thing-{size}"));
        let request = AppendRequest::new(stream.clone(), ExpectedVersion::NoStream, events(size)).with_command_key("k");
        let appended = store_now(store, &request).await?;
        ensure_eq!(appended.streams[0].version, Version(size as u64), "the version after {size} events");
        let loaded = load(store, Load::new(stream)).await?;
        ensure!(ids(&loaded.events) == new_ids(&request.writes[0].events), "{size} events came back as others");
        ensure!(stored_before(store, &request).await? == appended, "{size} events again have another result");
    }
    Ok(())
}

async fn a_batch_of_more_than_65_536_events_is_refused(fixture: &Fixture) -> Checked {
    let (store, limit) = (&*fixture.store, Limits::default().events);
    let one = AppendRequest::new(stream("thing-a"), ExpectedVersion::Any, events(limit + 1));
    refused(store, &one, TOO_LARGE, "an append of one event too many").await?;
    let two = AppendRequest::new(stream("thing-a"), ExpectedVersion::Any, events(limit)).and(
        stream("thing-b"),
        ExpectedVersion::Any,
        events(1),
    );
    refused(store, &two, TOO_LARGE, "an append to two streams of one event too many").await?;
    ensure_eq!(count(store).await?, 0, "events in the store");
    Ok(())
}

async fn a_request_of_more_than_64_mib_is_refused(fixture: &Fixture) -> Checked {
    let (store, limits) = (&*fixture.store, Limits::default());
    let large = (0..limits.request / limits.payload).map(|_| sized(limits.payload)).chain([sized(2)]).collect();
    let request = AppendRequest::new(stream("thing-a"), ExpectedVersion::Any, large);
    refused(store, &request, TOO_LARGE, "an append of more than 64 MiB").await?;
    ensure_eq!(count(store).await?, 0, "events in the store");
    Ok(())
}

async fn a_write_without_events_is_refused(fixture: &Fixture) -> Checked {
    let store = &*fixture.store;
    let empty = AppendRequest::new(stream("thing-a"), ExpectedVersion::Any, Vec::new());
    refused(store, &empty, INVALID, "a write without events").await?;
    let half = AppendRequest::new(stream("thing-b"), ExpectedVersion::Any, events(1)).and(
        stream("thing-a"),
        ExpectedVersion::Any,
        Vec::new(),
    );
    refused(store, &half, INVALID, "an append with one empty write").await?;
    ensure_eq!(count(store).await?, 0, "events in the store");
    Ok(())
}
