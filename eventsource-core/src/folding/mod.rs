//! Floor 1: bytes to domain events and back, and events to state. Pure and synchronous.

pub(crate) mod aggregate;
pub(crate) mod checked;
pub(crate) mod decision;
pub(crate) mod decoding;
pub(crate) mod domain_event;
pub(crate) mod encoding;
pub(crate) mod event_set;
pub(crate) mod faithful;
pub(crate) mod field_step;
pub(crate) mod golden;
pub(crate) mod locked;
pub(crate) mod no_input;
pub(crate) mod raw_step;
pub(crate) mod report;
pub(crate) mod schema;
pub(crate) mod serde_bounds;
pub(crate) mod settling;
pub(crate) mod snapshot_codec;
pub(crate) mod view;
pub(crate) mod view_batch;
pub(crate) mod view_row;
