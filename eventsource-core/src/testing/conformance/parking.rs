//! Parked events: only the owner of a projection adds and removes them, and a retry ends with what it has written.

use std::time::Duration;

use futures::FutureExt;
use uuid::Uuid;

use crate::contract::checkpoint::{Checkpoint, CheckpointKey, Claim};
use crate::contract::parking::{Ask, ParkedEvent, ReadParked};
use crate::contract::read::Cursor;
use crate::contract::transaction::Advance;
use crate::contract::view::{HeldView, ViewStore};
use crate::words::column::Column;
use crate::words::error::StoreError;
use crate::words::parked_at::ParkedAt;
use crate::words::stream::Position;
use crate::words::view_table::{RowChanges, ViewTable};

use super::fixture::Fixture;
use super::rule::{Broken, Checked};
use super::view_tables::{all, row};

rules![
    a_parked_event_comes_back_as_it_was,
    parked_events_are_listed_in_order_of_key_and_position,
    parked_events_of_other_projections_are_others,
    an_event_that_is_parked_again_takes_the_new_error_and_its_retry_is_answered,
    an_event_that_was_handled_is_not_parked_late,
    what_was_asked_last_is_found,
    only_the_owner_parks_and_unparks,
    a_retry_writes_its_rows_and_ends_the_parking_together,
    a_retry_that_is_repeated_changes_no_row,
    a_retry_in_a_transaction_ends_the_parking_once,
    a_dropped_view_is_gone_with_what_was_parked,
];

/// Longer than any rule takes.
const LONG: Duration = Duration::from_secs(3600);
const ALL: usize = 1_000;
const THINGS: ViewTable =
    ViewTable::new("things", 1, &[Column::of::<i64>("id"), Column::of::<Option<String>>("name")], 0);

fn key() -> CheckpointKey {
    THINGS.checkpoint_key()
}

fn at(key: &str, position: u64) -> ParkedAt {
    ParkedAt::new(key, Position(position))
}

fn event(at: ParkedAt, error: &str) -> ParkedEvent {
    let id = Uuid::from_u128(at.position.0.into());
    ParkedEvent::new(at, id, error)
}

async fn claimed(store: &dyn ViewStore, key: &CheckpointKey, owner: u128, lease: Duration) -> Checked<Checkpoint> {
    match store.claim(key, Uuid::from_u128(owner), lease).await? {
        Claim::Owned(checkpoint) => Ok(checkpoint),
        held => Err(Broken(format!("a claim that must succeed was answered with {held:?}"))),
    }
}

async fn listed(store: &dyn ViewStore, key: &CheckpointKey) -> Checked<Vec<ParkedEvent>> {
    Ok(store.parked(key, &ReadParked::all(ALL)).await?)
}

async fn places(store: &dyn ViewStore) -> Checked<Vec<ParkedAt>> {
    Ok(listed(store, &key()).await?.into_iter().map(|event| event.at).collect())
}

fn is_fenced(result: Result<(), StoreError>, what: &str) -> Checked {
    match result {
        Ok(()) => Err(Broken(format!("{what} was not refused"))),
        Err(error) if error.is_fenced() => Ok(()),
        Err(error) => Err(Broken(format!("{what} was refused, but not as fenced: {error}"))),
    }
}

/// At an event.
fn moved(to: u64, from: Checkpoint) -> Checkpoint {
    Checkpoint { cursor: Cursor::new(Position(to), Uuid::from_u128(to.into())), ..from }
}

async fn a_parked_event_comes_back_as_it_was(fixture: &Fixture) -> Checked {
    let Some(store) = &fixture.views else { return Ok(()) };
    let claim = claimed(store, &key(), 1, LONG).await?;
    let parked = [
        event(at("O'Brien; --", 3), "it broke: \"ü\"\r\n\t🚲"),
        event(at(&"ß".repeat(127), 1 << 40), &"long ".repeat(1_000)),
    ];
    store.park(&key(), claim.owner_epoch, &parked).await?;
    ensure_eq!(listed(store, &key()).await?, parked, "the parked events");
    Ok(())
}

async fn parked_events_are_listed_in_order_of_key_and_position(fixture: &Fixture) -> Checked {
    let Some(store) = &fixture.views else { return Ok(()) };
    let claim = claimed(store, &key(), 1, LONG).await?;
    let places = [at("B", 7), at("B", 30), at("a", 9), at("a", 10), at("b", 1), at("ä", 2)];
    let mut parked: Vec<_> = places.iter().map(|at| event(at.clone(), "it broke")).collect();
    parked.reverse();
    store.park(&key(), claim.owner_epoch, &parked).await?;
    let mut read = ReadParked::all(4);
    let mut found = Vec::new();
    loop {
        let page = store.parked(&key(), &read).await?;
        ensure!(page.len() <= 4, "a list of at most 4 has {}", page.len());
        let Some(last) = page.last() else { break };
        read.after = Some(last.at.clone());
        found.extend(page.into_iter().map(|event| event.at));
    }
    ensure_eq!(found, places, "all parked events, page by page");
    let mut of_a = ReadParked::all(ALL);
    of_a.key = Some("a".to_owned());
    let found: Vec<_> = store.parked(&key(), &of_a).await?.into_iter().map(|event| event.at).collect();
    ensure_eq!(found, places[2..4], "the parked events of a key");
    Ok(())
}

async fn parked_events_of_other_projections_are_others(fixture: &Fixture) -> Checked {
    let Some(store) = &fixture.views else { return Ok(()) };
    let keys = [
        key(),
        key().view_version(2),
        key().partition(1),
        CheckpointKey::new("other").view_version(key().view_version),
    ];
    for (owner, key) in keys.iter().enumerate() {
        let claim = claimed(store, key, owner as u128 + 1, LONG).await?;
        store.park(key, claim.owner_epoch, &[event(at("a", 1), &format!("of {owner}"))]).await?;
    }
    ensure_eq!(store.ask_parked(&keys[1], "a", None, Ask::Retry).await?, 1, "those that were asked for");
    let claim = claimed(store, &keys[2], 3, LONG).await?;
    store.unpark(&keys[2], claim.owner_epoch, &[at("a", 1)]).await?;
    let wanted = [Some(("of 0", None)), Some(("of 1", Some(Ask::Retry))), None, Some(("of 3", None))];
    for (key, wanted) in keys.iter().zip(wanted) {
        let listed = listed(store, key).await?;
        let found = listed.first().map(|event| (&*event.error, event.asked));
        ensure_eq!(found, wanted, "what is parked of {key:?}");
    }
    Ok(())
}

async fn an_event_that_is_parked_again_takes_the_new_error_and_its_retry_is_answered(fixture: &Fixture) -> Checked {
    let Some(store) = &fixture.views else { return Ok(()) };
    let claim = claimed(store, &key(), 1, LONG).await?;
    let epoch = claim.owner_epoch;
    let first = [event(at("a", 5), "first"), event(at("a", 6), "first"), event(at("a", 9), "waits")];
    store.park(&key(), epoch, &first).await?;
    store.ask_parked(&key(), "a", None, Ask::Retry).await?;
    store.ask_parked(&key(), "a", Some(Position(6)), Ask::Discard).await?;
    // Both before and behind the checkpoint.
    store.save_checkpoint(&key(), moved(7, claim)).await?;
    let second = [event(at("a", 5), "second"), event(at("a", 6), "second"), event(at("a", 9), "still waits")];
    store.park(&key(), epoch, &second).await?;
    let found: Vec<_> = listed(store, &key()).await?.into_iter().map(|event| (event.error, event.asked)).collect();
    let is = |error: &str, asked| (error.to_owned(), asked);
    let wanted = [is("second", None), is("second", Some(Ask::Discard)), is("still waits", None)];
    ensure_eq!(found, wanted, "errors and what was asked");
    Ok(())
}

async fn an_event_that_was_handled_is_not_parked_late(fixture: &Fixture) -> Checked {
    let Some(store) = &fixture.views else { return Ok(()) };
    let claim = claimed(store, &key(), 1, LONG).await?;
    let epoch = claim.owner_epoch;
    let parked = [event(at("a", 5), "it broke")];
    store.park(&key(), epoch, &parked).await?;
    store.save_checkpoint(&key(), moved(5, claim)).await?;
    store.unpark(&key(), epoch, &[at("a", 5)]).await?;
    // The first request, sent twice, arrives now.
    store.park(&key(), epoch, &parked).await?;
    ensure_eq!(places(store).await?, [], "what is parked once more");
    store.park(&key(), epoch, &[event(at("a", 6), "it broke")]).await?;
    ensure_eq!(places(store).await?, [at("a", 6)], "what is parked behind the checkpoint");
    Ok(())
}

async fn what_was_asked_last_is_found(fixture: &Fixture) -> Checked {
    let Some(store) = &fixture.views else { return Ok(()) };
    let claim = claimed(store, &key(), 1, LONG).await?;
    let events = [("a", 1), ("a", 2), ("aa", 3), ("b", 4)].map(|(key, position)| event(at(key, position), "broke"));
    store.park(&key(), claim.owner_epoch, &events).await?;
    let ask = async |of, position: Option<u64>, ask| store.ask_parked(&key(), of, position.map(Position), ask).await;
    ensure_eq!(ask("a", None, Ask::Retry).await?, 2, "the events of a key");
    ensure_eq!(ask("b", Some(4), Ask::Discard).await?, 1, "the event at a place");
    ensure_eq!(ask("b", Some(5), Ask::Discard).await?, 0, "the event at no place");
    ensure_eq!(ask("c", None, Ask::Discard).await?, 0, "the events of nothing");
    let mut read = ReadParked::all(ALL);
    read.asked = true;
    let asked = async || -> Checked<Vec<_>> {
        Ok(store.parked(&key(), &read).await?.into_iter().map(|event| (event.at, event.asked)).collect())
    };
    let retried = |position| (at("a", position), Some(Ask::Retry));
    let discarded = (at("b", 4), Some(Ask::Discard));
    ensure_eq!(asked().await?, [retried(1), retried(2), discarded.clone()], "what was asked");
    ask("a", Some(2), Ask::Discard).await?;
    let changed = (at("a", 2), Some(Ask::Discard));
    ensure_eq!(asked().await?, [retried(1), changed, discarded], "what was asked last");
    ensure_eq!(places(store).await?.len(), 4, "what is parked");
    Ok(())
}

async fn only_the_owner_parks_and_unparks(fixture: &Fixture) -> Checked {
    let Some(store) = &fixture.views else { return Ok(()) };
    let parked = [event(at("a", 5), "it broke")];
    is_fenced(store.park(&key(), 1, &parked).await, "somebody who has claimed nothing")?;
    let first = claimed(store, &key(), 1, Duration::ZERO).await?.owner_epoch;
    store.park(&key(), first, &parked).await?;
    claimed(store, &key(), 2, LONG).await?;
    is_fenced(store.park(&key(), first, &[event(at("b", 6), "it broke")]).await, "an owner that was taken over")?;
    is_fenced(store.unpark(&key(), first, &[at("a", 5)]).await, "an owner that was taken over and unparks")?;
    ensure_eq!(places(store).await?, [at("a", 5)], "what is parked");
    Ok(())
}

/// A view with an event that was parked and handled as such.
async fn parked_view(store: &dyn ViewStore) -> Checked<Checkpoint> {
    store.create_view(&THINGS).await?;
    let claim = claimed(store, &key(), 1, LONG).await?;
    store.park(&key(), claim.owner_epoch, &[event(at("1", 5), "it broke"), event(at("1", 6), "it waits")]).await?;
    let saved = moved(7, claim);
    store.write_rows(&THINGS, &RowChanges::default(), saved).await?;
    Ok(saved)
}

fn retried(name: &str, events: &[ParkedAt]) -> RowChanges {
    let mut changes = RowChanges::new(vec![row(1, name)], Vec::new());
    changes.unparked = events.to_vec();
    changes
}

async fn a_retry_writes_its_rows_and_ends_the_parking_together(fixture: &Fixture) -> Checked {
    let Some(store) = &fixture.views else { return Ok(()) };
    let saved = parked_view(store).await?;
    store.write_rows(&THINGS, &retried("five", &[at("1", 5)]), saved).await?;
    ensure_eq!(all(store, &THINGS).await?, [row(1, "five")], "the rows");
    ensure_eq!(places(store).await?, [at("1", 6)], "what is parked");
    ensure_eq!(store.load_checkpoint(&key()).await?, Some(saved), "the checkpoint");
    // An owner that was taken over changes neither.
    let late = saved.owner_epoch(saved.owner_epoch - 1);
    is_fenced(store.write_rows(&THINGS, &retried("six", &[at("1", 6)]), late).await, "an owner that was taken over")?;
    ensure_eq!(all(store, &THINGS).await?, [row(1, "five")], "the rows behind a refusal");
    ensure_eq!(places(store).await?, [at("1", 6)], "what is parked behind a refusal");
    Ok(())
}

async fn a_retry_that_is_repeated_changes_no_row(fixture: &Fixture) -> Checked {
    let Some(store) = &fixture.views else { return Ok(()) };
    let saved = parked_view(store).await?;
    store.write_rows(&THINGS, &retried("five", &[at("1", 5)]), saved).await?;
    store.write_rows(&THINGS, &retried("six", &[at("1", 6)]), saved).await?;
    // The first one lands late, and so does one of which a part was done.
    is_fenced(store.write_rows(&THINGS, &retried("five", &[at("1", 5)]), saved).await, "a retry that was done")?;
    store.park(&key(), saved.owner_epoch, &[event(at("1", 8), "it broke")]).await?;
    let both = retried("both", &[at("1", 5), at("1", 8)]);
    is_fenced(store.write_rows(&THINGS, &both, saved).await, "a retry of which a part was done")?;
    ensure_eq!(all(store, &THINGS).await?, [row(1, "six")], "the rows");
    ensure_eq!(places(store).await?, [at("1", 8)], "what is parked");
    Ok(())
}

async fn a_retry_in_a_transaction_ends_the_parking_once(fixture: &Fixture) -> Checked {
    let (Some(store), Some(lending)) = (&fixture.views, fixture.lending()) else { return Ok(()) };
    let key = CheckpointKey::new("projection");
    let claim = claimed(store, &key, 1, LONG).await?;
    store.park(&key, claim.owner_epoch, &[event(at("a", 5), "it broke")]).await?;
    let saved = moved(7, claim);
    store.save_checkpoint(&key, saved).await?;
    let mut retry = Advance::new(key.clone(), saved.cursor, saved);
    retry.unparked = vec![at("a", 5)];
    let failing = std::future::ready(Err("out of ink".into())).boxed();
    ensure!(lending.add(&retry, failing).await.is_err(), "work that failed was no error");
    ensure_eq!(listed(store, &key).await?.len(), 1, "what is parked when the retry has failed");
    let nothing = || std::future::ready(Ok(())).boxed();
    lending.add(&retry, nothing()).await?;
    ensure_eq!(listed(store, &key).await?.len(), 0, "what is parked when it was retried");
    is_fenced(lending.add(&retry, nothing()).await, "a retry that was done")?;
    let reader = CheckpointKey::new("reader");
    let claim = claimed(store, &reader, 9, LONG).await?;
    ensure_eq!(lending.count(&Advance::new(reader, claim.cursor, claim)).await?, 1, "what was added");
    Ok(())
}

async fn a_dropped_view_is_gone_with_what_was_parked(fixture: &Fixture) -> Checked {
    let Some(store) = &fixture.views else { return Ok(()) };
    parked_view(store).await?;
    store.drop_view(&HeldView::new(THINGS.name, THINGS.version, THINGS.fingerprint(), false)).await?;
    ensure_eq!(places(store).await?, [], "what is parked of a view that was dropped");
    Ok(())
}
