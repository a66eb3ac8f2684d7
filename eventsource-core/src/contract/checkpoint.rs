//! How far a consumer has come, kept in the store.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use crate::words::error::StoreError;
use crate::words::stream::Position;

use super::read::{Cursor, Read};
use super::store::{EventStore, StoreIdentity};

/// Whose checkpoint it is.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct CheckpointKey {
    /// The consumer's name.
    pub name: String,
    /// The version of what it builds; a raised one begins anew.
    pub view_version: u32,
    /// The part of its work, from 0, where it is divided.
    pub partition: u32,
}

impl CheckpointKey {
    /// The key of an undivided consumer at version 1.
    pub fn new(name: impl Into<String>) -> Self {
        Self { name: name.into(), view_version: 1, partition: 0 }
    }

    /// Sets the version of what it builds.
    pub fn view_version(mut self, version: u32) -> Self {
        self.view_version = version;
        self
    }

    /// Sets the part of its work.
    pub fn partition(mut self, partition: u32) -> Self {
        self.partition = partition;
        self
    }
}

/// How far a consumer has come, in which store, and who says so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Checkpoint {
    /// The last event that was handled.
    pub cursor: Cursor,
    /// The store that held it.
    pub store_id: Uuid,
    /// The owner's number; a taker-over has a higher one, and the older owner's saves are then refused.
    pub owner_epoch: u64,
}

impl Checkpoint {
    /// A checkpoint in `store` by an owner that was never taken over.
    pub fn new(cursor: Cursor, store: StoreIdentity) -> Self {
        Self { cursor, store_id: store.id, owner_epoch: 0 }
    }

    /// Sets the owner's number.
    pub fn owner_epoch(mut self, epoch: u64) -> Self {
        self.owner_epoch = epoch;
        self
    }

    /// Fails with [`is_rewound`](StoreError::is_rewound) unless `store` still holds the very event at which it stands.
    ///
    /// Comparing positions would not do: a restored or copied store may have grown past the checkpoint.
    pub async fn verify(&self, store: &dyn EventStore) -> Result<(), StoreError> {
        let Cursor { position, event_id } = self.cursor;
        let here = store.identity().id;
        if self.store_id != here {
            let message = format!("the checkpoint belongs to store {}, this is store {here}", self.store_id);
            return Err(StoreError::rewound(message));
        }
        if position == Position(0) {
            return Ok(());
        }
        match event_at(store, self.cursor).await? {
            Some(found) if found == event_id => Ok(()),
            found => Err(moved(self.cursor, found)),
        }
    }
}

/// The event at the cursor's position, if there is one.
async fn event_at(store: &dyn EventStore, cursor: Cursor) -> Result<Option<Uuid>, StoreError> {
    let Cursor { position, .. } = cursor;
    let mut found = None;
    let read = Read::all().after(Position(position.0 - 1)).until(position).limit(1);
    store
        .read(&read, &mut |event| {
            found = Some(event.id);
            Ok(())
        })
        .await?;
    if found.is_none() {
        // A watermark can go back below events that were read before. Where a reader stands is told all the same.
        let page = store.read(&Read::all().after(position).until(position), &mut |_| Ok(())).await?;
        found = (page.next.position == position).then_some(page.next.event_id);
    }
    Ok(found)
}

fn moved(cursor: Cursor, found: Option<Uuid>) -> StoreError {
    let Cursor { position, event_id } = cursor;
    let there = found.map_or_else(|| "there is none".to_owned(), |id| format!("there is event {id}"));
    StoreError::rewound(format!(
        "the checkpoint stands at event {event_id}, position {position}, but {there}: \
         the store was restored or exchanged; rebuild what was derived from it"
    ))
}

/// Whether a consumer's work is one's own for now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Claim {
    /// It is, and from here on; the checkpoint carries the number of this owner.
    Owned(Checkpoint),
    /// Somebody else has it until then, unless they renew it.
    Held {
        /// Who.
        owner: Uuid,
        /// Until when, by the store's clock.
        until: DateTime<Utc>,
    },
}
