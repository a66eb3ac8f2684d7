//! The runtime of `eventsource`: use it through that crate.

mod contract;
mod folding;
pub mod memory;
mod runtime;
#[cfg(feature = "testing")]
pub mod testing;
mod words;

#[doc(hidden)]
#[path = "private.rs"]
pub mod __private;

pub use contract::append::{AppendOutcome, AppendRequest, Appended, AppendedStream, Condition, Limits, Write};
pub use contract::checkpoint::{Checkpoint, CheckpointKey, Claim};
pub use contract::feed::Feed;
pub use contract::import::{Import, Positions};
pub use contract::inline::{InlineFold, InlineStore, RowFold};
pub use contract::load::{AsOf, BareEvent, Load, LoadEnd, LoadRow, StoredCommand, VisitLoad};
pub use contract::parking::{Ask, ParkedEvent, ParkingStore, ReadParked};
pub use contract::publisher::Publisher;
pub use contract::read::{Cursor, Page, Read, Scope, TimeRange, Visit};
pub use contract::snapshot::{PendingSnapshot, RawSnapshot, Snapshot, SnapshotKey, SnapshotMark};
pub use contract::store::{EventStore, HeldType, StoreHead, StoreIdentity};
pub use contract::transaction::{Advance, TransactionalStore, Work};
pub use contract::view::{HeldView, Scan, ViewStore};
#[doc(inline)]
pub use eventsource_schema as schema;
pub use folding::aggregate::{Aggregate, Apply, Handle};
pub use folding::decision::IntoEvents;
pub use folding::decoding::Decoding;
pub use folding::domain_event::{DomainEvent, DowncastFrom, UpcastFrom};
pub use folding::event_set::{EventSet, decode_recorded, stored_names};
pub use folding::field_step::FieldStep;
pub use folding::no_input::NoInput;
pub use folding::raw_step::RawStep;
pub use folding::schema::EventSchema;
pub use folding::view::{Fold, InlineView, Keys, View};
pub use runtime::catalog::{
    Catalog, CatalogEntry, CatalogError, EventsVerified, Sample, TypesVerified, UnreadableType,
};
pub use runtime::comparing::{Compared, RowDifference, compare_views};
pub use runtime::copy::{Copied, Copying, copy};
pub use runtime::events::Events;
pub use runtime::execute::{ExecuteError, Executed};
pub use runtime::history::{History, HistoryPage};
pub use runtime::inline::{InlineViews, StoreWithViews};
pub use runtime::lanes::CacheLimits;
pub use runtime::live_view::LiveView;
pub use runtime::options::ExecuteOptions;
pub use runtime::projections::custom::Projection;
pub use runtime::projections::parked_events::ParkedEvents;
pub use runtime::projections::process::manager::ProcessManager;
pub use runtime::projections::process::reaction::{Reaction, Sending, Target};
pub use runtime::projections::sink::{FencingToken, Sink, SinkStart};
pub use runtime::projections::{Activity, OnError, Progress, ProjectionStatus, Projections, Statuses};
pub use runtime::relay::{Publication, Relay};
pub use runtime::repository::{Loaded, Repository};
pub use runtime::retry::Retry;
pub use runtime::snapshot_check::SnapshotCheck;
pub use runtime::subscription::{Subscribe, Subscription};
pub use runtime::together::{IntoAllEvents, Part, Parts, execute_all, execute_all_with};
pub use runtime::view_reader::{RowCursor, RowPage, RowsBy, ViewReader};
pub use words::clock::Clock;
pub use words::cloud_event::CloudEvent;
pub use words::column::{Column, ColumnKind, ColumnValue, Row};
pub use words::column_type::{ColumnType, KeyType};
pub use words::decode_error::DecodeError;
pub use words::error::StoreError;
pub use words::event::{ENCODING_JSON, NewEvent, RawEvent, Recorded, now};
pub use words::indexed_column::IndexedColumn;
pub use words::message::Message;
pub use words::metadata::Metadata;
pub use words::name::NameError;
pub use words::parked_at::ParkedAt;
pub use words::stream::{Conflict, ExpectedVersion, Position, StreamId, Version};
pub use words::token::Token;
pub use words::view_table::{RowChanges, ViewTable};

#[cfg(feature = "derive")]
pub use eventsource_derive::{
    CoreAggregate as Aggregate, CoreDomainEvent as DomainEvent, CoreEventSchema as EventSchema,
    CoreEventSet as EventSet, CoreView as View, schema_lock,
};

/// What stores share when they are written: admission, row layout, the group-commit queue.
pub mod backend {
    pub use crate::contract::admission::{Admission, Heads, admit};
    pub use crate::contract::append::{NewRow, companion_key, stored_event_count};
    pub use crate::contract::append_queue::{AppendJob, AppendQueue, AppendWriter};
    pub use crate::contract::batch_queue::{BatchQueue, BatchWriter, Weight};
    pub use crate::contract::import::{ImportedRow, count_missing, import_places, import_rows};
    pub use crate::contract::inline::InlineRows;
    pub use crate::contract::known_types::{KnownType, KnownTypes};
    pub use crate::contract::parking::{not_parked, not_the_owner};
    pub use crate::contract::scan_parts::{ScanPart, scan_parts};
}

/// Any error that can be sent between threads.
pub type BoxError = Box<dyn std::error::Error + Send + Sync + 'static>;
