//! Floor 0: plain data, no behaviour beyond its own rules.

pub(crate) mod clock;
pub(crate) mod decode_error;
pub(crate) mod error;
pub(crate) mod event;
pub(crate) mod metadata;
pub(crate) mod name;
pub(crate) mod stream;
