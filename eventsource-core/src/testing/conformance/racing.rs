//! Many writers at once: stored events are reported successes.

use crate::contract::append::{AppendOutcome, AppendRequest};
use crate::words::stream::{ExpectedVersion, StreamId, Version};

use super::asking::*;
use super::fixture::Fixture;
use super::rule::Checked;

rules![
    of_twenty_writers_at_the_same_version_exactly_one_wins,
    twenty_writers_without_expectation_are_all_stored_once,
    writers_of_the_same_two_streams_in_either_order_are_all_stored,
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
