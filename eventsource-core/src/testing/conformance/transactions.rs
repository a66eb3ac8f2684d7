//! Transactions that are lent: the work and the checkpoint of what it was done for are one.

use std::future::{pending, ready};
use std::time::Duration;

use futures::FutureExt;
use uuid::Uuid;

use crate::contract::checkpoint::{Checkpoint, CheckpointKey, Claim};
use crate::contract::read::Cursor;
use crate::contract::transaction::Advance;
use crate::words::error::{BoxError, StoreError};
use crate::words::stream::Position;

use super::counter::Lending;
use super::fixture::Fixture;
use super::rule::{Broken, Checked};

rules![
    a_transaction_and_its_checkpoint_are_one,
    a_transaction_whose_work_fails_changes_nothing,
    a_transaction_that_is_dropped_changes_nothing,
    a_transaction_that_is_repeated_changes_nothing,
    a_transaction_that_begins_before_the_checkpoint_changes_nothing,
    a_transaction_of_nobody_is_refused,
    an_owner_that_was_taken_over_is_refused_its_transaction,
    an_owner_that_is_taken_over_within_its_transaction_changes_nothing,
];

/// Longer than any rule takes.
const LONG: Duration = Duration::from_secs(3600);
/// A store whose transactions exclude each other lets nobody take over meanwhile.
const MEANWHILE: Duration = Duration::from_millis(300);

fn key() -> CheckpointKey {
    CheckpointKey::new("projection")
}

async fn claimed(lending: &dyn Lending, key: &CheckpointKey, owner: u128, lease: Duration) -> Checked<Checkpoint> {
    match lending.store().claim(key, Uuid::from_u128(owner), lease).await? {
        Claim::Owned(checkpoint) => Ok(checkpoint),
        held => Err(Broken(format!("a claim that must succeed was answered with {held:?}"))),
    }
}

/// To an event at a position.
fn to(claim: Checkpoint, position: u64) -> Advance {
    let cursor = Cursor::new(Position(position), Uuid::from_u128(position.into()));
    Advance::new(key(), claim.cursor, Checkpoint { cursor, ..claim })
}

fn nothing() -> std::future::Ready<Result<(), BoxError>> {
    ready(Ok(()))
}

/// How often was added, as a projection of its own finds it.
async fn counted(lending: &dyn Lending) -> Checked<u64> {
    let key = CheckpointKey::new("reader");
    let claim = claimed(lending, &key, 99, LONG).await?;
    Ok(lending.count(&Advance::new(key, claim.cursor, claim)).await?)
}

fn is_fenced(result: Result<(), StoreError>, what: &str) -> Checked {
    match result {
        Ok(()) => Err(Broken(format!("{what} was not refused"))),
        Err(error) if error.is_fenced() => Ok(()),
        Err(error) => Err(Broken(format!("{what} was refused, but not as fenced: {error}"))),
    }
}

async fn stands_at(lending: &dyn Lending, checkpoint: Checkpoint) -> Checked {
    ensure_eq!(lending.store().load_checkpoint(&key()).await?, Some(checkpoint), "the checkpoint");
    Ok(())
}

async fn a_transaction_and_its_checkpoint_are_one(fixture: &Fixture) -> Checked {
    let Some(lending) = fixture.lending() else { return Ok(()) };
    let claim = claimed(lending, &key(), 1, LONG).await?;
    let first = to(claim, 3);
    lending.add(&first, nothing().boxed()).await?;
    ensure_eq!(counted(lending).await?, 1, "what was added");
    stands_at(lending, first.to).await?;
    lending.add(&to(first.to, 5), nothing().boxed()).await?;
    // Nowhere is a place to go to as well.
    lending.add(&to(to(first.to, 5).to, 5), nothing().boxed()).await?;
    ensure_eq!(counted(lending).await?, 3, "what was added three times");
    Ok(())
}

async fn a_transaction_whose_work_fails_changes_nothing(fixture: &Fixture) -> Checked {
    let Some(lending) = fixture.lending() else { return Ok(()) };
    let claim = claimed(lending, &key(), 1, LONG).await?;
    let failing = ready(Err("out of ink".into()));
    match lending.add(&to(claim, 3), failing.boxed()).await {
        Ok(()) => return Err(Broken("work that failed was no error".to_owned())),
        Err(error) => ensure!(error.to_string().contains("out of ink"), "the error hides that of the work: {error}"),
    }
    ensure_eq!(counted(lending).await?, 0, "what was added by work that failed");
    stands_at(lending, claim).await
}

async fn a_transaction_that_is_dropped_changes_nothing(fixture: &Fixture) -> Checked {
    let Some(lending) = fixture.lending() else { return Ok(()) };
    let claim = claimed(lending, &key(), 1, LONG).await?;
    let advance = to(claim, 3);
    let dropped = tokio::time::timeout(MEANWHILE, lending.add(&advance, pending().boxed())).await;
    ensure!(dropped.is_err(), "work that never ends has ended");
    ensure_eq!(counted(lending).await?, 0, "what was added by work that was dropped");
    stands_at(lending, claim).await
}

async fn a_transaction_that_is_repeated_changes_nothing(fixture: &Fixture) -> Checked {
    let Some(lending) = fixture.lending() else { return Ok(()) };
    let first = to(claimed(lending, &key(), 1, LONG).await?, 3);
    lending.add(&first, nothing().boxed()).await?;
    is_fenced(lending.add(&first, nothing().boxed()).await, "the same transaction")?;
    ensure_eq!(counted(lending).await?, 1, "what was added twice");
    stands_at(lending, first.to).await
}

async fn a_transaction_that_begins_before_the_checkpoint_changes_nothing(fixture: &Fixture) -> Checked {
    let Some(lending) = fixture.lending() else { return Ok(()) };
    let claim = claimed(lending, &key(), 1, LONG).await?;
    let first = to(claim, 3);
    lending.add(&first, nothing().boxed()).await?;
    // The same events and more: what the first one's owner does who has not heard that it landed.
    is_fenced(lending.add(&to(claim, 5), nothing().boxed()).await, "a transaction over the same events")?;
    ensure_eq!(counted(lending).await?, 1, "what was added for the same events");
    stands_at(lending, first.to).await
}

async fn a_transaction_of_nobody_is_refused(fixture: &Fixture) -> Checked {
    let Some(lending) = fixture.lending() else { return Ok(()) };
    let nobody = Checkpoint::new(Cursor::START, lending.store().identity());
    is_fenced(lending.add(&to(nobody, 3), nothing().boxed()).await, "a transaction without a claim")?;
    ensure_eq!(counted(lending).await?, 0, "what was added without a claim");
    Ok(())
}

async fn an_owner_that_was_taken_over_is_refused_its_transaction(fixture: &Fixture) -> Checked {
    let Some(lending) = fixture.lending() else { return Ok(()) };
    let first = claimed(lending, &key(), 1, Duration::ZERO).await?;
    let second = claimed(lending, &key(), 2, LONG).await?;
    is_fenced(lending.add(&to(first, 3), nothing().boxed()).await, "an owner that was taken over")?;
    ensure_eq!(counted(lending).await?, 0, "what was added by an owner that was taken over");
    lending.add(&to(second, 3), nothing().boxed()).await?;
    ensure_eq!(counted(lending).await?, 1, "what was added by the owner");
    Ok(())
}

async fn an_owner_that_is_taken_over_within_its_transaction_changes_nothing(fixture: &Fixture) -> Checked {
    let Some(lending) = fixture.lending() else { return Ok(()) };
    let first = claimed(lending, &key(), 1, Duration::ZERO).await?;
    let advance = to(first, 3);
    let mut taken_over = None;
    let take_over = async {
        let of = key();
        let claim = lending.store().claim(&of, Uuid::from_u128(2), LONG);
        if let Ok(claim) = tokio::time::timeout(MEANWHILE, claim).await {
            taken_over = Some(claim?);
        }
        Ok(())
    };
    let added = lending.add(&advance, take_over.boxed()).await;
    match taken_over {
        Some(Claim::Owned(second)) => {
            is_fenced(added, "an owner that was taken over in the middle")?;
            ensure_eq!(counted(lending).await?, 0, "what was added by an owner that was taken over");
            stands_at(lending, second).await
        }
        Some(held) => Err(Broken(format!("a claim that had run out was answered with {held:?}"))),
        // Nobody gets in between; what asked and was not waited for may still take over before the end.
        None => match added {
            Err(error) if !error.is_fenced() => Err(error.into()),
            _ => Ok(()),
        },
    }
}
