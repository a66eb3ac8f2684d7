//! An append that was stored while its answer was lost: sending it again is safe.

use crate::contract::append::{AppendOutcome, AppendRequest};
use crate::words::stream::{ExpectedVersion, Version};

use super::asking::*;
use super::fixture::Fixture;
use super::rule::Checked;

rules![
    the_same_request_again_is_already_stored,
    the_same_request_is_already_stored_after_others_wrote,
    the_same_request_to_several_streams_is_already_stored,
    other_events_at_the_same_version_are_a_conflict,
    the_same_events_and_more_are_a_conflict,
    events_that_are_partly_the_same_are_a_conflict,
    fewer_of_the_same_events_are_never_stored_again,
    several_streams_of_which_one_is_the_same_are_a_conflict,
    a_request_sent_again_from_the_other_handle_is_already_stored,
];

/// Every kind of demand, with the number of events that the stream must have before.
const DEMANDS: [(ExpectedVersion, usize); 5] = [
    (ExpectedVersion::NoStream, 0),
    (ExpectedVersion::Exact(Version(0)), 0),
    (ExpectedVersion::Exact(Version(2)), 2),
    (ExpectedVersion::Any, 1),
    (ExpectedVersion::StreamExists, 1),
];

async fn the_same_request_again_is_already_stored(fixture: &Fixture) -> Checked {
    again_behind(fixture, 0).await
}

async fn the_same_request_is_already_stored_after_others_wrote(fixture: &Fixture) -> Checked {
    again_behind(fixture, 3).await
}

async fn again_behind(fixture: &Fixture, others: usize) -> Checked {
    let store = &*fixture.store;
    for (number, (expected, before)) in DEMANDS.into_iter().enumerate() {
        for size in [1, 3] {
            let a = stream(&format!("thing-{number}-{size}"));
            if before > 0 {
                let request = AppendRequest::new(a.clone(), ExpectedVersion::NoStream, events(before));
                store_now(store, &request).await?;
            }
            let request = AppendRequest::new(a.clone(), expected, events(size));
            let first = store_now(store, &request).await?;
            if others > 0 {
                store_now(store, &AppendRequest::new(a.clone(), ExpectedVersion::Any, events(others))).await?;
            }
            for _ in 0..2 {
                let again = stored_before(store, &request).await?;
                ensure_eq!(again, first, "the result of {size} events again, with expectation {expected}");
            }
            let stored = of(store, &a).await?.len();
            ensure_eq!(stored, before + size + others, "events in the stream, with expectation {expected}");
        }
    }
    Ok(())
}

async fn the_same_request_to_several_streams_is_already_stored(fixture: &Fixture) -> Checked {
    let store = &*fixture.store;
    let demands = [
        (ExpectedVersion::NoStream, ExpectedVersion::Exact(Version(0))),
        (ExpectedVersion::NoStream, ExpectedVersion::Any),
        (ExpectedVersion::Any, ExpectedVersion::NoStream),
        (ExpectedVersion::Any, ExpectedVersion::Any),
    ];
    for (number, (one, two)) in demands.into_iter().enumerate() {
        let (a, b) = (stream(&format!("thing-a{number}")), stream(&format!("other-b{number}")));
        let request = AppendRequest::new(a.clone(), one, events(2)).and(b.clone(), two, events(3));
        let first = store_now(store, &request).await?;
        store_now(store, &AppendRequest::new(b.clone(), ExpectedVersion::Any, events(1))).await?;
        store_now(store, &AppendRequest::new(a.clone(), ExpectedVersion::Any, events(1))).await?;
        ensure_eq!(stored_before(store, &request).await?, first, "the result again, with {one} and {two}");
        ensure_eq!(of(store, &a).await?.len() + of(store, &b).await?.len(), 7, "events in the two streams");
    }
    Ok(())
}

async fn other_events_at_the_same_version_are_a_conflict(fixture: &Fixture) -> Checked {
    let (store, a) = (&*fixture.store, stream("thing-a"));
    let request = AppendRequest::new(a.clone(), ExpectedVersion::NoStream, events(2));
    store_now(store, &request).await?;
    let mut other = request.clone();
    other.writes[0].events.iter_mut().for_each(|same| same.id = event().id);
    let found = conflict(store, &other).await?;
    ensure_eq!(found.actual, Version(2), "the head in the conflict");
    ensure_eq!(ids(&of(store, &a).await?), new_ids(&request.writes[0].events), "the ids in the stream");
    Ok(())
}

async fn the_same_events_and_more_are_a_conflict(fixture: &Fixture) -> Checked {
    let (store, a) = (&*fixture.store, stream("thing-a"));
    let request = AppendRequest::new(a.clone(), ExpectedVersion::NoStream, events(2));
    store_now(store, &request).await?;
    let mut more = request.clone();
    more.writes[0].events.push(event());
    conflict(store, &more).await?;
    // Nor when the place of the third is taken by somebody else's event.
    store_now(store, &AppendRequest::new(a.clone(), Version(2), events(1))).await?;
    conflict(store, &more).await?;
    ensure_eq!(of(store, &a).await?.len(), 3, "events in the stream");
    Ok(())
}

async fn events_that_are_partly_the_same_are_a_conflict(fixture: &Fixture) -> Checked {
    let (store, a) = (&*fixture.store, stream("thing-a"));
    let request = AppendRequest::new(a.clone(), ExpectedVersion::NoStream, events(3));
    store_now(store, &request).await?;
    for changed in 0..3 {
        let mut other = request.clone();
        other.writes[0].events[changed].id = event().id;
        conflict(store, &other).await?;
    }
    let mut turned = request.clone();
    turned.writes[0].events.reverse();
    conflict(store, &turned).await?;
    ensure_eq!(ids(&of(store, &a).await?), new_ids(&request.writes[0].events), "the ids in the stream");
    Ok(())
}

// A stream does not tell a longer append from a shorter one that others followed, so the answer may be either.
async fn fewer_of_the_same_events_are_never_stored_again(fixture: &Fixture) -> Checked {
    let (store, a) = (&*fixture.store, stream("thing-a"));
    let request = AppendRequest::new(a.clone(), ExpectedVersion::NoStream, events(3));
    store_now(store, &request).await?;
    let mut fewer = request.clone();
    fewer.writes[0].events.pop();
    let outcome = append(store, &fewer).await?;
    ensure!(!matches!(outcome, AppendOutcome::Stored(_)), "events that are there were answered with {outcome:?}");
    ensure_eq!(of(store, &a).await?.len(), 3, "events in the stream");
    Ok(())
}

async fn several_streams_of_which_one_is_the_same_are_a_conflict(fixture: &Fixture) -> Checked {
    let (store, a, b) = (&*fixture.store, stream("thing-a"), stream("thing-b"));
    let alone = AppendRequest::new(a.clone(), ExpectedVersion::NoStream, events(1));
    store_now(store, &alone).await?;
    let both = alone.clone().and(b.clone(), ExpectedVersion::NoStream, events(1));
    conflict(store, &both).await?;
    let turned = AppendRequest::new(b.clone(), ExpectedVersion::NoStream, events(1)).and(
        a.clone(),
        ExpectedVersion::NoStream,
        alone.writes[0].events.clone(),
    );
    conflict(store, &turned).await?;
    ensure_eq!(count(store).await?, 1, "events in the store");
    Ok(())
}

async fn a_request_sent_again_from_the_other_handle_is_already_stored(fixture: &Fixture) -> Checked {
    let Some(another) = &fixture.another else { return Ok(()) };
    for expected in [ExpectedVersion::NoStream, ExpectedVersion::Any] {
        let request = AppendRequest::new(stream(&format!("thing-{expected}")), expected, events(2));
        let first = store_now(&*fixture.store, &request).await?;
        ensure_eq!(stored_before(&**another, &request).await?, first, "the result through the other handle");
    }
    Ok(())
}
