//! Checkpoints: how far a consumer has come, and whether the store is still the one it read.

use uuid::Uuid;

use crate::contract::append::AppendRequest;
use crate::contract::checkpoint::{Checkpoint, CheckpointKey};
use crate::contract::read::{Cursor, Read};
use crate::words::stream::{ExpectedVersion, Position};

use super::asking::*;
use super::fixture::Fixture;
use super::rule::Checked;

rules![
    a_checkpoint_comes_back_as_it_was_saved,
    a_checkpoint_may_be_moved_both_ways,
    checkpoints_differ_in_every_part_of_their_key,
    the_checkpoint_of_a_newer_owner_is_not_overwritten,
    a_checkpoint_of_the_very_event_is_verified,
    a_checkpoint_of_another_event_or_store_is_rewound,
    a_checkpoint_of_one_handle_is_known_to_the_other,
];

fn checkpoint(fixture: &Fixture, position: u64) -> Checkpoint {
    let cursor = Cursor::new(Position(position), Uuid::from_u128(u128::from(position)));
    Checkpoint::new(cursor, fixture.store.identity())
}

async fn a_checkpoint_comes_back_as_it_was_saved(fixture: &Fixture) -> Checked {
    let (store, key) = (&*fixture.store, CheckpointKey::new("Zoë's view"));
    ensure_eq!(store.load_checkpoint(&key).await?, None, "a checkpoint that was never saved");
    let saved = checkpoint(fixture, 1 << 40).owner_epoch(1 << 33);
    store.save_checkpoint(&key, saved).await?;
    ensure_eq!(store.load_checkpoint(&key).await?, Some(saved), "the checkpoint");
    Ok(())
}

// A rebuild begins again.
async fn a_checkpoint_may_be_moved_both_ways(fixture: &Fixture) -> Checked {
    let (store, key) = (&*fixture.store, CheckpointKey::new("view"));
    for position in [5, 9, 2, 0] {
        let saved = checkpoint(fixture, position);
        store.save_checkpoint(&key, saved).await?;
        ensure_eq!(store.load_checkpoint(&key).await?, Some(saved), "the checkpoint");
    }
    Ok(())
}

async fn checkpoints_differ_in_every_part_of_their_key(fixture: &Fixture) -> Checked {
    let store = &*fixture.store;
    let keys = [
        CheckpointKey::new("view"),
        CheckpointKey::new("view2"),
        CheckpointKey::new("View"),
        CheckpointKey::new("view").view_version(2),
        CheckpointKey::new("view").partition(2),
        CheckpointKey::new("view").view_version(2).partition(1),
        CheckpointKey::new("view").view_version(1).partition(1),
    ];
    for (position, key) in (1..).zip(&keys) {
        ensure_eq!(store.load_checkpoint(key).await?, None, "the checkpoint of {key:?}");
        store.save_checkpoint(key, checkpoint(fixture, position)).await?;
    }
    for (position, key) in (1..).zip(&keys) {
        let saved = Some(checkpoint(fixture, position));
        ensure_eq!(store.load_checkpoint(key).await?, saved, "the checkpoint of {key:?}");
    }
    Ok(())
}

async fn the_checkpoint_of_a_newer_owner_is_not_overwritten(fixture: &Fixture) -> Checked {
    let (store, key) = (&*fixture.store, CheckpointKey::new("view"));
    store.save_checkpoint(&key, checkpoint(fixture, 1).owner_epoch(4)).await?;
    store.save_checkpoint(&key, checkpoint(fixture, 2).owner_epoch(4)).await?;
    let newer = checkpoint(fixture, 2).owner_epoch(5);
    store.save_checkpoint(&key, newer).await?;
    for old in [4, 0] {
        match store.save_checkpoint(&key, checkpoint(fixture, 3).owner_epoch(old)).await {
            Ok(()) => ensure!(false, "owner {old} overwrote the checkpoint of owner 5"),
            Err(error) => ensure!(error.is_fenced(), "owner {old} was refused, but not as fenced: {error}"),
        }
        ensure_eq!(store.load_checkpoint(&key).await?, Some(newer), "the checkpoint of the newer owner");
    }
    let same = checkpoint(fixture, 4).owner_epoch(5);
    store.save_checkpoint(&key, same).await?;
    ensure_eq!(store.load_checkpoint(&key).await?, Some(same), "the checkpoint saved again by its owner");
    // Fencing is for one key alone.
    store.save_checkpoint(&CheckpointKey::new("other"), checkpoint(fixture, 1)).await?;
    Ok(())
}

async fn fill(fixture: &Fixture) -> Checked<Vec<Row>> {
    for name in ["thing-a", "thing-b", "thing-a"] {
        let request = AppendRequest::new(stream(name), ExpectedVersion::Any, events(2));
        store_now(&*fixture.store, &request).await?;
    }
    pages(&*fixture.store, Read::all()).await
}

async fn a_checkpoint_of_the_very_event_is_verified(fixture: &Fixture) -> Checked {
    let (store, identity) = (&*fixture.store, fixture.store.identity());
    Checkpoint::new(Cursor::START, identity).verify(store).await?;
    for row in fill(fixture).await? {
        Checkpoint::new(Cursor::new(row.position, row.id), identity).verify(store).await?;
    }
    Checkpoint::new(Cursor::START, identity).verify(store).await?;
    Ok(())
}

async fn a_checkpoint_of_another_event_or_store_is_rewound(fixture: &Fixture) -> Checked {
    let rows = fill(fixture).await?;
    let at = |position, id| Checkpoint::new(Cursor::new(position, id), fixture.store.identity());
    let mut elsewhere = at(rows[2].position, rows[2].id);
    elsewhere.store_id = Uuid::from_u128(1);
    let beyond = Position(rows[5].position.0 + 1);
    let lost = [
        ("at another event", at(rows[2].position, rows[3].id)),
        ("at an event that never was", at(rows[2].position, Uuid::from_u128(1))),
        ("beyond the newest event", at(beyond, rows[5].id)),
        ("of another store", elsewhere),
    ];
    for (what, checkpoint) in lost {
        match checkpoint.verify(&*fixture.store).await {
            Ok(()) => ensure!(false, "a checkpoint {what} was verified"),
            Err(error) => ensure!(error.is_rewound(), "a checkpoint {what} failed, but not as rewound: {error}"),
        }
    }
    Ok(())
}

async fn a_checkpoint_of_one_handle_is_known_to_the_other(fixture: &Fixture) -> Checked {
    let Some(another) = &fixture.another else { return Ok(()) };
    let key = CheckpointKey::new("view");
    let saved = checkpoint(fixture, 3).owner_epoch(2);
    fixture.store.save_checkpoint(&key, saved).await?;
    ensure_eq!(another.load_checkpoint(&key).await?, Some(saved), "the checkpoint through the other handle");
    let fenced = another.save_checkpoint(&key, checkpoint(fixture, 4).owner_epoch(1)).await;
    ensure!(fenced.is_err_and(|error| error.is_fenced()), "an older owner was not fenced through the other handle");
    Ok(())
}
