//! Closing a store, dropping its futures, and opening it again.

use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;

use crate::contract::append::{AppendOutcome, AppendRequest};
use crate::contract::checkpoint::{Checkpoint, CheckpointKey};
use crate::contract::load::Load;
use crate::contract::read::{Cursor, Read};
use crate::contract::snapshot::{Snapshot, SnapshotKey, SnapshotMark};
use crate::words::event::now;
use crate::words::stream::{ExpectedVersion, StreamId, Version};

use super::asking::*;
use super::fixture::Fixture;
use super::rule::{Broken, Checked};

rules![
    a_closed_store_refuses_what_comes_later,
    closing_twice_is_no_error,
    an_append_beside_closing_is_stored_or_refused_as_closed,
    a_dropped_append_leaves_nothing_half_done,
    what_was_stored_is_there_when_the_store_is_opened_again,
];

async fn a_closed_store_refuses_what_comes_later(fixture: &Fixture) -> Checked {
    let store = &*fixture.store;
    let request = AppendRequest::new(stream("thing-a"), ExpectedVersion::Any, events(1));
    store_now(store, &request).await?;
    store.close().await?;
    let later = Arc::new(AppendRequest::new(stream("thing-a"), ExpectedVersion::Any, events(1)));
    let loading = Load::new(stream("thing-a"));
    let reading = Read::all();
    let key = CheckpointKey::new("view");
    let checkpoint = Checkpoint::new(Cursor::START, store.identity());
    let answers = [
        ("an append", store.append(later).await.err()),
        ("the same append again", store.append(Arc::new(request)).await.err()),
        ("a load", store.load(&loading, &mut |_| Ok(())).await.err()),
        ("a read", store.read(&reading, &mut |_| Ok(())).await.err()),
        ("a position", store.position_at(now()).await.err()),
        ("a checkpoint", store.save_checkpoint(&key, checkpoint).await.err()),
    ];
    for (what, error) in answers {
        let closed = error.as_ref().is_some_and(|error| error.is_closed());
        ensure!(closed, "{what} after closing was answered with {error:?}");
    }
    Ok(())
}

async fn closing_twice_is_no_error(fixture: &Fixture) -> Checked {
    fixture.store.close().await?;
    fixture.store.close().await?;
    Ok(())
}

async fn an_append_beside_closing_is_stored_or_refused_as_closed(fixture: &Fixture) -> Checked {
    let mut writers = Vec::new();
    for number in 0..20 {
        let store = fixture.store.clone();
        let stream = stream(&format!("thing-{number}"));
        let request = Arc::new(AppendRequest::new(stream.clone(), ExpectedVersion::NoStream, events(2)));
        writers.push((stream, tokio::spawn(async move { store.append(request).await })));
    }
    tokio::task::yield_now().await;
    fixture.store.close().await?;
    let mut stored = Vec::new();
    for (stream, writer) in writers {
        let answer = writer.await.map_err(|panic| Broken(format!("an append panicked: {panic}")))?;
        match answer {
            Ok(AppendOutcome::Stored(_)) => stored.push((stream, 2)),
            Err(error) if error.is_closed() => stored.push((stream, 0)),
            other => ensure!(false, "an append beside closing was answered with {other:?}"),
        }
    }
    let Some(reopen) = &fixture.reopen else { return Ok(()) };
    let opened = reopen().await;
    for (stream, events) in stored {
        ensure_eq!(of(&*opened, &stream).await?.len(), events, "events of {stream}, against what was answered");
    }
    Ok(())
}

/// One of the appends that are dropped: two streams, several events.
fn interrupted(number: u32) -> (StreamId, StreamId, AppendRequest) {
    let (a, b) = (stream(&format!("thing-a{number}")), stream(&format!("thing-b{number}")));
    let demand = if number.is_multiple_of(2) { ExpectedVersion::NoStream } else { ExpectedVersion::Any };
    let request = AppendRequest::new(a.clone(), demand, events(3)).and(b.clone(), demand, events(2));
    (a, b, request)
}

async fn a_dropped_append_leaves_nothing_half_done(fixture: &Fixture) -> Checked {
    let store = &*fixture.store;
    let mut dropped = Vec::new();
    for number in 0..40 {
        let (a, b, request) = interrupted(number);
        let future = store.append(Arc::new(request.clone()));
        match number % 4 {
            0 => drop(future),
            1 => drop(future.now_or_never()),
            _ => drop(tokio::time::timeout(Duration::from_micros(u64::from(number) * 25), future).await),
        }
        dropped.push((a, b, request));
    }
    for (a, b, request) in dropped {
        // It may be finished by now, or later, but never by halves. One of two reads may come before
        // the append and the other behind it, so each stream is read behind the other.
        let there = [of(store, &a).await?.len(), of(store, &b).await?.len(), of(store, &a).await?.len()];
        let whole = matches!(there, [0, 0, 0 | 3] | [0, 2, 3] | [3, 2, 3]);
        ensure!(whole, "of 3 and 2 events of a dropped append, {} and {} were stored", there[2], there[1]);
        let again = match append(store, &request).await? {
            AppendOutcome::Stored(appended) | AppendOutcome::AlreadyStored(appended) => appended,
            AppendOutcome::Conflict(found) => {
                return Err(Broken(format!("after a dropped append left {there:?} events, the same got {found}")));
            }
        };
        for (write, answered) in request.writes.iter().zip(&again.streams) {
            let rows = of(store, &write.stream).await?;
            ensure_eq!(ids(&rows), new_ids(&write.events), "the ids in {} ({there:?} before)", write.stream);
            ensure_eq!(answered.version, Version(write.events.len() as u64), "the version of {}", write.stream);
        }
    }
    Ok(())
}

async fn what_was_stored_is_there_when_the_store_is_opened_again(fixture: &Fixture) -> Checked {
    let Some(reopen) = &fixture.reopen else { return Ok(()) };
    let (store, a, b) = (&*fixture.store, stream("thing-a"), stream("thing-b"));
    let request = AppendRequest::new(a.clone(), ExpectedVersion::NoStream, events(3))
        .and(b.clone(), ExpectedVersion::Any, events(2))
        .with_command_key("command-1");
    let first = store_now(store, &request).await?;
    let rows = pages(store, Read::all()).await?;
    let key = SnapshotKey::new("state", u64::MAX, 1);
    let mark = SnapshotMark::new(a.clone(), key.clone(), (rows[1].version, rows[1].position), rows[1].occurred_at);
    store.save_snapshot(Snapshot::new(mark, b"state".to_vec())).await?;
    let checkpoint = Checkpoint::new(Cursor::new(rows[2].position, rows[2].id), store.identity()).owner_epoch(2);
    store.save_checkpoint(&CheckpointKey::new("view"), checkpoint).await?;
    store.close().await?;

    let opened = &*reopen().await;
    ensure_eq!(opened.identity(), store.identity(), "the identity of the store opened again");
    ensure_eq!(pages(opened, Read::all()).await?, rows, "the events of the store opened again");
    ensure_eq!(stored_before(opened, &request).await?, first, "the result of the same request again");
    let loaded = load(opened, Load::new(a).with_snapshot(Some(key))).await?;
    ensure_eq!(loaded.snapshot, Some((Version(2), b"state".to_vec())), "the snapshot");
    let kept = opened.load_checkpoint(&CheckpointKey::new("view")).await?;
    ensure_eq!(kept, Some(checkpoint), "the checkpoint");
    checkpoint.verify(opened).await?;
    let next = store_now(opened, &AppendRequest::new(b, Version(2), events(1))).await?;
    let newest = rows.last().map(|row| row.position);
    ensure!(next.streams[0].positions.first() > newest.as_ref(), "a position was given a second time");
    Ok(())
}
