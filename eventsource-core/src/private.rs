//! What derived code calls; not for people.

pub use crate::folding::aggregate::{Aggregate, Apply, fold_decoded};
pub use crate::folding::checked::{assert_distinct, assert_previous, assert_written};
pub use crate::folding::decision::IntoEvents;
pub use crate::folding::decoding::{
    Decoding, Part, Step, current, from_previous, from_raw_steps, no_such_version, part,
};
pub use crate::folding::domain_event::{DomainEvent, UpcastFrom};
pub use crate::folding::encoding::{EncodeAs, EncodeError, Encoded, downcast, downcast_to_previous};
pub use crate::folding::event_set::{Decoded, EventDescriptor, EventSet, Parts};
pub use crate::folding::field_step::{change_back, change_field};
pub use crate::folding::golden::{GoldenOf, OnlyRead};
pub use crate::folding::locked::{
    LockedAs, LockedText, Reader, StoredField, assert_addition, assert_locked, assert_newest, assert_renamed,
    assert_still_read, assert_stored,
};
pub use crate::folding::raw_step::raw_step;
pub use crate::folding::report::{report_aggregate, report_event};
pub use crate::folding::schema::{Described, EventSchema, Fallback, Probe};
pub use crate::folding::serde_bounds::{ReadBack, Snapshotted, Written};
pub use crate::folding::snapshot_codec::{SnapshotCodec, fingerprint_of_state};
pub use crate::folding::view::{Fold, InlineView, Keys, View};
pub use crate::folding::view_batch::ViewBatch;
pub use crate::folding::view_row::{ColumnFault, Columns, JsonColumn, to_column};
pub use crate::words::column::{Column, Row};
pub use crate::words::column_type::{ColumnType, KeyType, StreamKey, VersionColumn};
pub use crate::words::decode_error::Fault;
pub use crate::words::event::Recorded;
pub use crate::words::indexed_column::IndexedColumn;
pub use crate::words::stream::Version;
pub use crate::words::view_table::ViewTable;
pub use eventsource_schema::{Field, Shape, Struct, Tagging, Variant};
// For the private structs of older versions.
pub use serde;
