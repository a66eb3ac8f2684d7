//! Events that a projection could not handle, kept until somebody decides: parked, each with its error.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use futures::future::BoxFuture;
use uuid::Uuid;

use crate::words::column::ColumnValue;
use crate::words::error::StoreError;
use crate::words::event::now;
use crate::words::parked_at::ParkedAt;
use crate::words::stream::Position;

use super::checkpoint::{Checkpoint, CheckpointKey};
use super::store::EventStore;

/// An error's text is cut behind so many bytes.
const LONGEST_ERROR: usize = 2_000;
/// A key's text, too: it stands in an index. What is cut off is told apart by a hash.
const LONGEST_KEY: usize = 255;

/// What somebody has asked for, and the owner of the projection has not done yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Ask {
    /// To handle it after all.
    Retry,
    /// To forget it.
    Discard,
}

impl Ask {
    /// The number under which stores keep it.
    pub fn code(self) -> i16 {
        match self {
            Self::Retry => 0,
            Self::Discard => 1,
        }
    }

    /// What such a number says; nothing, if this release does not know it.
    pub fn from_code(code: i16) -> Option<Self> {
        [Self::Retry, Self::Discard].into_iter().find(|ask| ask.code() == code)
    }
}

/// An event that a projection did not handle: because it failed, or because an earlier one of the same key did.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ParkedEvent {
    /// Where it stands.
    pub at: ParkedAt,
    /// Its id.
    pub event_id: Uuid,
    /// Why: at most 2,000 bytes.
    pub error: String,
    /// Since when, by the clock of the process that parked it, in microseconds.
    pub parked_at: DateTime<Utc>,
    /// What was asked for.
    pub asked: Option<Ask>,
}

impl ParkedEvent {
    /// Parked now. The error is cut where it is too long, and holds no U+0000.
    pub fn new(at: ParkedAt, event_id: Uuid, error: &str) -> Self {
        let mut error = error.replace('\0', "\u{fffd}");
        let mut end = error.len().min(LONGEST_ERROR);
        while !error.is_char_boundary(end) {
            end -= 1;
        }
        error.truncate(end);
        Self { at, event_id, error, parked_at: now(), asked: None }
    }
}

/// Which parked events of a projection to list, in order of key and position.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ReadParked {
    /// Only those of this key.
    pub key: Option<String>,
    /// Only those for which something was asked.
    pub asked: bool,
    /// Only those behind this one.
    pub after: Option<ParkedAt>,
    /// At most so many.
    pub limit: usize,
}

impl ReadParked {
    /// All of them, at most so many at a time.
    pub fn all(limit: usize) -> Self {
        Self { key: None, asked: false, after: None, limit }
    }

    /// Whether this one is listed.
    pub fn takes(&self, parked: &ParkedEvent) -> bool {
        self.key.as_ref().is_none_or(|key| *key == parked.at.key)
            && (!self.asked || parked.asked.is_some())
            && self.after.as_ref().is_none_or(|after| *after < parked.at)
    }
}

/// A store that keeps the events which projections have parked, each beside the checkpoint of its projection.
///
/// Only the owner of a projection, the one that has claimed its checkpoint last, adds and removes; everybody may ask it to.
/// So an owner knows without asking what is parked. What is parked is removed together with what its
/// retry has written: [`RowChanges::unparked`](crate::RowChanges::unparked) and [`Advance::unparked`](crate::Advance::unparked).
/// They are refused with [`is_fenced`](StoreError::is_fenced), and nothing is written, unless every one of them is there: a
/// retry whose answer was lost is not done twice.
pub trait ParkingStore: EventStore {
    /// Notes events, or the newer errors of those that are noted: that is the answer to a retry which was asked for until
    /// then. What is to be discarded still is. All or none.
    ///
    /// Refused with [`is_fenced`](StoreError::is_fenced) if somebody else owns the projection. An event that is not noted, and
    /// not behind the checkpoint either, is passed over: the note was written before, its answer was lost, and the event may have
    /// been removed since. No key and position stands twice.
    fn park<'a>(
        &'a self,
        key: &'a CheckpointKey,
        owner_epoch: u64,
        events: &'a [ParkedEvent],
    ) -> BoxFuture<'a, Result<(), StoreError>>;

    /// Removes events; those that are not noted are no error. Refused with [`is_fenced`](StoreError::is_fenced) like
    /// [`park`](Self::park).
    fn unpark<'a>(
        &'a self,
        key: &'a CheckpointKey,
        owner_epoch: u64,
        events: &'a [ParkedAt],
    ) -> BoxFuture<'a, Result<(), StoreError>>;

    /// The parked events of a projection, in order of the bytes of their key, and of position.
    fn parked<'a>(
        &'a self,
        key: &'a CheckpointKey,
        read: &'a ReadParked,
    ) -> BoxFuture<'a, Result<Vec<ParkedEvent>, StoreError>>;

    /// Asks the owner to do something with the parked events of a key, or with the one at a position; instead of what was
    /// asked before. Answers how many there are.
    fn ask_parked<'a>(
        &'a self,
        key: &'a CheckpointKey,
        of: &'a str,
        position: Option<Position>,
        ask: Ask,
    ) -> BoxFuture<'a, Result<u64, StoreError>>;
}

/// What a store answers to somebody who parks, or unparks, and is not the owner.
pub fn not_the_owner(key: &CheckpointKey, owner_epoch: u64, kept: Option<&Checkpoint>) -> StoreError {
    let name = &key.name;
    StoreError::fenced(match kept {
        None => format!("projection {name} was claimed by nobody: nothing of it is parked"),
        Some(kept) => {
            format!("projection {name} belongs to owner {}, refused to park to owner {owner_epoch}", kept.owner_epoch)
        }
    })
}

/// What a store answers to a retry of what is not parked.
pub fn not_parked(key: &CheckpointKey) -> StoreError {
    let name = &key.name;
    StoreError::fenced(format!(
        "projection {name}: an event that is retried is not parked any more: the retry was done"
    ))
}

/// What a row's key, or a stream, is parked under.
pub(crate) fn key_text(key: &str) -> String {
    let key = key.replace('\0', "\u{fffd}");
    if key.len() <= LONGEST_KEY {
        return key;
    }
    // FNV-1a: two long keys of one hash would wait for each other, and be retried together.
    let hash = key
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
    let mut end = LONGEST_KEY - 20;
    while !key.is_char_boundary(end) {
        end -= 1;
    }
    format!("{}…{hash:016x}", &key[..end])
}

/// The same of a column.
pub(crate) fn key_of_row(key: &ColumnValue) -> String {
    match key {
        ColumnValue::Null => String::new(),
        ColumnValue::Bool(value) => value.to_string(),
        ColumnValue::Int(value) => value.to_string(),
        ColumnValue::Float(value) => value.to_string(),
        ColumnValue::Text(text) | ColumnValue::Decimal(text) | ColumnValue::Json(text) => key_text(text),
        ColumnValue::Uuid(id) => id.to_string(),
        ColumnValue::Time(time) => time.to_rfc3339_opts(chrono::SecondsFormat::Micros, true),
    }
}

impl<S: ParkingStore + ?Sized> ParkingStore for Arc<S> {
    fn park<'a>(
        &'a self,
        key: &'a CheckpointKey,
        owner_epoch: u64,
        events: &'a [ParkedEvent],
    ) -> BoxFuture<'a, Result<(), StoreError>> {
        (**self).park(key, owner_epoch, events)
    }

    fn unpark<'a>(
        &'a self,
        key: &'a CheckpointKey,
        owner_epoch: u64,
        events: &'a [ParkedAt],
    ) -> BoxFuture<'a, Result<(), StoreError>> {
        (**self).unpark(key, owner_epoch, events)
    }

    fn parked<'a>(
        &'a self,
        key: &'a CheckpointKey,
        read: &'a ReadParked,
    ) -> BoxFuture<'a, Result<Vec<ParkedEvent>, StoreError>> {
        (**self).parked(key, read)
    }

    fn ask_parked<'a>(
        &'a self,
        key: &'a CheckpointKey,
        of: &'a str,
        position: Option<Position>,
        ask: Ask,
    ) -> BoxFuture<'a, Result<u64, StoreError>> {
        (**self).ask_parked(key, of, position, ask)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_that_are_too_long_are_cut_between_letters_and_keys_stay_apart() {
        let parked = ParkedEvent::new(ParkedAt::new("a", Position(1)), Uuid::nil(), &"ü\0".repeat(5_000));
        assert!(parked.error.len() <= LONGEST_ERROR && !parked.error.contains('\0'));
        let (one, other) = ("ü".repeat(300) + "1", "ü".repeat(300) + "2");
        assert!(key_text(&one).len() <= LONGEST_KEY, "{}", key_text(&one).len());
        assert_ne!(key_text(&one), key_text(&other));
        assert_eq!(key_text("account-1"), "account-1");
    }
}
