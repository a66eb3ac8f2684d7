//! What a comparison with a lock needs to know of a shape.

use eventsource_schema::{Shape, fault, fingerprint};

/// A shape, and what takes a walk through it to find out.
#[derive(Clone, Copy, Debug)]
pub struct Described {
    /// The shape.
    pub shape: &'static Shape,
    /// Equal for equal shapes alone.
    pub fingerprint: u64,
    /// Why JSON would not give it back, if so.
    pub fault: Option<&'static str>,
}

impl Described {
    /// Walks through a shape.
    pub const fn of(shape: &'static Shape) -> Self {
        Self { shape, fingerprint: fingerprint(shape), fault: fault(shape) }
    }
}
