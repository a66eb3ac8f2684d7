//! Where a store says that it stands.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};

use crate::contract::append::AppendRequest;
use crate::words::clock::Clock;
use crate::words::stream::{ExpectedVersion, Position};

use super::asking::*;
use super::fixture::Fixture;
use super::rule::Checked;

rules![
    the_head_is_the_newest_event,
    the_head_tells_the_time_that_events_are_recorded_at,
    nobody_is_held_back_while_no_append_is_open,
];

async fn the_head_is_the_newest_event(fixture: &Fixture) -> Checked {
    let store = &*fixture.store;
    ensure_eq!(store.head().await?.newest, Position(0), "the head of an empty store");
    for count in [1, 3, 1] {
        let request = AppendRequest::new(stream("thing-a"), ExpectedVersion::Any, events(count));
        let last = store_now(store, &request).await?.streams[0].positions.last().copied().unwrap_or_default();
        for handle in fixture.handles() {
            ensure_eq!(handle.head().await?.newest, last, "the head after an append");
        }
    }
    Ok(())
}

async fn the_head_tells_the_time_that_events_are_recorded_at(fixture: &Fixture) -> Checked {
    let (store, a) = (&*fixture.store, stream("thing-a"));
    let before = store.head().await?.time;
    store_now(store, &AppendRequest::new(a.clone(), ExpectedVersion::NoStream, events(1))).await?;
    let after = store.head().await?.time;
    let recorded = of(store, &a).await?[0].recorded_at;
    // Clocks of one machine are set now and then.
    let slack = TimeDelta::seconds(10);
    ensure!(
        before - slack <= recorded && recorded <= after + slack,
        "between {before} and {after} an event was recorded at {recorded}"
    );
    let Some(open) = &fixture.with_clock else { return Ok(()) };
    let noon = DateTime::<Utc>::from_timestamp_micros(1_700_000_000_000_000).unwrap_or_default();
    let store = open(Clock::new(move || noon)).await;
    ensure_eq!(store.head().await?.time, noon, "the time of a store whose clock stands at noon");
    Ok(())
}

async fn nobody_is_held_back_while_no_append_is_open(fixture: &Fixture) -> Checked {
    let store = &*fixture.store;
    store_now(store, &AppendRequest::new(stream("thing-a"), ExpectedVersion::Any, events(2))).await?;
    ensure_eq!(store.head().await?.held_back, Duration::ZERO, "for how long readers have been held back");
    Ok(())
}
