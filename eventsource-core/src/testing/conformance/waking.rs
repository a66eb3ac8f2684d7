//! Waiting for the next event.

use std::sync::Arc;
use std::time::Duration;

use crate::contract::append::AppendRequest;
use crate::contract::store::EventStore;
use crate::words::error::StoreError;
use crate::words::stream::{ExpectedVersion, Position};

use super::asking::*;
use super::fixture::Fixture;
use super::rule::{Broken, Checked};

rules![
    waiting_for_what_is_there_returns_at_once,
    a_waiter_does_not_return_before_there_is_an_event,
    a_waiter_wakes_when_an_event_is_appended,
    a_waiter_wakes_when_the_other_handle_appends,
    an_event_is_readable_when_its_waiter_wakes,
    a_waiter_ends_when_the_store_is_closed,
];

/// Time to wake up, with room for a store that looks from time to time.
const TIME_TO_WAKE: Duration = Duration::from_secs(10);

async fn append_one(store: &dyn EventStore) -> Checked<Position> {
    let request = AppendRequest::new(stream("thing-a"), ExpectedVersion::Any, events(1));
    Ok(store_now(store, &request).await?.streams[0].positions[0])
}

async fn woken(waiter: impl Future<Output = Result<Position, StoreError>>) -> Checked<Position> {
    match tokio::time::timeout(TIME_TO_WAKE, waiter).await {
        Ok(position) => Ok(position?),
        Err(_) => Err(Broken(format!("a waiter slept for {TIME_TO_WAKE:?} although there was an event"))),
    }
}

async fn waiting_for_what_is_there_returns_at_once(fixture: &Fixture) -> Checked {
    let store = &*fixture.store;
    let first = append_one(store).await?;
    let second = append_one(store).await?;
    for position in [Position(0), first] {
        let newest = woken(store.wait_past(position)).await?;
        ensure!(newest >= second, "the newest position was {newest}, that of the newest event is {second}");
    }
    Ok(())
}

async fn a_waiter_does_not_return_before_there_is_an_event(fixture: &Fixture) -> Checked {
    let store = &*fixture.store;
    let patience = Duration::from_millis(50);
    let early = tokio::time::timeout(patience, store.wait_past(Position(0))).await;
    ensure!(early.is_err(), "in an empty store a waiter returned with {early:?}");
    let newest = append_one(store).await?;
    let early = tokio::time::timeout(patience, store.wait_past(newest)).await;
    ensure!(early.is_err(), "behind the newest event a waiter returned with {early:?}");
    Ok(())
}

async fn wakes(waits: &Arc<dyn EventStore>, appends: &dyn EventStore) -> Checked {
    let mut newest = append_one(appends).await?;
    for _ in 0..3 {
        let store = waits.clone();
        let waiter = tokio::spawn(async move { store.wait_past(newest).await });
        tokio::time::sleep(Duration::from_millis(20)).await;
        let appended = append_one(appends).await?;
        let joined = async { waiter.await.map_err(|panic| StoreError::failed(format!("a waiter panicked: {panic}")))? };
        newest = woken(joined).await?;
        ensure!(newest >= appended, "a waiter woke at {newest}, the event is at {appended}");
    }
    Ok(())
}

async fn a_waiter_wakes_when_an_event_is_appended(fixture: &Fixture) -> Checked {
    wakes(&fixture.store, &*fixture.store).await
}

async fn a_waiter_wakes_when_the_other_handle_appends(fixture: &Fixture) -> Checked {
    let Some(another) = &fixture.another else { return Ok(()) };
    wakes(&fixture.store, &**another).await?;
    wakes(another, &*fixture.store).await
}

async fn an_event_is_readable_when_its_waiter_wakes(fixture: &Fixture) -> Checked {
    let (store, mut after) = (fixture.store.clone(), Position(0));
    let writer = fixture.handles().pop().unwrap_or(store.clone());
    let writing = tokio::spawn(async move {
        for _ in 0..50 {
            append_one(&*writer).await?;
            tokio::task::yield_now().await;
        }
        Ok::<_, Broken>(())
    });
    let mut seen = 0;
    while seen < 50 {
        let newest = woken(store.wait_past(after)).await?;
        let (rows, page) = page(&*store, &crate::contract::read::Read::all().after(after)).await?;
        ensure!(!rows.is_empty(), "a waiter behind {after} woke at {newest}, but there is no event to read");
        seen += rows.len();
        after = page.next.position;
    }
    writing.await.map_err(|panic| Broken(format!("a writer panicked: {panic}")))?
}

async fn a_waiter_ends_when_the_store_is_closed(fixture: &Fixture) -> Checked {
    let store = fixture.store.clone();
    let waiter = tokio::spawn(async move { store.wait_past(Position(0)).await });
    tokio::time::sleep(Duration::from_millis(20)).await;
    fixture.store.close().await?;
    match tokio::time::timeout(TIME_TO_WAKE, waiter).await {
        Ok(Ok(Err(error))) => ensure!(error.is_closed(), "a waiter on a closed store ended with: {error}"),
        Ok(ended) => ensure!(false, "a waiter on a closed, empty store ended with {ended:?}"),
        Err(_) => ensure!(false, "a waiter sleeps on although the store was closed"),
    }
    Ok(())
}
