//! Snapshots: served only to those who can read them, and never instead of what happened.

use std::time::Duration;

use chrono::{DateTime, Utc};

use crate::contract::append::AppendRequest;
use crate::contract::load::Load;
use crate::contract::snapshot::{PendingSnapshot, Snapshot, SnapshotKey, SnapshotMark};
use crate::words::error::BoxError;
use crate::words::stream::{ExpectedVersion, StreamId, Version};

use super::asking::*;
use super::fixture::Fixture;
use super::rule::{Broken, Checked};

rules![
    a_snapshot_is_served_with_the_events_behind_it,
    a_snapshot_is_served_only_to_its_key,
    a_bare_load_from_a_snapshot_tells_when_its_events_occurred,
    a_snapshot_belongs_to_its_stream,
    a_snapshot_is_not_served_to_who_has_come_further,
    a_snapshot_comes_back_with_every_column,
    the_last_snapshot_written_wins,
    an_offered_snapshot_can_be_loaded_soon,
    an_offered_snapshot_that_cannot_be_encoded_is_dropped,
    streams_with_snapshots_are_found_by_category_and_kind,
    a_snapshot_of_one_handle_is_served_by_the_other,
];

fn key() -> SnapshotKey {
    SnapshotKey::new("state", 0xfedc_ba98_7654_3210, 3)
}

/// Six events in each of two streams.
async fn fill(fixture: &Fixture) -> Checked {
    for name in ["thing-a", "thing-b"] {
        let request = AppendRequest::new(stream(name), ExpectedVersion::NoStream, events(6));
        store_now(&*fixture.store, &request).await?;
    }
    Ok(())
}

async fn mark(fixture: &Fixture, stream: &StreamId, key: SnapshotKey, version: usize) -> Checked<SnapshotMark> {
    let rows = of(&*fixture.store, stream).await?;
    let last = rows.get(version - 1).ok_or_else(|| Broken(format!("{stream} has no version {version}")))?;
    Ok(SnapshotMark::new(stream.clone(), key, (last.version, last.position), last.occurred_at))
}

async fn save(fixture: &Fixture, name: &str, key: SnapshotKey, version: usize, state: &str) -> Checked {
    let mark = mark(fixture, &stream(name), key, version).await?;
    Ok(fixture.store.save_snapshot(Snapshot::new(mark, state.as_bytes().to_vec())).await?)
}

async fn load_with(fixture: &Fixture, name: &str, key: SnapshotKey) -> Checked<Loaded> {
    load(&*fixture.store, Load::new(stream(name)).with_snapshot(Some(key))).await
}

async fn a_snapshot_is_served_with_the_events_behind_it(fixture: &Fixture) -> Checked {
    fill(fixture).await?;
    for version in [4, 6] {
        save(fixture, "thing-a", key(), version, "state").await?;
        let loaded = load_with(fixture, "thing-a", key()).await?;
        let expected = Some((Version(version as u64), b"state".to_vec()));
        ensure_eq!(loaded.snapshot, expected, "the snapshot served");
        ensure_eq!(loaded.versions(), (version as u64 + 1..7).collect::<Vec<_>>(), "the versions behind it");
    }
    let without = load(&*fixture.store, Load::new(stream("thing-a"))).await?;
    ensure_eq!(without.snapshot, None, "a snapshot where none was asked for");
    ensure_eq!(without.versions(), [1, 2, 3, 4, 5, 6], "the versions without a snapshot");
    Ok(())
}

async fn a_bare_load_from_a_snapshot_tells_when_its_events_occurred(fixture: &Fixture) -> Checked {
    let mut given = events(6);
    for (event, day) in given.iter_mut().zip(1..) {
        event.occurred_at = DateTime::UNIX_EPOCH.checked_add_days(chrono::Days::new(day));
    }
    let request = AppendRequest::new(stream("thing-a"), ExpectedVersion::NoStream, given).with_command_key("k");
    store_now(&*fixture.store, &request).await?;
    for version in [0, 4, 6] {
        if version > 0 {
            save(fixture, "thing-a", key(), version, "state").await?;
        }
        let whole = Load::new(stream("thing-a")).with_snapshot(Some(key()));
        for whole in [whole.clone(), whole.with_command_key(Some("k".into()))] {
            let bare = load(&*fixture.store, whole.clone().bare(true)).await?;
            let whole = load(&*fixture.store, whole).await?;
            ensure_eq!(bare.snapshot, whole.snapshot, "the snapshot of a bare load");
            ensure_eq!(bare.end, whole.end, "what the key stored");
            ensure_eq!(bare.versions(), whole.versions(), "the versions of a bare load");
            let times = |loaded: &Loaded| loaded.events.iter().map(|row| row.occurred_at).collect::<Vec<_>>();
            ensure_eq!(times(&bare), times(&whole), "the occurred times of a bare load");
        }
    }
    Ok(())
}

async fn a_snapshot_is_served_only_to_its_key(fixture: &Fixture) -> Checked {
    fill(fixture).await?;
    save(fixture, "thing-a", key(), 4, "state").await?;
    let SnapshotKey { kind, fingerprint, revision, .. } = key();
    let others = [
        SnapshotKey::new("view", fingerprint, revision),
        SnapshotKey::new(kind, fingerprint ^ 1, revision),
        SnapshotKey::new(kind, fingerprint ^ (1 << 63), revision),
        SnapshotKey::new(kind, fingerprint, revision + 1),
        SnapshotKey::new(kind, fingerprint, revision - 1),
    ];
    for other in others {
        let loaded = load_with(fixture, "thing-a", other.clone()).await?;
        ensure_eq!(loaded.snapshot, None, "a snapshot of {:?} served to {other:?}", key());
        ensure_eq!(loaded.versions(), [1, 2, 3, 4, 5, 6], "the versions loaded instead");
    }
    Ok(())
}

async fn a_snapshot_belongs_to_its_stream(fixture: &Fixture) -> Checked {
    fill(fixture).await?;
    save(fixture, "thing-a", key(), 4, "state").await?;
    let loaded = load_with(fixture, "thing-b", key()).await?;
    ensure_eq!(loaded.snapshot, None, "the snapshot of another stream");
    ensure_eq!(loaded.versions(), [1, 2, 3, 4, 5, 6], "the versions of the stream without one");
    Ok(())
}

async fn a_snapshot_is_not_served_to_who_has_come_further(fixture: &Fixture) -> Checked {
    fill(fixture).await?;
    save(fixture, "thing-a", key(), 4, "state").await?;
    for after in [4, 5, 6] {
        let wanted = Load::new(stream("thing-a")).with_snapshot(Some(key())).after(Version(after));
        let loaded = load(&*fixture.store, wanted).await?;
        ensure_eq!(loaded.snapshot, None, "the snapshot of version 4 behind version {after}");
        ensure_eq!(loaded.versions(), (after + 1..7).collect::<Vec<_>>(), "the versions behind {after}");
    }
    let wanted = Load::new(stream("thing-a")).with_snapshot(Some(key())).after(Version(2));
    let handed = load(&*fixture.store, wanted).await?;
    let from = handed.snapshot.as_ref().map_or(2, |(version, _)| version.0);
    ensure_eq!(handed.versions(), (from + 1..7).collect::<Vec<_>>(), "the versions behind 2 with a snapshot");
    Ok(())
}

async fn a_snapshot_comes_back_with_every_column(fixture: &Fixture) -> Checked {
    fill(fixture).await?;
    let state: Vec<u8> = (0..=255).cycle().take(100_000).collect();
    for key in [key(), SnapshotKey::new("state", u64::MAX, 0), SnapshotKey::new("state", 0, 70_000)] {
        let mut given = mark(fixture, &stream("thing-a"), key.clone(), 4).await?;
        given.max_occurred_at = DateTime::<Utc>::UNIX_EPOCH - chrono::TimeDelta::microseconds(1);
        fixture.store.save_snapshot(Snapshot::new(given.clone(), state.clone())).await?;
        let mut served = None;
        let wanted = Load::new(stream("thing-a")).with_snapshot(Some(key.clone()));
        let visit = &mut |row: crate::contract::load::LoadRow<'_>| {
            if let crate::contract::load::LoadRow::Snapshot(raw) = row {
                served = Some((raw.version, raw.position, raw.encoding, raw.data == state, raw.max_occurred_at));
            }
            Ok(())
        };
        fixture.store.load(&wanted, visit).await?;
        let expected = Some((given.version, given.position, 0, true, given.max_occurred_at));
        ensure_eq!(served, expected, "version, position, encoding, state and latest time of a snapshot of {key:?}");
    }
    Ok(())
}

async fn the_last_snapshot_written_wins(fixture: &Fixture) -> Checked {
    fill(fixture).await?;
    save(fixture, "thing-a", key(), 5, "first").await?;
    save(fixture, "thing-a", key(), 3, "second").await?;
    let loaded = load_with(fixture, "thing-a", key()).await?;
    ensure_eq!(loaded.snapshot, Some((Version(3), b"second".to_vec())), "the snapshot served");
    // One row for a stream and kind: a new shape replaces the old one, another kind stands beside it.
    let reshaped = SnapshotKey::new("state", 1, 1);
    save(fixture, "thing-a", reshaped.clone(), 4, "third").await?;
    save(fixture, "thing-a", SnapshotKey::new("view", 1, 1), 2, "beside").await?;
    ensure_eq!(load_with(fixture, "thing-a", key()).await?.snapshot, None, "the snapshot that was replaced");
    let loaded = load_with(fixture, "thing-a", reshaped).await?;
    ensure_eq!(loaded.snapshot, Some((Version(4), b"third".to_vec())), "the snapshot of the new shape");
    Ok(())
}

async fn an_offered_snapshot_can_be_loaded_soon(fixture: &Fixture) -> Checked {
    fill(fixture).await?;
    let mark = mark(fixture, &stream("thing-a"), key(), 4).await?;
    for _ in 0..200 {
        // A store that is busy may drop one, so it is offered again.
        fixture.store.offer_snapshot(PendingSnapshot::new(mark.clone(), || Ok(b"offered".to_vec())));
        tokio::time::sleep(Duration::from_millis(10)).await;
        let loaded = load_with(fixture, "thing-a", key()).await?;
        if loaded.snapshot.is_some() {
            ensure_eq!(loaded.snapshot, Some((Version(4), b"offered".to_vec())), "the snapshot served");
            return Ok(());
        }
    }
    Err(Broken("of 200 snapshots offered to an idle store none can be loaded".to_owned()))
}

async fn an_offered_snapshot_that_cannot_be_encoded_is_dropped(fixture: &Fixture) -> Checked {
    fill(fixture).await?;
    let mark = mark(fixture, &stream("thing-a"), key(), 4).await?;
    fixture.store.offer_snapshot(PendingSnapshot::new(mark.clone(), || Err(BoxError::from("no such state"))));
    tokio::time::sleep(Duration::from_millis(50)).await;
    ensure_eq!(load_with(fixture, "thing-a", key()).await?.snapshot, None, "a snapshot that was never encoded");
    save(fixture, "thing-a", key(), 4, "state").await?;
    store_now(&*fixture.store, &AppendRequest::new(stream("thing-a"), Version(6), events(1))).await?;
    Ok(())
}

async fn streams_with_snapshots_are_found_by_category_and_kind(fixture: &Fixture) -> Checked {
    let store = &*fixture.store;
    for name in ["thing-a", "thing-b", "thing-c", "thing_b-a", "other-a"] {
        store_now(store, &AppendRequest::new(stream(name), ExpectedVersion::NoStream, events(1))).await?;
    }
    for name in ["thing-a", "thing-b", "thing_b-a", "other-a"] {
        save(fixture, name, key(), 1, "state").await?;
    }
    save(fixture, "thing-c", SnapshotKey::new("view", 1, 1), 1, "view").await?;
    let found = async |category, kind, limit| {
        let mut streams = store.snapshot_streams(category, kind, limit).await?;
        streams.sort();
        Ok::<_, Broken>(streams)
    };
    ensure_eq!(found("thing", "state", 10).await?, [stream("thing-a"), stream("thing-b")], "streams of the category");
    ensure_eq!(found("thing", "view", 10).await?, [stream("thing-c")], "streams of the other kind");
    ensure_eq!(found("thing_b", "state", 10).await?, [stream("thing_b-a")], "streams of the like-named category");
    ensure_eq!(found("absent", "state", 10).await?, [], "streams of an absent category");
    ensure_eq!(found("thing", "state", 1).await?.len(), 1, "at most one stream");
    ensure_eq!(found("thing", "state", 0).await?.len(), 0, "at most no stream");
    Ok(())
}

async fn a_snapshot_of_one_handle_is_served_by_the_other(fixture: &Fixture) -> Checked {
    let Some(another) = &fixture.another else { return Ok(()) };
    fill(fixture).await?;
    save(fixture, "thing-a", key(), 4, "state").await?;
    let loaded = load(&**another, Load::new(stream("thing-a")).with_snapshot(Some(key()))).await?;
    ensure_eq!(loaded.snapshot, Some((Version(4), b"state".to_vec())), "the snapshot through the other handle");
    Ok(())
}
