//! Floor 0: plain data, no behaviour beyond its own rules.

pub(crate) mod clock;
pub(crate) mod cloud_event;
pub(crate) mod column;
pub(crate) mod column_type;
pub(crate) mod decode_error;
pub(crate) mod error;
pub(crate) mod event;
pub(crate) mod indexed_column;
pub(crate) mod message;
pub(crate) mod metadata;
pub(crate) mod name;
pub(crate) mod parked_at;
pub(crate) mod stream;
pub(crate) mod token;
pub(crate) mod view_table;
