//! Reading events in order, page by page.

use std::borrow::Cow;
use std::ops::{Bound, RangeBounds};

use chrono::{DateTime, TimeDelta, Utc};
use uuid::Uuid;

use crate::words::error::StoreError;
use crate::words::event::{RawEvent, stored_precision};
use crate::words::stream::{Position, StreamId, Version};

/// Takes the events of a page, each borrowed for the time of one call. An error ends the reading.
pub type Visit<'v> = &'v mut (dyn for<'r> FnMut(&RawEvent<'r>) -> Result<(), StoreError> + Send);

/// Which events to read: all filters must hold, and events come in order of position.
///
/// ```
/// use eventsource::{Position, Read};
///
/// let read = Read::category("account").after(Position(42)).names(["account.opened"]).limit(500);
/// assert_eq!(read.limit, 500);
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Read {
    /// From where.
    pub scope: Scope,
    /// Only events behind this position.
    pub after: Position,
    /// Only events up to this position.
    pub until: Option<Position>,
    /// Only events behind this version of their stream.
    pub after_version: Version,
    /// Only events stored under one of these names; all if empty.
    pub names: Vec<Cow<'static, str>>,
    /// Only events recorded in this time.
    pub recorded: TimeRange,
    /// Only events that occurred in this time.
    pub occurred: TimeRange,
    /// At most this many events in a page: 1,000 if not set, 65,536 at most.
    pub limit: usize,
}

/// The part of a store that is read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Every stream.
    All,
    /// The streams of one category.
    Category(Cow<'static, str>),
    /// One stream.
    Stream(StreamId),
}

const DEFAULT_LIMIT: usize = 1_000;
const MAX_LIMIT: usize = 65_536;

impl Read {
    /// Every event of the store.
    pub fn all() -> Self {
        Self::scoped(Scope::All)
    }

    /// The events of one category.
    pub fn category(category: impl Into<Cow<'static, str>>) -> Self {
        Self::scoped(Scope::Category(category.into()))
    }

    /// The events of one stream.
    pub fn stream(stream: &StreamId) -> Self {
        Self::scoped(Scope::Stream(stream.clone()))
    }

    fn scoped(scope: Scope) -> Self {
        Self {
            scope,
            after: Position(0),
            until: None,
            after_version: Version(0),
            names: Vec::new(),
            recorded: TimeRange::default(),
            occurred: TimeRange::default(),
            limit: DEFAULT_LIMIT,
        }
    }

    /// Only events behind this position.
    pub fn after(mut self, position: Position) -> Self {
        self.after = position;
        self
    }

    /// Only events up to and at this position.
    pub fn until(mut self, position: Position) -> Self {
        self.until = Some(position);
        self
    }

    /// Only events behind this version of their stream.
    pub fn after_version(mut self, version: Version) -> Self {
        self.after_version = version;
        self
    }

    /// Only events stored under one of these names.
    pub fn names<N: Into<Cow<'static, str>>>(mut self, names: impl IntoIterator<Item = N>) -> Self {
        self.names = names.into_iter().map(Into::into).collect();
        self
    }

    /// Only events recorded in this time.
    pub fn recorded(mut self, range: impl RangeBounds<DateTime<Utc>>) -> Self {
        self.recorded = TimeRange::new(range);
        self
    }

    /// Only events that occurred in this time.
    pub fn occurred(mut self, range: impl RangeBounds<DateTime<Utc>>) -> Self {
        self.occurred = TimeRange::new(range);
        self
    }

    /// At most this many events in a page, from 1 to 65,536; numbers beyond are brought to the nearer end.
    pub fn limit(mut self, limit: usize) -> Self {
        self.limit = limit.clamp(1, MAX_LIMIT);
        self
    }

    /// Whether an event comes through all filters.
    pub fn takes(&self, event: &RawEvent<'_>) -> bool {
        self.scope.holds(event.stream)
            && event.position > self.after
            && self.until.is_none_or(|until| event.position <= until)
            && event.version > self.after_version
            && (self.names.is_empty() || self.names.iter().any(|name| name == event.name))
            && self.recorded.contains(event.recorded_at)
            && self.occurred.contains(event.occurred_at)
    }
}

impl Scope {
    /// Whether a stream, by its stored name, belongs to it.
    pub(crate) fn holds(&self, stream: &str) -> bool {
        match self {
            Self::All => true,
            Self::Category(category) => stream.split_once('-').is_some_and(|(of_stream, _)| of_stream == category),
            Self::Stream(wanted) => wanted.as_str() == stream,
        }
    }
}

/// A span of time in microseconds: `from` belongs to it, `until` does not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct TimeRange {
    /// The first moment that belongs to it.
    pub from: Option<DateTime<Utc>>,
    /// The first moment that does not.
    pub until: Option<DateTime<Utc>>,
}

impl TimeRange {
    /// From any range of times.
    pub fn new(range: impl RangeBounds<DateTime<Utc>>) -> Self {
        // Behind the last time that there is comes nothing.
        let later = |time| stored_precision(time).checked_add_signed(TimeDelta::microseconds(1));
        let from = match range.start_bound() {
            Bound::Included(time) => Some(stored_precision(*time)),
            Bound::Excluded(time) => later(*time).or(Some(DateTime::<Utc>::MAX_UTC)),
            Bound::Unbounded => None,
        };
        let until = match range.end_bound() {
            Bound::Included(time) => later(*time),
            Bound::Excluded(time) => Some(stored_precision(*time)),
            Bound::Unbounded => None,
        };
        Self { from, until }
    }

    /// Whether a time belongs to it.
    pub fn contains(&self, time: DateTime<Utc>) -> bool {
        self.from.is_none_or(|from| time >= from) && self.until.is_none_or(|until| time < until)
    }
}

/// Where a reader stands: an event it has seen. A store that was restored or exchanged is noticed by the id.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Cursor {
    /// The position of the event; 0 before the first.
    pub position: Position,
    /// Its id; nil before the first.
    pub event_id: Uuid,
}

impl Cursor {
    /// Before every event.
    pub const START: Self = Self { position: Position(0), event_id: Uuid::nil() };

    /// At an event.
    pub fn new(position: Position, event_id: Uuid) -> Self {
        Self { position, event_id }
    }
}

/// What came of reading a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Page {
    /// Where the next page begins. It advances over events that the filters kept back.
    pub next: Cursor,
    /// No event can appear any more at or below this position.
    pub watermark: Position,
    /// How many events were handed out.
    pub count: usize,
    /// Whether the page ends at the watermark, so that waiting is better than reading on.
    pub at_end: bool,
}

impl Page {
    /// A page, as a store answers it.
    pub fn new(next: Cursor, watermark: Position, count: usize, at_end: bool) -> Self {
        Self { next, watermark, count, at_end }
    }
}
