//! Names and versions of events that a store is known to have noted.

use std::borrow::Cow;
use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};

use super::append::AppendRequest;

/// A stored name and a version of its shape.
pub type KnownType = (Cow<'static, str>, u32);

/// Types to remember at most; a store that has more only notes them again.
const TYPES: usize = 10_000;

/// What a store needs not note again, because this process has seen it noted.
#[derive(Debug, Default)]
pub struct KnownTypes(Mutex<HashSet<KnownType>>);

impl KnownTypes {
    /// The types of these requests that are to be noted; sorted, so that two processes cannot lock each other out.
    pub fn unknown(&self, requests: &[&AppendRequest]) -> Vec<KnownType> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let events = requests.iter().flat_map(|request| &request.writes).flat_map(|write| &write.events);
        let types = events.map(|event| (event.name.clone(), event.schema_version));
        let mut unknown: Vec<KnownType> = types.filter(|kind| !known.contains(kind)).collect();
        unknown.sort_unstable();
        unknown.dedup();
        unknown
    }

    /// Once they are noted for good.
    pub fn remember(&self, noted: Vec<KnownType>) {
        if noted.is_empty() {
            return;
        }
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() + noted.len() > TYPES {
            known.clear();
        }
        known.extend(noted);
    }
}
