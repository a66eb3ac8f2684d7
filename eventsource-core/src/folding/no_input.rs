//! A set without events.

use crate::words::decode_error::Fault;

use super::decoding::Decoding;
use super::encoding::{EncodeAs, EncodeError, Encoded};
use super::event_set::{Decoded, EventDescriptor, EventSet};

/// No events of others; see [`ProcessManager::Input`](crate::ProcessManager::Input).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoInput {}

#[diagnostic::do_not_recommend]
impl EventSet for NoInput {
    const EVENTS: &'static [EventDescriptor] = &[];
    const RETIRED: &'static [&'static str] = &[];

    fn __decode(_: &Decoding<'_>, _: &[u8]) -> Result<Decoded<Self>, Fault> {
        Ok(Decoded::Nothing)
    }

    fn __encode(&self, _: EncodeAs) -> Result<Encoded, EncodeError> {
        match *self {}
    }
}
