//! Work of somebody else's in a transaction of the store, together with the checkpoint of what it was done for.

use std::sync::Arc;

use futures::future::BoxFuture;

use crate::words::error::{BoxError, StoreError};
use crate::words::parked_at::ParkedAt;

use super::checkpoint::{Checkpoint, CheckpointKey};
use super::read::Cursor;
use super::store::EventStore;

/// How a consumer's checkpoint moves when its work is done: from where its owner left it, and from nowhere else.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Advance {
    /// Whose.
    pub key: CheckpointKey,
    /// Where it must stand.
    pub from: Cursor,
    /// Where it stands afterwards. Its `owner_epoch` must be the one with which the checkpoint was claimed last.
    pub to: Checkpoint,
    /// Events that were parked, and for which the work is done now: removed in the same transaction, which is refused
    /// unless they are all there. See [`ParkingStore`](crate::ParkingStore).
    pub unparked: Vec<ParkedAt>,
}

impl Advance {
    /// Between two places.
    pub fn new(key: CheckpointKey, from: Cursor, to: Checkpoint) -> Self {
        Self { key, from, to, unparked: Vec::new() }
    }

    /// Whether a checkpoint, as it is kept, may be moved so.
    pub fn fits(&self, kept: Option<&Checkpoint>) -> bool {
        kept.is_some_and(|kept| kept.owner_epoch == self.to.owner_epoch && kept.cursor == self.from)
    }

    /// What a store answers when the checkpoint does not [fit](Self::fits), and everything was undone.
    pub fn refused(&self, kept: Option<&Checkpoint>) -> StoreError {
        let Self { key: CheckpointKey { name, .. }, from, to, .. } = self;
        StoreError::fenced(match kept {
            None => format!("checkpoint {name} was claimed by nobody"),
            Some(kept) if kept.owner_epoch != to.owner_epoch => {
                format!("checkpoint {name} belongs to owner {}, refused to owner {}", kept.owner_epoch, to.owner_epoch)
            }
            Some(kept) => format!(
                "checkpoint {name} is at {}, not at {} any more: an earlier transaction, whose answer was lost, \
                 has landed since",
                kept.cursor.position, from.position
            ),
        })
    }

    /// What a store answers when the work has failed, and everything was undone.
    pub fn undone(&self, error: impl Into<BoxError>) -> StoreError {
        StoreError::failed(format!("the work of {} failed and was undone", self.key.name)).with_source(error)
    }

    /// What a store answers when the work has ended the store's transaction, whether it failed afterwards or not: what it did
    /// before cannot be undone, so it must not be repeated.
    pub fn cut_short(&self) -> StoreError {
        StoreError::invalid(format!(
            "the transaction of {} was ended before its time, by a statement of its own (COMMIT, ROLLBACK) or after \
             an error that it passed over: its checkpoint was not moved; look at what it wrote before you run it again",
            self.key.name
        ))
    }
}

/// What is done inside a transaction.
pub trait Work<C>: Send {
    /// Does it. A store that is asked to run it again does so in a new transaction.
    fn run<'w>(&'w mut self, connection: &'w mut C) -> BoxFuture<'w, Result<(), BoxError>>;
}

/// A store that lends its transactions: what is written in one, and the checkpoint of what it was written for, are one.
pub trait TransactionalStore: EventStore {
    /// On what statements are executed, inside the transaction: the database driver's connection.
    type Connection: Send + 'static;

    /// Begins a transaction, runs the work in it, moves the checkpoint, commits: all or nothing.
    ///
    /// Refused with [`is_fenced`](StoreError::is_fenced), and then nothing was written, unless the checkpoint was claimed
    /// by the owner that `advance` names and stands where it says: see [`Advance::fits`]. It is looked at behind the work,
    /// so an owner that was slow is refused although it was the owner when it began; and a transaction whose answer
    /// was lost makes every repetition of it be refused, or is refused itself when it lands later.
    ///
    /// Fails with [`is_transient`](StoreError::is_transient) if the database let something else go first or was lost; when the work
    /// itself fails, with its error as the source; and with [`is_invalid`](StoreError::is_invalid), where the store can notice
    /// it, when the work has ended the transaction. It takes as long as the work does; dropped before that, nothing was written.
    fn transact<'a>(
        &'a self,
        advance: &'a Advance,
        work: &'a mut dyn Work<Self::Connection>,
    ) -> BoxFuture<'a, Result<(), StoreError>>;
}

impl<S: TransactionalStore> TransactionalStore for Arc<S> {
    type Connection = S::Connection;

    fn transact<'a>(
        &'a self,
        advance: &'a Advance,
        work: &'a mut dyn Work<Self::Connection>,
    ) -> BoxFuture<'a, Result<(), StoreError>> {
        (**self).transact(advance, work)
    }
}
