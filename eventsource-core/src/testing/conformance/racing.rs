//! Many writers at once: stored events are reported successes.

use chrono::DateTime;
use uuid::Uuid;

use crate::contract::append::{AppendOutcome, AppendRequest};
use crate::words::event::NewEvent;
use crate::words::metadata::Metadata;
use crate::words::stream::{ExpectedVersion, StreamId, Version};

use super::asking::*;
use super::fixture::Fixture;
use super::rule::Checked;

rules![
    of_twenty_writers_at_the_same_version_exactly_one_wins,
    twenty_writers_without_expectation_are_all_stored_once,
    writers_of_the_same_two_streams_in_either_order_are_all_stored,
    of_appends_to_many_streams_at_once_each_is_stored_as_it_was_sent,
];

const WRITERS: usize = 20;

async fn of_twenty_writers_at_the_same_version_exactly_one_wins(fixture: &Fixture) -> Checked {
    let a = stream("thing-a");
    for head in 0..5 {
        let requests: Vec<_> = (0..WRITERS).map(|_| AppendRequest::new(a.clone(), Version(head), events(1))).collect();
        let outcomes = race(&fixture.handles(), requests.clone()).await?;
        let mut winners = Vec::new();
        for (request, outcome) in requests.iter().zip(outcomes) {
            match outcome {
                AppendOutcome::Conflict(found) => {
                    ensure_eq!(found.actual, Version(head + 1), "the head in a loser's conflict");
                }
                AppendOutcome::Stored(_) | AppendOutcome::AlreadyStored(_) => winners.push(request),
            }
        }
        ensure_eq!(winners.len(), 1, "winners among {WRITERS} writers at version {head}");
        let rows = of(&*fixture.store, &a).await?;
        ensure_eq!(rows.len() as u64, head + 1, "events in the stream");
        ensure!(
            rows.last().map(|row| row.id) == Some(winners[0].writes[0].events[0].id),
            "not the winner's event is stored"
        );
    }
    Ok(())
}

async fn twenty_writers_without_expectation_are_all_stored_once(fixture: &Fixture) -> Checked {
    let a = stream("thing-a");
    let requests: Vec<_> =
        (0..WRITERS).map(|_| AppendRequest::new(a.clone(), ExpectedVersion::Any, events(2))).collect();
    let outcomes = race(&fixture.handles(), requests.clone()).await?;
    for outcome in &outcomes {
        ensure!(!matches!(outcome, AppendOutcome::Conflict(_)), "a writer without expectation got {outcome:?}");
    }
    all_are_stored_densely(fixture, &a, &requests).await
}

async fn writers_of_the_same_two_streams_in_either_order_are_all_stored(fixture: &Fixture) -> Checked {
    let (a, b) = (stream("thing-a"), stream("thing-b"));
    let requests: Vec<_> = (0..WRITERS)
        .map(|writer| if writer % 2 == 0 { (a.clone(), b.clone()) } else { (b.clone(), a.clone()) })
        .map(|(one, two)| {
            AppendRequest::new(one, ExpectedVersion::Any, events(1)).and(two, ExpectedVersion::Any, events(1))
        })
        .collect();
    for outcome in race(&fixture.handles(), requests.clone()).await? {
        ensure!(!matches!(outcome, AppendOutcome::Conflict(_)), "a writer without expectation got {outcome:?}");
    }
    all_are_stored_densely(fixture, &a, &requests).await?;
    all_are_stored_densely(fixture, &b, &requests).await
}

async fn all_are_stored_densely(fixture: &Fixture, stream: &StreamId, requests: &[AppendRequest]) -> Checked {
    let rows = of(&*fixture.store, stream).await?;
    let versions: Vec<_> = rows.iter().map(|row| row.version.0).collect();
    ensure_eq!(versions, (1..=rows.len() as u64).collect::<Vec<_>>(), "the versions of {stream}");
    let mut stored = ids(&rows);
    let writes = requests.iter().flat_map(|request| &request.writes).filter(|write| write.stream == *stream);
    let mut sent: Vec<_> = writes.flat_map(|write| new_ids(&write.events)).collect();
    stored.sort();
    sent.sort();
    ensure!(stored == sent, "{} events were reported as stored, the stream has {}", sent.len(), stored.len());
    Ok(())
}

/// An event of which nothing is as it mostly is.
fn unusual() -> NewEvent {
    let metadata = Metadata::default()
        .with_correlation_id(Uuid::from_u128(3))
        .with_causation_id(Uuid::from_u128(5))
        .with_actor("somebody");
    let occurred_at = DateTime::UNIX_EPOCH;
    NewEvent { schema_version: 7, encoding: 1, ..event().with_metadata(metadata).with_occurred_at(occurred_at) }
}

/// Of all sizes, with and without keys, with and without metadata, and some that must not be stored: a store may send them
/// together.
async fn of_appends_to_many_streams_at_once_each_is_stored_as_it_was_sent(fixture: &Fixture) -> Checked {
    const STREAMS: usize = 24;
    let content = |event: &NewEvent| {
        let ids = (event.id, event.metadata.correlation_id, event.metadata.causation_id);
        (ids, event.schema_version, event.encoding, event.occurred_at.is_some(), event.metadata.actor().is_some())
    };
    let streams: Vec<_> = (0..STREAMS).map(|n| stream(&format!("thing-{n}"))).collect();
    let mut sent = vec![Vec::new(); STREAMS];
    for round in 0..5 {
        let requests: Vec<_> = (0..STREAMS)
            .map(|n| {
                let expected = match (n + round) % 6 {
                    0 => ExpectedVersion::Exact(Version(999)),
                    1 => ExpectedVersion::Any,
                    2 => ExpectedVersion::StreamExists,
                    3 => ExpectedVersion::NoStream,
                    _ => ExpectedVersion::Exact(Version(sent[n].len() as u64)),
                };
                let count = 1 + (n * 7 + round) % 4;
                let mut events = events(count);
                if (n + round) % 5 == 0 {
                    events[n % count] = unusual();
                }
                let request = AppendRequest::new(streams[n].clone(), expected, events);
                if n % 3 == 0 { request.with_command_key(format!("command-{round}")) } else { request }
            })
            .collect();
        let outcomes = race(&fixture.handles(), requests.clone()).await?;
        for (n, (request, outcome)) in requests.into_iter().zip(outcomes).enumerate() {
            let write = &request.writes[0];
            match outcome {
                AppendOutcome::Conflict(found) => {
                    ensure_eq!(found.actual, Version(sent[n].len() as u64), "the head in a conflict");
                    ensure!(!write.expected.accepts(found.actual), "{found:?} is no conflict");
                }
                AppendOutcome::Stored(appended) | AppendOutcome::AlreadyStored(appended) => {
                    ensure!(write.expected.accepts(Version(sent[n].len() as u64)), "a conflict was stored");
                    let keys = request.command_key.into_iter().map(Some).chain(std::iter::repeat(None));
                    let places = write.events.iter().zip(appended.streams[0].positions.clone()).zip(keys);
                    sent[n].extend(places.map(|((event, position), key)| (content(event), position, key)));
                    ensure_eq!(appended.streams[0].version.0, sent[n].len() as u64, "the version of the last event");
                }
            }
        }
    }
    for (stream, sent) in streams.iter().zip(sent) {
        let rows = of(&*fixture.store, stream).await?;
        // Keys that the store makes for itself are its own concern.
        let own = |key: &String| !key.starts_with('$');
        let content = |row: &Row| {
            let ids = (row.id, row.correlation_id, row.causation_id);
            let actor = row.meta.as_ref().is_some_and(|meta| String::from_utf8_lossy(meta).contains("somebody"));
            (ids, row.schema_version, row.encoding, row.occurred_at == DateTime::UNIX_EPOCH, actor)
        };
        let row = |row: Row| (content(&row), row.position, row.command_key.filter(own));
        let stored: Vec<_> = rows.into_iter().map(row).collect();
        ensure_eq!(stored, sent, "what each event holds, positions and keys in {stream}");
        ensure!(stored.is_sorted_by_key(|(_, position, _)| *position), "positions in {stream} go back");
    }
    Ok(())
}
