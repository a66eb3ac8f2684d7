//! Claims: whose work a consumer's is, and that nobody else's is saved.

use std::time::{Duration, Instant};

use uuid::Uuid;

use crate::contract::checkpoint::{Checkpoint, CheckpointKey, Claim};
use crate::contract::read::Cursor;
use crate::contract::store::EventStore;
use crate::words::error::StoreError;
use crate::words::stream::Position;

use super::fixture::Fixture;
use super::rule::{Broken, Checked};

rules![
    a_claim_that_is_the_first_stands_at_the_start,
    a_claim_keeps_the_checkpoint_that_was_saved,
    a_claim_is_renewed_by_its_owner_and_held_against_others,
    a_claim_is_taken_over_when_its_time_has_run_out,
    a_renewed_claim_lives_on_from_then,
    a_claim_that_was_released_is_free_at_once,
    a_claim_is_not_released_by_others,
    an_owner_that_was_taken_over_is_refused_at_once,
    claims_of_other_keys_are_others,
    of_twenty_owners_at_the_same_time_exactly_one_claims,
    a_claim_through_one_handle_holds_against_the_other,
];

/// Longer than any rule takes.
const LONG: Duration = Duration::from_secs(3600);
/// Over soon.
const SHORT: Duration = Duration::from_millis(200);

fn owner(number: u128) -> Uuid {
    Uuid::from_u128(number)
}

fn saved(fixture: &Fixture, position: u64, epoch: u64) -> Checkpoint {
    let cursor = Cursor::new(Position(position), Uuid::from_u128(u128::from(position)));
    Checkpoint::new(cursor, fixture.store.identity()).owner_epoch(epoch)
}

/// Claims what must be free.
async fn claimed(store: &dyn EventStore, key: &CheckpointKey, owner: Uuid, lease: Duration) -> Checked<Checkpoint> {
    match store.claim(key, owner, lease).await? {
        Claim::Owned(checkpoint) => Ok(checkpoint),
        held => Err(Broken(format!("a claim that must succeed was answered with {held:?}"))),
    }
}

/// Claims what must be held, and by whom.
async fn held(store: &dyn EventStore, key: &CheckpointKey, by: Uuid, asking: Uuid) -> Checked {
    match store.claim(key, asking, LONG).await? {
        Claim::Held { owner, .. } => ensure_eq!(owner, by, "the owner that holds it"),
        owned => return Err(Broken(format!("a claim that is held was answered with {owned:?}"))),
    }
    Ok(())
}

fn is_fenced(result: Result<(), StoreError>, who: &str) -> Checked {
    match result {
        Ok(()) => Err(Broken(format!("{who} was not refused"))),
        Err(error) if error.is_fenced() => Ok(()),
        Err(error) => Err(Broken(format!("{who} was refused, but not as fenced: {error}"))),
    }
}

async fn a_claim_that_is_the_first_stands_at_the_start(fixture: &Fixture) -> Checked {
    let (store, key) = (&*fixture.store, CheckpointKey::new("view"));
    let first = claimed(store, &key, owner(1), LONG).await?;
    ensure_eq!(first.cursor, Cursor::START, "where a consumer begins that never saved");
    ensure_eq!(first.store_id, store.identity().id, "the store of the claim");
    ensure!(first.owner_epoch > 0, "the number of an owner is that of nobody");
    // And the owner may save.
    let at_five = saved(fixture, 5, first.owner_epoch);
    store.save_checkpoint(&key, at_five).await?;
    ensure_eq!(store.load_checkpoint(&key).await?, Some(at_five), "the checkpoint of the owner");
    Ok(())
}

async fn a_claim_keeps_the_checkpoint_that_was_saved(fixture: &Fixture) -> Checked {
    let (store, key) = (&*fixture.store, CheckpointKey::new("view"));
    store.save_checkpoint(&key, saved(fixture, 7, 40)).await?;
    let claim = claimed(store, &key, owner(1), LONG).await?;
    ensure_eq!(claim.cursor, saved(fixture, 7, 0).cursor, "the cursor of a claim");
    ensure!(claim.owner_epoch > 40, "the owner's number {} is not above the one before", claim.owner_epoch);
    Ok(())
}

async fn a_claim_is_renewed_by_its_owner_and_held_against_others(fixture: &Fixture) -> Checked {
    let (store, key) = (&*fixture.store, CheckpointKey::new("view"));
    let first = claimed(store, &key, owner(1), LONG).await?;
    held(store, &key, owner(1), owner(2)).await?;
    let moved = saved(fixture, 3, first.owner_epoch);
    store.save_checkpoint(&key, moved).await?;
    ensure_eq!(claimed(store, &key, owner(1), LONG).await?, moved, "the claim that was renewed");
    held(store, &key, owner(1), owner(2)).await
}

async fn a_claim_is_taken_over_when_its_time_has_run_out(fixture: &Fixture) -> Checked {
    let (store, key) = (&*fixture.store, CheckpointKey::new("view"));
    let begun = Instant::now();
    let first = claimed(store, &key, owner(1), SHORT).await?;
    loop {
        let asked = begun.elapsed();
        match store.claim(&key, owner(2), LONG).await? {
            Claim::Owned(second) => {
                ensure!(begun.elapsed() >= SHORT, "a lease of {SHORT:?} was over after {asked:?}");
                ensure!(second.owner_epoch > first.owner_epoch, "the new owner has no higher number");
                return held(store, &key, owner(2), owner(1)).await;
            }
            Claim::Held { .. } => {
                ensure!(asked < 20 * SHORT, "a lease of {SHORT:?} still holds after {asked:?}");
                tokio::time::sleep(SHORT / 8).await;
            }
        }
    }
}

async fn a_renewed_claim_lives_on_from_then(fixture: &Fixture) -> Checked {
    let (store, key) = (&*fixture.store, CheckpointKey::new("view"));
    claimed(store, &key, owner(1), SHORT).await?;
    claimed(store, &key, owner(1), LONG).await?;
    tokio::time::sleep(2 * SHORT).await;
    held(store, &key, owner(1), owner(2)).await?;
    // And may be cut short.
    claimed(store, &key, owner(1), Duration::from_millis(1)).await?;
    tokio::time::sleep(SHORT).await;
    claimed(store, &key, owner(2), LONG).await?;
    Ok(())
}

async fn a_claim_that_was_released_is_free_at_once(fixture: &Fixture) -> Checked {
    let (store, key) = (&*fixture.store, CheckpointKey::new("view"));
    let first = claimed(store, &key, owner(1), LONG).await?;
    store.save_checkpoint(&key, saved(fixture, 3, first.owner_epoch)).await?;
    store.release(&key, owner(1)).await?;
    let second = claimed(store, &key, owner(2), LONG).await?;
    ensure_eq!(second.cursor, saved(fixture, 3, 0).cursor, "the cursor of the next owner");
    ensure!(second.owner_epoch > first.owner_epoch, "the new owner has no higher number");
    // Of what is nobody's, nothing is left to give back.
    store.release(&CheckpointKey::new("other"), owner(1)).await?;
    ensure_eq!(store.load_checkpoint(&CheckpointKey::new("other")).await?, None, "a checkpoint that was never saved");
    Ok(())
}

async fn a_claim_is_not_released_by_others(fixture: &Fixture) -> Checked {
    let (store, key) = (&*fixture.store, CheckpointKey::new("view"));
    claimed(store, &key, owner(1), LONG).await?;
    store.release(&key, owner(2)).await?;
    held(store, &key, owner(1), owner(2)).await
}

// Before the new owner has saved anything: it may be slow to begin, and the old one is not dead but late.
async fn an_owner_that_was_taken_over_is_refused_at_once(fixture: &Fixture) -> Checked {
    let (store, key) = (&*fixture.store, CheckpointKey::new("view"));
    let first = claimed(store, &key, owner(1), LONG).await?;
    let stands = saved(fixture, 3, first.owner_epoch);
    store.save_checkpoint(&key, stands).await?;
    store.release(&key, owner(1)).await?;
    let second = claimed(store, &key, owner(2), LONG).await?;
    let late = store.save_checkpoint(&key, saved(fixture, 4, first.owner_epoch)).await;
    is_fenced(late, "an owner that was taken over")?;
    let now = store.load_checkpoint(&key).await?.map(|checkpoint| checkpoint.cursor);
    ensure_eq!(now, Some(stands.cursor), "where the consumer stands");
    store.save_checkpoint(&key, saved(fixture, 4, second.owner_epoch)).await?;
    Ok(())
}

async fn claims_of_other_keys_are_others(fixture: &Fixture) -> Checked {
    let store = &*fixture.store;
    let keys = [
        CheckpointKey::new("view"),
        CheckpointKey::new("other"),
        CheckpointKey::new("view").view_version(2),
        CheckpointKey::new("view").partition(1),
    ];
    for (number, key) in (1..).zip(&keys) {
        claimed(store, key, owner(number), LONG).await?;
    }
    for (number, key) in (1..).zip(&keys) {
        held(store, key, owner(number), owner(99)).await?;
    }
    Ok(())
}

async fn of_twenty_owners_at_the_same_time_exactly_one_claims(fixture: &Fixture) -> Checked {
    let (handles, key) = (fixture.handles(), CheckpointKey::new("view"));
    let asking = (0..20).map(|number| {
        let (store, key) = (handles[number % handles.len()].clone(), key.clone());
        tokio::spawn(async move { store.claim(&key, owner(number as u128), LONG).await })
    });
    let mut winners = 0;
    for answer in futures::future::join_all(asking).await {
        let answer = answer.map_err(|panic| Broken(format!("a claim panicked: {panic}")))??;
        winners += usize::from(matches!(answer, Claim::Owned(_)));
    }
    ensure_eq!(winners, 1, "owners of one consumer");
    Ok(())
}

async fn a_claim_through_one_handle_holds_against_the_other(fixture: &Fixture) -> Checked {
    let Some(another) = &fixture.another else { return Ok(()) };
    let key = CheckpointKey::new("view");
    let first = claimed(&*fixture.store, &key, owner(1), LONG).await?;
    held(&**another, &key, owner(1), owner(2)).await?;
    fixture.store.release(&key, owner(1)).await?;
    claimed(&**another, &key, owner(2), LONG).await?;
    let late = fixture.store.save_checkpoint(&key, saved(fixture, 1, first.owner_epoch)).await;
    is_fenced(late, "an owner that was taken over through the other handle")
}
