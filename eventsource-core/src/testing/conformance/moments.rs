//! Loading a stream as it was at a moment, with back-dated events.

use chrono::{DateTime, TimeDelta, Utc};

use crate::contract::append::AppendRequest;
use crate::contract::load::{AsOf, Load};
use crate::contract::snapshot::{Snapshot, SnapshotKey, SnapshotMark};
use crate::words::stream::{ExpectedVersion, Position, Version};

use super::asking::*;
use super::fixture::Fixture;
use super::rule::Checked;

rules![
    as_of_a_version_is_that_many_events,
    as_of_a_position_is_what_stood_up_to_it,
    as_of_a_recorded_time_is_what_was_recorded_by_then,
    as_of_an_occurred_time_is_what_had_occurred_by_then,
    as_of_a_moment_behind_a_version_is_the_tail_up_to_it,
    a_snapshot_newer_than_the_moment_does_not_serve,
    a_snapshot_with_an_event_that_occurred_later_does_not_serve,
];

/// Hours after the epoch at which the events of `thing-a` occurred: versions 3 and 6 are back-dated.
const HOURS: [i64; 6] = [10, 30, 20, 40, 50, 5];

fn hour(hour: i64) -> DateTime<Utc> {
    DateTime::UNIX_EPOCH + TimeDelta::hours(hour)
}

/// Six events, each recorded later than the one before, among those of another stream.
async fn fill(fixture: &Fixture) -> Checked<Vec<Row>> {
    let store = &*fixture.store;
    for hours in HOURS {
        let happened = vec![event().with_occurred_at(hour(hours))];
        store_now(store, &AppendRequest::new(stream("thing-a"), ExpectedVersion::Any, happened)).await?;
        store_now(store, &AppendRequest::new(stream("thing-b"), ExpectedVersion::Any, events(1))).await?;
        tick().await;
    }
    of(store, &stream("thing-a")).await
}

async fn versions_at(fixture: &Fixture, as_of: AsOf) -> Checked<Vec<u64>> {
    let wanted = Load::new(stream("thing-a")).as_of(Some(as_of));
    Ok(load(&*fixture.store, wanted).await?.versions())
}

/// Moments at and around each event, with the versions that belong to them.
fn moments(rows: &[Row]) -> Vec<(AsOf, Vec<u64>)> {
    let tick = TimeDelta::microseconds(1);
    let mut moments = Vec::new();
    let upto = |holds: &dyn Fn(&Row) -> bool| {
        rows.iter().filter(|row| holds(row)).map(|row| row.version.0).collect::<Vec<_>>()
    };
    for row in rows {
        for version in [Version(row.version.0 - 1), row.version, Version(row.version.0 + 100)] {
            moments.push((AsOf::Version(version), upto(&|row| row.version <= version)));
        }
        for position in [Position(row.position.0 - 1), row.position, Position(row.position.0 + 1)] {
            moments.push((AsOf::Position(position), upto(&|row| row.position <= position)));
        }
        for time in [row.recorded_at - tick, row.recorded_at, row.recorded_at + tick] {
            moments.push((AsOf::RecordedAt(time), upto(&|row| row.recorded_at <= time)));
        }
        for time in [row.occurred_at - tick, row.occurred_at, row.occurred_at + tick] {
            moments.push((AsOf::OccurredAt(time), upto(&|row| row.occurred_at <= time)));
        }
    }
    moments
}

async fn every_moment(fixture: &Fixture, kind: fn(&AsOf) -> bool) -> Checked {
    let rows = fill(fixture).await?;
    for (as_of, expected) in moments(&rows).into_iter().filter(|(as_of, _)| kind(as_of)) {
        ensure_eq!(versions_at(fixture, as_of).await?, expected, "the versions as of {as_of:?}");
    }
    Ok(())
}

async fn as_of_a_version_is_that_many_events(fixture: &Fixture) -> Checked {
    every_moment(fixture, |as_of| matches!(as_of, AsOf::Version(_))).await
}

async fn as_of_a_position_is_what_stood_up_to_it(fixture: &Fixture) -> Checked {
    every_moment(fixture, |as_of| matches!(as_of, AsOf::Position(_))).await
}

async fn as_of_a_recorded_time_is_what_was_recorded_by_then(fixture: &Fixture) -> Checked {
    every_moment(fixture, |as_of| matches!(as_of, AsOf::RecordedAt(_))).await
}

async fn as_of_an_occurred_time_is_what_had_occurred_by_then(fixture: &Fixture) -> Checked {
    every_moment(fixture, |as_of| matches!(as_of, AsOf::OccurredAt(_))).await
}

async fn as_of_a_moment_behind_a_version_is_the_tail_up_to_it(fixture: &Fixture) -> Checked {
    let rows = fill(fixture).await?;
    for (as_of, expected) in moments(&rows) {
        let wanted = Load::new(stream("thing-a")).after(Version(2)).as_of(Some(as_of));
        let expected: Vec<_> = expected.into_iter().filter(|version| *version > 2).collect();
        let loaded = load(&*fixture.store, wanted).await?;
        ensure_eq!(loaded.versions(), expected, "the versions behind 2 as of {as_of:?}");
    }
    Ok(())
}

/// Loads every moment with a snapshot of each version at hand. Whether one serves is the store's
/// choice; what is handed out must be the moment's events, in a snapshot or one by one.
async fn every_moment_with_snapshots(fixture: &Fixture, kind: fn(&AsOf) -> bool) -> Checked {
    let rows = fill(fixture).await?;
    let key = SnapshotKey::new("state", 1, 1);
    for taken in 1..=rows.len() {
        let last = &rows[taken - 1];
        let latest = rows[..taken].iter().map(|row| row.occurred_at).max().unwrap_or_default();
        let mark = SnapshotMark::new(stream("thing-a"), key.clone(), (last.version, last.position), latest);
        fixture.store.save_snapshot(Snapshot::new(mark, taken.to_string().into_bytes())).await?;
        for (as_of, expected) in moments(&rows).into_iter().filter(|(as_of, _)| kind(as_of)) {
            let wanted = Load::new(stream("thing-a")).with_snapshot(Some(key.clone())).as_of(Some(as_of));
            let loaded = load(&*fixture.store, wanted).await?;
            let mut handed_out: Vec<_> = loaded.snapshot.iter().flat_map(|(version, _)| 1..=version.0).collect();
            handed_out.extend(loaded.versions());
            ensure_eq!(handed_out, expected, "the versions as of {as_of:?}, with a snapshot of version {taken}");
        }
    }
    Ok(())
}

async fn a_snapshot_newer_than_the_moment_does_not_serve(fixture: &Fixture) -> Checked {
    every_moment_with_snapshots(fixture, |as_of| !matches!(as_of, AsOf::OccurredAt(_))).await
}

async fn a_snapshot_with_an_event_that_occurred_later_does_not_serve(fixture: &Fixture) -> Checked {
    every_moment_with_snapshots(fixture, |as_of| matches!(as_of, AsOf::OccurredAt(_))).await
}
