//! Asks whether a type has a schema, without demanding one.

use std::marker::PhantomData;

use eventsource_schema::Shape;

use super::EventSchema;

/// `Probe::<T>::SHAPE` is the shape of `T`, or nothing if `T` has no schema.
///
/// The compiler prefers a constant of the type itself to one of a trait, and the type has it only where `T` has a
/// schema. So a state with snapshots need not derive `EventSchema` on anything.
#[derive(Debug)]
pub struct Probe<T: ?Sized>(PhantomData<T>);

impl<T: EventSchema + ?Sized> Probe<T> {
    /// Its shape.
    pub const SHAPE: Option<&'static Shape> = Some(T::SHAPE);
}

/// The constant that is found where the type has none.
pub trait Fallback {
    /// Nothing is known.
    const SHAPE: Option<&'static Shape> = None;
}

impl<T: ?Sized> Fallback for Probe<T> {}
