//! Conditions: streams that an append does not write and that must not have moved.

use crate::contract::append::{AppendOutcome, AppendRequest};
use crate::words::stream::{Conflict, ExpectedVersion, Version};

use super::asking::*;
use super::fixture::Fixture;
use super::rule::Checked;

rules![
    an_append_is_stored_while_its_conditions_hold,
    a_condition_that_does_not_hold_is_a_conflict_on_its_stream,
    an_absent_stream_is_at_version_zero,
    conditions_alone_are_checked_and_write_nothing,
    an_append_stored_under_conditions_is_already_stored_when_they_have_changed,
    of_two_appends_conditional_on_each_other_at_most_one_is_stored,
    of_five_appends_each_conditional_on_all_others_at_most_one_is_stored,
];

async fn an_append_is_stored_while_its_conditions_hold(fixture: &Fixture) -> Checked {
    let (store, a, b, c) = (&*fixture.store, stream("thing-a"), stream("thing-b"), stream("thing-c"));
    store_now(store, &AppendRequest::new(b.clone(), ExpectedVersion::NoStream, events(2))).await?;
    store_now(store, &AppendRequest::new(c.clone(), ExpectedVersion::NoStream, events(1))).await?;
    let request = AppendRequest::new(a.clone(), ExpectedVersion::NoStream, events(1))
        .on_condition(b.clone(), Version(2))
        .on_condition(c, Version(1));
    store_now(store, &request).await?;
    ensure_eq!(of(store, &a).await?.len(), 1, "events in the written stream");
    ensure_eq!(of(store, &b).await?.len(), 2, "events in the stream of the condition");
    Ok(())
}

async fn a_condition_that_does_not_hold_is_a_conflict_on_its_stream(fixture: &Fixture) -> Checked {
    let (store, a, b, c) = (&*fixture.store, stream("thing-a"), stream("thing-b"), stream("thing-c"));
    store_now(store, &AppendRequest::new(b.clone(), ExpectedVersion::NoStream, events(2))).await?;
    store_now(store, &AppendRequest::new(c.clone(), ExpectedVersion::NoStream, events(1))).await?;
    for demanded in [0, 1, 3] {
        let request = AppendRequest::new(a.clone(), ExpectedVersion::Any, events(1))
            .on_condition(c.clone(), Version(1))
            .on_condition(b.clone(), Version(demanded));
        let expected = ExpectedVersion::Exact(Version(demanded));
        ensure_eq!(conflict(store, &request).await?, Conflict::new(b.clone(), expected, Version(2)), "the conflict");
    }
    ensure_eq!(count(store).await?, 3, "events in the store");
    Ok(())
}

async fn an_absent_stream_is_at_version_zero(fixture: &Fixture) -> Checked {
    let (store, a, b) = (&*fixture.store, stream("thing-a"), stream("thing-b"));
    let one = AppendRequest::new(a.clone(), ExpectedVersion::NoStream, events(1)).on_condition(b.clone(), Version(1));
    ensure_eq!(conflict(store, &one).await?.actual, Version(0), "the head of an absent stream");
    let none = AppendRequest::new(a, ExpectedVersion::NoStream, events(1)).on_condition(b, Version(0));
    store_now(store, &none).await?;
    Ok(())
}

async fn conditions_alone_are_checked_and_write_nothing(fixture: &Fixture) -> Checked {
    let (store, a, b) = (&*fixture.store, stream("thing-a"), stream("thing-b"));
    store_now(store, &AppendRequest::new(a.clone(), ExpectedVersion::NoStream, events(1))).await?;
    let holding = AppendRequest::default().on_condition(a.clone(), Version(1)).on_condition(b.clone(), Version(0));
    ensure_eq!(store_now(store, &holding).await?.streams.len(), 0, "streams in the answer to conditions alone");
    let broken = AppendRequest::default().on_condition(b, Version(0)).on_condition(a.clone(), Version(2));
    ensure_eq!(conflict(store, &broken).await?.stream, a, "the stream in conflict");
    ensure_eq!(count(store).await?, 1, "events in the store");
    Ok(())
}

async fn an_append_stored_under_conditions_is_already_stored_when_they_have_changed(fixture: &Fixture) -> Checked {
    let (store, a, b) = (&*fixture.store, stream("thing-a"), stream("thing-b"));
    for (expected, moved) in [(ExpectedVersion::NoStream, 0), (ExpectedVersion::Any, 1)] {
        let request = AppendRequest::new(a.clone(), expected, events(2)).on_condition(b.clone(), Version(moved));
        let first = store_now(store, &request).await?;
        store_now(store, &AppendRequest::new(b.clone(), Version(moved), events(1))).await?;
        ensure_eq!(stored_before(store, &request).await?, first, "the result again, with expectation {expected}");
    }
    Ok(())
}

async fn of_two_appends_conditional_on_each_other_at_most_one_is_stored(fixture: &Fixture) -> Checked {
    let mut stored = 0;
    for round in 0..50 {
        let (a, b) = (stream(&format!("thing-a{round}")), stream(&format!("thing-b{round}")));
        let one =
            AppendRequest::new(a.clone(), ExpectedVersion::NoStream, events(1)).on_condition(b.clone(), Version(0));
        let two =
            AppendRequest::new(b.clone(), ExpectedVersion::NoStream, events(1)).on_condition(a.clone(), Version(0));
        let outcomes = race(&fixture.handles(), vec![one, two]).await?;
        let winners = outcomes.iter().filter(|outcome| !matches!(outcome, AppendOutcome::Conflict(_))).count();
        ensure!(winners < 2, "in round {round} both were stored");
        let there = of(&*fixture.store, &a).await?.len() + of(&*fixture.store, &b).await?.len();
        ensure_eq!(there, winners, "events in the two streams, against the appends reported as stored");
        stored += winners;
    }
    // Both may lose a round, but not every one.
    ensure!(stored > 0, "in 50 rounds none was stored");
    Ok(())
}

async fn of_five_appends_each_conditional_on_all_others_at_most_one_is_stored(fixture: &Fixture) -> Checked {
    let mut stored = 0;
    for round in 0..20 {
        let streams: Vec<_> = (0..5).map(|n| stream(&format!("thing-{round}-{n}"))).collect();
        // One of two streams more is written, so that what is locked is not in one order in all of them.
        let requests = streams.iter().enumerate().map(|(n, own)| {
            let more = stream(&format!("thing-{round}-more-{}", n % 2));
            let request = AppendRequest::new(own.clone(), ExpectedVersion::NoStream, events(1));
            let others = streams.iter().filter(|other| *other != own);
            others.fold(request.and(more, ExpectedVersion::Any, events(1)), |request, other| {
                request.on_condition(other.clone(), Version(0))
            })
        });
        let outcomes = race(&fixture.handles(), requests.collect()).await?;
        let winners = outcomes.iter().filter(|outcome| !matches!(outcome, AppendOutcome::Conflict(_))).count();
        ensure!(winners < 2, "in round {round} {winners} were stored");
        let mut there = 0;
        for stream in &streams {
            there += of(&*fixture.store, stream).await?.len();
        }
        ensure_eq!(there, winners, "events in the streams, against the appends reported as stored");
        stored += winners;
    }
    // All may lose a round, but not every one.
    ensure!(stored > 0, "in 20 rounds none was stored");
    Ok(())
}
