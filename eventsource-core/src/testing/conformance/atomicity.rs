//! An append is stored as a whole or not at all.

use crate::contract::append::AppendRequest;
use crate::contract::read::Read;
use crate::words::stream::{ExpectedVersion, Version};

use super::asking::*;
use super::fixture::Fixture;
use super::rule::Checked;

rules![
    an_append_stores_all_its_events_in_order,
    an_append_to_several_streams_stores_all_of_them,
    a_conflict_in_the_second_stream_writes_nothing_in_the_first,
    a_conflict_in_the_first_stream_writes_nothing_in_the_second,
    a_refused_event_in_the_last_write_writes_nothing,
];

async fn an_append_stores_all_its_events_in_order(fixture: &Fixture) -> Checked {
    let (store, a) = (&*fixture.store, stream("thing-a"));
    let (first, second) = (events(3), events(2));
    let one = store_now(store, &AppendRequest::new(a.clone(), ExpectedVersion::NoStream, first.clone())).await?;
    let two = store_now(store, &AppendRequest::new(a.clone(), Version(3), second.clone())).await?;
    ensure_eq!(one.streams.len(), 1, "streams in the answer to one write");
    ensure_eq!(one.streams[0].version, Version(3), "the version after three events");
    ensure_eq!(two.streams[0].version, Version(5), "the version after two more");
    let rows = of(store, &a).await?;
    ensure_eq!(ids(&rows), [new_ids(&first), new_ids(&second)].concat(), "the ids in the stream");
    let versions: Vec<_> = rows.iter().map(|row| row.version.0).collect();
    ensure_eq!(versions, [1, 2, 3, 4, 5], "the versions in the stream");
    let answered = [&one.streams[0].positions[..], &two.streams[0].positions].concat();
    let positions: Vec<_> = rows.iter().map(|row| row.position).collect();
    ensure_eq!(positions, answered, "the positions in the stream, against those answered");
    Ok(())
}

async fn an_append_to_several_streams_stores_all_of_them(fixture: &Fixture) -> Checked {
    let (store, a, b, c) = (&*fixture.store, stream("thing-a"), stream("other-b"), stream("thing-c"));
    store_now(store, &AppendRequest::new(b.clone(), ExpectedVersion::NoStream, events(1))).await?;
    let request = AppendRequest::new(c.clone(), ExpectedVersion::NoStream, events(2))
        .and(b.clone(), Version(1), events(1))
        .and(a.clone(), ExpectedVersion::Any, events(3));
    let appended = store_now(store, &request).await?;
    let versions: Vec<_> = appended.streams.iter().map(|stream| stream.version.0).collect();
    ensure_eq!(versions, [2, 2, 3], "the versions answered, in the request's order");
    for (write, answered) in request.writes.iter().zip(&appended.streams) {
        let behind = Read::stream(&write.stream).after_version(Version(answered.version.0 - write.events.len() as u64));
        let rows = pages(store, behind).await?;
        ensure_eq!(ids(&rows), new_ids(&write.events), "the ids written to {}", write.stream);
        let positions: Vec<_> = rows.iter().map(|row| row.position).collect();
        ensure_eq!(positions, answered.positions, "the positions in {}, against those answered", write.stream);
    }
    Ok(())
}

async fn a_conflict_in_the_second_stream_writes_nothing_in_the_first(fixture: &Fixture) -> Checked {
    let (store, a, b) = (&*fixture.store, stream("thing-a"), stream("thing-b"));
    store_now(store, &AppendRequest::new(b.clone(), ExpectedVersion::NoStream, events(1))).await?;
    let request = AppendRequest::new(a.clone(), ExpectedVersion::NoStream, events(2)).and(
        b.clone(),
        ExpectedVersion::NoStream,
        events(1),
    );
    ensure_eq!(conflict(store, &request).await?.stream, b, "the stream in conflict");
    ensure_eq!(of(store, &a).await?.len(), 0, "events in the first stream");
    ensure_eq!(count(store).await?, 1, "events in the store");
    // Its place is still free.
    store_now(store, &AppendRequest::new(a, ExpectedVersion::NoStream, events(1))).await?;
    Ok(())
}

async fn a_conflict_in_the_first_stream_writes_nothing_in_the_second(fixture: &Fixture) -> Checked {
    let (store, a, b) = (&*fixture.store, stream("thing-a"), stream("thing-b"));
    let request = AppendRequest::new(a.clone(), Version(1), events(1)).and(b.clone(), ExpectedVersion::Any, events(2));
    ensure_eq!(conflict(store, &request).await?.stream, a, "the stream in conflict");
    ensure_eq!(count(store).await?, 0, "events in the store");
    Ok(())
}

async fn a_refused_event_in_the_last_write_writes_nothing(fixture: &Fixture) -> Checked {
    let (store, a, b) = (&*fixture.store, stream("thing-a"), stream("thing-b"));
    let mut refusable = events(2);
    refusable[1].schema_version = 0;
    let request =
        AppendRequest::new(a.clone(), ExpectedVersion::Any, events(2)).and(b, ExpectedVersion::Any, refusable);
    refused(store, &request, INVALID, "an event of version 0").await?;
    ensure_eq!(count(store).await?, 0, "events in the store");
    store_now(store, &AppendRequest::new(a, ExpectedVersion::NoStream, events(1))).await?;
    Ok(())
}
