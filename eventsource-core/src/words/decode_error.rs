//! Why a stored event could not be read: written to be understood at three in the morning.

use std::fmt;

use super::error::BoxError;
use super::event::RawEvent;
use super::stream::{Position, Version};

/// A stored event that this program cannot read, with everything needed to find it.
pub struct DecodeError(Box<Undecoded>);

#[derive(Debug)]
struct Undecoded {
    stream: String,
    version: Version,
    position: Position,
    name: String,
    schema_version: u32,
    fault: Fault,
}

/// Why a payload was not decoded; the place is added by the door in.
#[derive(Debug)]
#[doc(hidden)]
pub enum Fault {
    /// No event of the set has this name.
    UnknownName { known: Vec<&'static str> },
    /// The payload was stored by newer code.
    Newer { newest: u32 },
    /// The payload is older than anything the code still reads.
    TooOld { oldest: u32 },
    /// The payload is not JSON.
    UnknownEncoding { encoding: i16 },
    /// A step from one version to the next failed.
    Step { from: u32, to: u32, source: BoxError },
    /// The payload does not fit the type.
    Payload { source: serde_json::Error },
    /// The metadata is not a JSON object.
    Metadata { source: serde_json::Error },
    /// The stream's name breaks the rules.
    Stream { source: super::name::NameError },
}

impl DecodeError {
    pub(crate) fn new(raw: &RawEvent<'_>, fault: Fault) -> Self {
        Self(Box::new(Undecoded {
            stream: raw.stream.to_owned(),
            version: raw.version,
            position: raw.position,
            name: raw.name.to_owned(),
            schema_version: raw.schema_version,
            fault,
        }))
    }

    /// Why it cannot be read, without the place.
    pub fn reason(&self) -> String {
        self.0.fault.to_string()
    }

    /// The stream that holds the event.
    pub fn stream(&self) -> &str {
        &self.0.stream
    }

    /// The event's place in the stream.
    pub fn version(&self) -> Version {
        self.0.version
    }

    /// The event's place in the store.
    pub fn position(&self) -> Position {
        self.0.position
    }

    /// The name under which it is stored.
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// The version of the shape in which it is stored.
    pub fn schema_version(&self) -> u32 {
        self.0.schema_version
    }

    /// No event of the set that was asked for has this name.
    pub fn is_unknown_name(&self) -> bool {
        matches!(self.0.fault, Fault::UnknownName { .. })
    }

    /// It was stored by newer code: deploy that, or later, code here.
    pub fn is_newer_than_code(&self) -> bool {
        matches!(self.0.fault, Fault::Newer { .. } | Fault::UnknownEncoding { .. })
    }

    /// It is older than anything this program still reads.
    pub fn is_too_old(&self) -> bool {
        matches!(self.0.fault, Fault::TooOld { .. })
    }

    /// A step from an older version to the next failed.
    pub fn is_failed_step(&self) -> bool {
        matches!(self.0.fault, Fault::Step { .. })
    }

    /// The stored bytes do not fit the type that reads this version.
    pub fn is_malformed(&self) -> bool {
        matches!(self.0.fault, Fault::Payload { .. } | Fault::Metadata { .. } | Fault::Stream { .. })
    }
}

impl fmt::Debug for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "cannot read event `{}` version {} (stream {}, version {}, position {}): ",
            self.0.name, self.0.schema_version, self.0.stream, self.0.version, self.0.position
        )?;
        self.0.fault.fmt(f)
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownName { known } => {
                write!(f, "no event has this name here; known are {}", known.join(", "))
            }
            Self::Newer { newest } => {
                write!(f, "stored by newer code, this program reads up to version {newest}")
            }
            Self::TooOld { oldest } => {
                write!(f, "this program reads no version before {oldest}")
            }
            Self::UnknownEncoding { encoding } => {
                write!(f, "stored by newer code, encoding {encoding} is not known here")
            }
            Self::Step { from, to, source } => {
                write!(f, "the step from version {from} to {to} failed: {source}")
            }
            Self::Payload { source } => write!(f, "the payload does not fit its type: {source}"),
            Self::Metadata { source } => write!(f, "the metadata is not a JSON object: {source}"),
            Self::Stream { source } => write!(f, "{source}"),
        }
    }
}

// The text holds that of the error beneath: nothing is printed twice.
impl std::error::Error for DecodeError {}
