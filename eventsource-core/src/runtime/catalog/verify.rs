//! A program held against a store: which stored events it could not read.

use std::fmt;

use uuid::Uuid;

use crate::contract::read::Read;
use crate::contract::store::{EventStore, HeldType};
use crate::words::decode_error::{DecodeError, Fault};
use crate::words::error::StoreError;
use crate::words::event::{ENCODING_JSON, RawEvent, now};
use crate::words::name::is_framework_name;
use crate::words::stream::{Position, Version};

use super::Catalog;

/// How many failures a check of events gathers before it stops.
const MAX_FAILURES: usize = 100;

/// Events read at a stretch: neighbours of a sample, and the page of a full check.
const STRETCH: u64 = 500;

/// Which events are decoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Sample {
    /// All, from the first to the newest.
    All,
    /// About so many, in stretches of up to 500 neighbours spread evenly over the store.
    Spread(u64),
}

/// What a check of stored names and versions found.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TypesVerified {
    /// How many pairs of name and version were asked for.
    pub types: usize,
    /// Those that cannot be read.
    pub unreadable: Vec<UnreadableType>,
}

/// A stored name and version that this program cannot read.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct UnreadableType {
    /// What the store holds.
    pub held: HeldType,
    /// Who cannot read it; none if nobody knows the name.
    pub reader: Option<String>,
    /// Why not.
    pub reason: String,
}

/// What a check of stored events found.
#[derive(Debug)]
#[non_exhaustive]
pub struct EventsVerified {
    /// How many events were decoded, or should have been.
    pub events: u64,
    /// The first that cannot be read, with stream and position; 100 at most, and then the check has stopped.
    pub failures: Vec<DecodeError>,
}

impl Catalog {
    /// Asks the store which names and versions it holds, and reports those that this program cannot read.
    ///
    /// No event is read, so it is quick enough for a health check. Every reader that knows a name must read each
    /// version of it, and somebody must know it. Names of the framework, which begin with `$`, and
    /// [foreign](Self::foreign) ones are passed over. Payloads may still not fit: see [`verify_events`](Self::verify_events).
    ///
    /// ```
    /// # use eventsource::{AppendRequest, Catalog, DomainEvent, EventStore, ExpectedVersion, NewEvent, StreamId, memory::MemoryStore};
    /// # use serde::{Deserialize, Serialize};
    /// # #[derive(DomainEvent, Serialize, Deserialize)]
    /// # #[event(name = "account.deposited", version = 1)]
    /// # struct Deposited { cents: u64 }
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let store = MemoryStore::new();
    /// # let newer = NewEvent::new("account.deposited", 2, br#"{"amount":"5.00"}"#.to_vec());
    /// # store.append(AppendRequest::new(StreamId::new("account", "alice")?, ExpectedVersion::NoStream, vec![newer]).into()).await?;
    /// let verified = Catalog::new().events::<Deposited>()?.verify(&store).await?;
    /// assert!(!verified.is_readable());
    /// # let text = verified.to_string().replace("rust_out::main::", "").replace(&format!("{}::", module_path!()), "");
    /// # assert!(text.starts_with("1 of 1 types cannot be read\n  account.deposited v2"), "{text}");
    /// # assert!(text.ends_with("stored by newer code, this program reads up to version 1"), "{text}");
    /// # Ok(())
    /// # }
    /// ```
    pub async fn verify(&self, store: &impl EventStore) -> Result<TypesVerified, StoreError> {
        let held = store.held_types().await?;
        let mut verified = TypesVerified { types: held.len(), unreadable: Vec::new() };
        for held in held.into_iter().filter(|held| self.is_ours(&held.name)) {
            let (time, name) = (now(), held.name.clone());
            // A decoder looks at name and version, and then at the payload: an empty one tells how far it came.
            let raw = RawEvent {
                position: Position(0),
                stream: "",
                version: Version(0),
                id: Uuid::nil(),
                name: &name,
                schema_version: held.schema_version,
                encoding: ENCODING_JSON,
                data: b"",
                meta: None,
                correlation_id: None,
                causation_id: None,
                occurred_at: time,
                recorded_at: time,
                command_key: None,
            };
            match self.decode(&raw) {
                Err((reader, error)) if !error.is_malformed() => {
                    verified.unreadable.push(UnreadableType { held, reader, reason: error.reason() });
                }
                _ => {}
            }
        }
        Ok(verified)
    }

    /// Decodes stored events as their readers would, and reports the first that fail.
    ///
    /// An event of an aggregate's category is decoded by that aggregate, and by every set that knows its name. Nothing
    /// is kept but the failures, so it may run over a store of any size.
    pub async fn verify_events(&self, store: &impl EventStore, sample: Sample) -> Result<EventsVerified, StoreError> {
        let mut verified = EventsVerified { events: 0, failures: Vec::new() };
        for stretch in stretches(store, sample).await? {
            let mut read = stretch;
            loop {
                let page = store
                    .read(&read, &mut |raw| {
                        self.verify_event(raw, &mut verified);
                        Ok(())
                    })
                    .await?;
                read.after = read.after.max(page.next.position);
                if verified.failures.len() == MAX_FAILURES {
                    return Ok(verified);
                }
                if page.at_end || sample != Sample::All {
                    break;
                }
            }
        }
        Ok(verified)
    }

    fn verify_event(&self, raw: &RawEvent<'_>, verified: &mut EventsVerified) {
        if !self.is_ours(raw.name) || verified.failures.len() == MAX_FAILURES {
            return;
        }
        verified.events += 1;
        if let Err((_, error)) = self.decode(raw) {
            verified.failures.push(error);
        }
    }

    fn is_ours(&self, name: &str) -> bool {
        !is_framework_name(name) && !self.foreign.iter().any(|prefix| name.starts_with(prefix.as_str()))
    }

    /// Decodes an event by everybody who would meet it; the first who cannot, and why.
    fn decode(&self, raw: &RawEvent<'_>) -> Result<(), (Option<String>, DecodeError)> {
        let category = raw.stream.split_once('-').map(|(category, _)| category);
        let mut met = false;
        for reader in &self.readers {
            let owns = category.is_some() && reader.category == category;
            // Another aggregate may read the same event, but not from this stream.
            let reads = owns || reader.knows(raw.name) && (reader.category.is_none() || category.is_none());
            if reads {
                met = true;
                (reader.decode)(raw).map_err(|error| (Some(reader.shown.clone()), error))?;
            }
        }
        if met {
            return Ok(());
        }
        let known = self.entries().iter().map(|entry| entry.name).collect();
        Err((None, DecodeError::new(raw, Fault::UnknownName { known })))
    }
}

/// The pages to read; all of them, or the first of each stretch.
async fn stretches(store: &impl EventStore, sample: Sample) -> Result<Vec<Read>, StoreError> {
    let Sample::Spread(events) = sample else {
        return Ok(vec![Read::all().limit(STRETCH as usize)]);
    };
    let newest = store.position_at(chrono::DateTime::<chrono::Utc>::MAX_UTC).await?.0;
    // No more stretches than the store has events for.
    let count = events.min(newest).div_ceil(STRETCH);
    let stretch = |at: u64| {
        let start = |at: u64| Position((u128::from(newest) * u128::from(at) / u128::from(count)) as u64);
        let limit = (events - at * STRETCH).min(STRETCH);
        Read::all().after(start(at)).until(start(at + 1)).limit(limit as usize)
    };
    Ok((0..count).map(stretch).collect())
}

impl TypesVerified {
    /// Everything that the store holds can be read.
    pub fn is_readable(&self) -> bool {
        self.unreadable.is_empty()
    }
}

impl EventsVerified {
    /// Every event that was looked at can be read.
    pub fn is_readable(&self) -> bool {
        self.failures.is_empty()
    }
}

impl fmt::Display for TypesVerified {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_readable() {
            return write!(f, "all {} types can be read", self.types);
        }
        write!(f, "{} of {} types cannot be read", self.unreadable.len(), self.types)?;
        self.unreadable.iter().try_for_each(|unreadable| write!(f, "\n  {unreadable}"))
    }
}

impl fmt::Display for UnreadableType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} v{}", self.held.name, self.held.schema_version)?;
        if let Some(reader) = &self.reader {
            write!(f, " by {reader}")?;
        }
        write!(f, ": {}", self.reason)
    }
}

impl fmt::Display for EventsVerified {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_readable() {
            return write!(f, "all {} events can be read", self.events);
        }
        let stopped = if self.failures.len() == MAX_FAILURES { ", and the check has stopped" } else { "" };
        write!(f, "{} of {} events cannot be read{stopped}", self.failures.len(), self.events)?;
        self.failures.iter().try_for_each(|failure| write!(f, "\n  {failure}"))
    }
}
