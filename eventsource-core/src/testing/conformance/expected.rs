//! What a writer may demand of a stream.

use crate::contract::append::AppendRequest;
use crate::words::stream::{Conflict, ExpectedVersion, Version};

use super::asking::*;
use super::fixture::Fixture;
use super::rule::Checked;

rules![
    any_version_is_met_by_every_stream,
    no_stream_is_met_only_before_the_first_event,
    stream_exists_is_met_only_from_the_first_event_on,
    an_exact_version_is_met_only_by_itself,
    version_zero_is_no_stream,
    an_expectation_above_the_head_is_a_conflict_and_writes_nothing,
    a_conflict_carries_the_stream_the_expectation_and_the_head,
    a_version_of_70_000_is_no_problem,
];

async fn any_version_is_met_by_every_stream(fixture: &Fixture) -> Checked {
    let (store, a) = (&*fixture.store, stream("thing-a"));
    for version in 1..=3 {
        let appended = store_now(store, &AppendRequest::new(a.clone(), ExpectedVersion::Any, events(1))).await?;
        ensure_eq!(appended.streams[0].version, Version(version), "the version after {version} appends");
    }
    Ok(())
}

async fn no_stream_is_met_only_before_the_first_event(fixture: &Fixture) -> Checked {
    let (store, a) = (&*fixture.store, stream("thing-a"));
    store_now(store, &AppendRequest::new(a.clone(), ExpectedVersion::NoStream, events(1))).await?;
    conflict(store, &AppendRequest::new(a.clone(), ExpectedVersion::NoStream, events(1))).await?;
    ensure_eq!(of(store, &a).await?.len(), 1, "events in the stream");
    Ok(())
}

async fn stream_exists_is_met_only_from_the_first_event_on(fixture: &Fixture) -> Checked {
    let (store, a) = (&*fixture.store, stream("thing-a"));
    conflict(store, &AppendRequest::new(a.clone(), ExpectedVersion::StreamExists, events(1))).await?;
    ensure_eq!(count(store).await?, 0, "events in the store");
    store_now(store, &AppendRequest::new(a.clone(), ExpectedVersion::NoStream, events(1))).await?;
    let appended = store_now(store, &AppendRequest::new(a, ExpectedVersion::StreamExists, events(2))).await?;
    ensure_eq!(appended.streams[0].version, Version(3), "the version of the stream");
    Ok(())
}

async fn an_exact_version_is_met_only_by_itself(fixture: &Fixture) -> Checked {
    let (store, a) = (&*fixture.store, stream("thing-a"));
    store_now(store, &AppendRequest::new(a.clone(), ExpectedVersion::NoStream, events(3))).await?;
    for stale in 0..3 {
        let found = conflict(store, &AppendRequest::new(a.clone(), Version(stale), events(1))).await?;
        ensure_eq!(found.actual, Version(3), "the head in the conflict");
    }
    ensure_eq!(of(store, &a).await?.len(), 3, "events in the stream");
    store_now(store, &AppendRequest::new(a, Version(3), events(1))).await?;
    Ok(())
}

async fn version_zero_is_no_stream(fixture: &Fixture) -> Checked {
    let (store, a) = (&*fixture.store, stream("thing-a"));
    store_now(store, &AppendRequest::new(a.clone(), Version(0), events(1))).await?;
    conflict(store, &AppendRequest::new(a, Version(0), events(1))).await?;
    Ok(())
}

async fn an_expectation_above_the_head_is_a_conflict_and_writes_nothing(fixture: &Fixture) -> Checked {
    let (store, a, b) = (&*fixture.store, stream("thing-a"), stream("thing-b"));
    store_now(store, &AppendRequest::new(a.clone(), ExpectedVersion::NoStream, events(2))).await?;
    for (stream, head, above) in [(&a, 2, 3), (&a, 2, 1_000), (&b, 0, 1)] {
        let found = conflict(store, &AppendRequest::new(stream.clone(), Version(above), events(1))).await?;
        ensure_eq!(found.actual, Version(head), "the head in the conflict");
    }
    ensure_eq!(count(store).await?, 2, "events in the store");
    Ok(())
}

async fn a_conflict_carries_the_stream_the_expectation_and_the_head(fixture: &Fixture) -> Checked {
    let (store, a, b) = (&*fixture.store, stream("thing-a"), stream("thing-b"));
    store_now(store, &AppendRequest::new(a.clone(), ExpectedVersion::NoStream, events(2))).await?;
    let cases = [
        (&a, ExpectedVersion::NoStream, 2),
        (&a, ExpectedVersion::Exact(Version(1)), 2),
        (&a, ExpectedVersion::Exact(Version(7)), 2),
        (&b, ExpectedVersion::StreamExists, 0),
    ];
    for (stream, expected, actual) in cases {
        let found = conflict(store, &AppendRequest::new(stream.clone(), expected, events(1))).await?;
        ensure_eq!(found, Conflict::new(stream.clone(), expected, Version(actual)), "the conflict");
    }
    Ok(())
}

// Counters of 16 bits have been shipped.
async fn a_version_of_70_000_is_no_problem(fixture: &Fixture) -> Checked {
    let (store, a) = (&*fixture.store, stream("thing-a"));
    store_now(store, &AppendRequest::new(a.clone(), ExpectedVersion::NoStream, events(60_000))).await?;
    let appended = store_now(store, &AppendRequest::new(a.clone(), Version(60_000), events(10_000))).await?;
    ensure_eq!(appended.streams[0].version, Version(70_000), "the version answered");
    let found = conflict(store, &AppendRequest::new(a, Version(60_000), events(1))).await?;
    ensure_eq!(found.actual, Version(70_000), "the head in the conflict");
    Ok(())
}
