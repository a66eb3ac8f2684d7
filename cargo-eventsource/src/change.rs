//! What differs between a lock and its program, or between two locks, and how it is told.

use serde_json::{Value, json};

/// One difference.
#[derive(Clone, Debug)]
pub(crate) struct Change {
    pub(crate) event: String,
    pub(crate) version: Option<u32>,
    pub(crate) kind: Kind,
}

/// What differs.
#[derive(Clone, Debug)]
pub(crate) enum Kind {
    /// A version that is not locked.
    New,
    /// Fields that may be absent and are not locked; the lines about them.
    Extended(String),
    /// An aggregate that is not locked as a reader.
    Reader(String),
    /// Another shape than the locked one; the lines about it.
    Changed(String),
    /// The program has an older struct only, of this version.
    Ahead(u32),
    /// It is locked, and no struct and no aggregate knows it.
    Unread,
    /// The current version was locked anew; the lines about it.
    Amended(String),
    /// Payloads, or what they become, that are not recorded; a line for each.
    Recorded(String),
    /// Payloads that are not read as they were recorded, or are not as they were; a line for each.
    Wrong(String),
    /// A step on raw JSON from this version, of which no payload is recorded; why there is none.
    Unproven(String),
    /// It was locked there, and is not here.
    Gone,
    /// This reader was locked there, and is not here.
    ReaderGone(String),
}

impl Change {
    pub(crate) fn of_version(event: &str, version: u32, kind: Kind) -> Self {
        Self { event: event.to_owned(), version: Some(version), kind }
    }

    pub(crate) fn of_event(event: &str, kind: Kind) -> Self {
        Self { event: event.to_owned(), version: None, kind }
    }

    /// Whether `lock` writes it, so that nothing is left to say.
    pub(crate) fn is_written(&self) -> bool {
        matches!(self.kind, Kind::New | Kind::Extended(_) | Kind::Reader(_) | Kind::Amended(_) | Kind::Recorded(_))
    }

    /// Whether it is about recorded payloads.
    pub(crate) fn is_of_golden(&self) -> bool {
        matches!(self.kind, Kind::Recorded(_) | Kind::Wrong(_) | Kind::Unproven(_))
    }

    /// Whether it is about what is locked of an event, and so the reason for whatever is told of its payloads.
    pub(crate) fn is_of_shape(&self) -> bool {
        !self.is_of_golden() && !matches!(self.kind, Kind::Reader(_) | Kind::ReaderGone(_))
    }

    /// One word for it.
    pub(crate) fn word(&self) -> &'static str {
        match self.kind {
            Kind::New => "new",
            Kind::Extended(_) => "extended",
            Kind::Reader(_) => "reader",
            Kind::Changed(_) => "changed",
            Kind::Ahead(_) => "ahead",
            Kind::Unread => "unread",
            Kind::Amended(_) => "amended",
            Kind::Recorded(_) => "golden",
            Kind::Wrong(_) => "wrong",
            Kind::Unproven(_) => "unproven",
            Kind::Gone | Kind::ReaderGone(_) => "gone",
        }
    }

    /// The event, and the version if it is about one.
    pub(crate) fn subject(&self) -> String {
        match self.version {
            Some(version) => format!("{} version {version}", self.event),
            None => self.event.clone(),
        }
    }

    /// What there is to say besides.
    pub(crate) fn details(&self) -> String {
        match &self.kind {
            Kind::New | Kind::Gone => String::new(),
            Kind::Extended(text)
            | Kind::Changed(text)
            | Kind::Amended(text)
            | Kind::Recorded(text)
            | Kind::Wrong(text) => text.clone(),
            Kind::Unproven(why) => {
                format!(
                    "no payload proves its step on raw JSON, and {why}\n\
                     write one down as it was stored, and lock: golden/{}/v{}.NAME.json (whose event needs `Serialize`)",
                    self.event,
                    self.version.unwrap_or_default()
                )
            }
            Kind::Reader(name) => format!("is read by {name}"),
            Kind::ReaderGone(name) => format!("was read by {name}"),
            Kind::Ahead(version) => format!("the newest struct of the program is version {version}"),
            Kind::Unread => "no struct has this name: give the event that it is now alias = \"..\", \
                 or its aggregate retired(\"..\")"
                .to_owned(),
        }
    }

    pub(crate) fn json(&self) -> Value {
        json!({ "event": self.event, "version": self.version, "change": self.word(), "details": self.details() })
    }
}
