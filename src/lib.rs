//! Event sourcing for Rust.

#[doc(inline)]
pub use eventsource_core::*;

#[doc(hidden)]
pub use eventsource_core::__private;

#[cfg(feature = "derive")]
pub use eventsource_derive::{Aggregate, DomainEvent, EventSet};

#[cfg(feature = "sqlite")]
#[doc(inline)]
pub use eventsource_sqlite as sqlite;
