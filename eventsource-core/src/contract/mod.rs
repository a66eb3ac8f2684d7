//! Floor 2: what a store promises, in bytes, versions and positions. It knows no aggregate.

pub(crate) mod admission;
pub(crate) mod append;
pub(crate) mod append_queue;
pub(crate) mod batch_queue;
pub(crate) mod checkpoint;
pub(crate) mod feed;
pub(crate) mod import;
pub(crate) mod inline;
pub(crate) mod known_types;
pub(crate) mod load;
pub(crate) mod owned;
pub(crate) mod parking;
pub(crate) mod publisher;
pub(crate) mod read;
pub(crate) mod scan_parts;
pub(crate) mod snapshot;
pub(crate) mod store;
pub(crate) mod task;
pub(crate) mod transaction;
pub(crate) mod view;
