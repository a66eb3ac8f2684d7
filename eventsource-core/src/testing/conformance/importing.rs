//! Events that are taken over from another store: as they are, once, all of a batch or nothing.

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use uuid::Uuid;

use crate::contract::append::AppendRequest;
use crate::contract::import::{Import, Positions};
use crate::contract::read::Read;
use crate::words::error::StoreError;
use crate::words::event::{RawEvent, now};
use crate::words::stream::{ExpectedVersion, Position, Version};

use super::asking::*;
use super::fixture::Fixture;
use super::rule::{Broken, Checked};

rules![
    an_event_that_is_imported_comes_back_with_every_field,
    new_positions_are_behind_all_that_is_stored,
    a_position_that_was_given_before_is_not_kept,
    what_is_held_already_is_passed_over,
    another_event_in_its_place_is_refused_by_name_and_stores_nothing,
    a_version_without_the_one_before_is_refused_and_stores_nothing,
    what_is_missing_is_counted_and_not_stored,
    an_append_goes_on_behind_what_was_imported,
    a_command_key_that_was_imported_is_used_up,
];

/// The position of the first event in the store that it comes from.
const FIRST: u64 = 10;

/// An event of that store. There are gaps between its positions.
fn recorded(stream: &str, version: u64, position: u64) -> Row {
    let at = DateTime::from_timestamp_micros(1_234_567_890_123_456 + position as i64).unwrap_or_default();
    Row {
        position: Position(position),
        stream: stream.to_owned(),
        version: Version(version),
        id: Uuid::now_v7(),
        name: "thing.happened".to_owned(),
        schema_version: 7,
        encoding: 0,
        data: br#"{"n": 1.50}"#.to_vec(),
        meta: None,
        correlation_id: None,
        causation_id: None,
        occurred_at: at - TimeDelta::microseconds(77),
        recorded_at: at,
        command_key: None,
    }
}

/// Two streams that lie between each other, and one event with something in every field.
fn history() -> Vec<Row> {
    let mut history = vec![
        recorded("thing-a", 1, FIRST),
        recorded("thing-b", 1, FIRST + 1),
        recorded("thing-a", 2, FIRST + 5),
        recorded("thing-a", 3, FIRST + 20),
    ];
    history[2].meta = Some(br#"{"actor":"anna"}"#.to_vec());
    history[2].correlation_id = Some(Uuid::from_u128(5));
    history[2].causation_id = Some(Uuid::from_u128(6));
    history[2].command_key = Some("command-1".to_owned());
    history
}

fn raw(rows: &[Row]) -> Vec<RawEvent<'_>> {
    rows.iter().map(Row::raw).collect()
}

/// Takes over what must be taken; answers how many events were missing.
async fn import(store: &Arc<dyn Import>, rows: &[Row], positions: Positions) -> Checked<u64> {
    Ok(store.import(&raw(rows), positions).await?)
}

/// Takes over what must be refused, with nothing stored.
async fn refused(fixture: &Fixture, store: &Arc<dyn Import>, rows: &[Row], what: &str) -> Checked<StoreError> {
    let before = all(fixture).await?;
    let Err(error) = store.import(&raw(rows), Positions::New).await else {
        return Err(Broken(format!("{what} was not refused")));
    };
    ensure_eq!(all(fixture).await?, before, "the events after {what} was refused");
    Ok(error)
}

async fn all(fixture: &Fixture) -> Checked<Vec<Row>> {
    pages(&*fixture.store, Read::all()).await
}

async fn an_event_that_is_imported_comes_back_with_every_field(fixture: &Fixture) -> Checked {
    let Some(store) = &fixture.import else { return Ok(()) };
    let history = history();
    ensure_eq!(import(store, &history[..2], Positions::Kept).await?, 2, "the events of the first batch");
    ensure_eq!(import(store, &history[2..], Positions::Kept).await?, 2, "the events of the second batch");
    ensure_eq!(all(fixture).await?, history, "what was imported");
    ensure_eq!(of(&*fixture.store, &stream("thing-a")).await?.len(), 3, "the events of one stream");
    Ok(())
}

async fn new_positions_are_behind_all_that_is_stored(fixture: &Fixture) -> Checked {
    let Some(store) = &fixture.import else { return Ok(()) };
    store_now(&*fixture.store, &AppendRequest::new(stream("thing-c"), Version(0), events(30))).await?;
    let last = all(fixture).await?.last().map_or(Position(0), |row| row.position);
    let history = history();
    import(store, &history, Positions::New).await?;
    let mut rows = all(fixture).await?;
    let imported = rows.split_off(30);
    ensure_eq!(ids(&imported), ids(&history), "the order of what was imported");
    for (row, source) in imported.iter().zip(&history) {
        ensure!(row.position > last, "position {} is not behind {last}", row.position);
        ensure_eq!(row.difference(source), None, "the field of an imported event that is another one");
    }
    Ok(())
}

async fn a_position_that_was_given_before_is_not_kept(fixture: &Fixture) -> Checked {
    let Some(store) = &fixture.import else { return Ok(()) };
    let many = FIRST as usize + 5;
    store_now(&*fixture.store, &AppendRequest::new(stream("thing-c"), Version(0), events(many))).await?;
    let before = all(fixture).await?;
    let kept = store.import(&raw(&history()), Positions::Kept).await;
    ensure!(kept.is_err(), "an event has kept a position that was given before");
    ensure_eq!(all(fixture).await?, before, "the events after positions were refused");
    Ok(())
}

async fn what_is_held_already_is_passed_over(fixture: &Fixture) -> Checked {
    let Some(store) = &fixture.import else { return Ok(()) };
    let history = history();
    import(store, &history[..3], Positions::Kept).await?;
    for (missing, round) in [(1, "that goes on"), (0, "that is repeated")] {
        ensure_eq!(store.count_missing(&raw(&history)).await?, missing, "what is missing before an import {round}");
        ensure_eq!(import(store, &history, Positions::Kept).await?, missing, "what is stored by an import {round}");
        ensure_eq!(all(fixture).await?, history, "the events after an import {round}");
    }
    Ok(())
}

async fn another_event_in_its_place_is_refused_by_name_and_stores_nothing(fixture: &Fixture) -> Checked {
    let Some(store) = &fixture.import else { return Ok(()) };
    store_now(&*fixture.store, &AppendRequest::new(stream("thing-b"), Version(0), events(1))).await?;
    let error = refused(fixture, store, &history(), "a stream that is another one here").await?;
    ensure!(error.to_string().contains("thing-b"), "the error does not name the stream: {error}");
    let counted = store.count_missing(&raw(&history())).await;
    ensure!(counted.is_err(), "events of a stream that is another one here were counted: {counted:?}");
    Ok(())
}

async fn a_version_without_the_one_before_is_refused_and_stores_nothing(fixture: &Fixture) -> Checked {
    let Some(store) = &fixture.import else { return Ok(()) };
    let mut gap = history();
    gap.remove(2);
    refused(fixture, store, &gap, "a version whose predecessor is missing").await?;
    import(store, &history()[..2], Positions::New).await?;
    // Neither in the batch nor in the store.
    refused(fixture, store, &[recorded("thing-b", 3, 50)], "a version behind the end of its stream").await?;
    Ok(())
}

async fn what_is_missing_is_counted_and_not_stored(fixture: &Fixture) -> Checked {
    let Some(store) = &fixture.import else { return Ok(()) };
    let history = history();
    ensure_eq!(store.count_missing(&raw(&history)).await?, 4, "events of which nothing is held");
    ensure_eq!(store.count_missing(&raw(&history[3..])).await?, 1, "an event whose predecessors are missing");
    ensure_eq!(count(&*fixture.store).await?, 0, "events that are stored after counting");
    Ok(())
}

async fn an_append_goes_on_behind_what_was_imported(fixture: &Fixture) -> Checked {
    let Some(import_into) = &fixture.import else { return Ok(()) };
    let (store, a) = (&*fixture.store, stream("thing-a"));
    let mut history = history();
    // Recorded by a clock that is ahead of this store's.
    let ahead = now() + TimeDelta::hours(1);
    history[3].recorded_at = DateTime::<Utc>::from_timestamp_micros(ahead.timestamp_micros()).unwrap_or(ahead);
    import(import_into, &history, Positions::Kept).await?;
    conflict(store, &AppendRequest::new(a.clone(), Version(0), events(1))).await?;
    store_now(store, &AppendRequest::new(a.clone(), Version(3), events(1))).await?;
    store_now(store, &AppendRequest::new(a.clone(), ExpectedVersion::Any, events(1))).await?;
    let rows = of(store, &a).await?;
    let versions: Vec<u64> = rows.iter().map(|row| row.version.0).collect();
    ensure_eq!(versions, [1, 2, 3, 4, 5], "the versions of a stream that was imported and appended to");
    for row in &rows[3..] {
        ensure!(row.position > history[3].position, "position {} is before what was imported", row.position);
        ensure!(row.recorded_at >= history[3].recorded_at, "recorded time went back to {}", row.recorded_at);
    }
    Ok(())
}

async fn a_command_key_that_was_imported_is_used_up(fixture: &Fixture) -> Checked {
    let Some(import_into) = &fixture.import else { return Ok(()) };
    import(import_into, &history(), Positions::Kept).await?;
    let again = AppendRequest::new(stream("thing-a"), ExpectedVersion::Any, events(1)).with_command_key("command-1");
    let first = stored_before(&*fixture.store, &again).await?;
    ensure_eq!(first.streams[0].version, Version(2), "where the command's event stands");
    Ok(())
}
