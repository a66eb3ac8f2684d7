//! A version of an event beside what is locked of it.

use eventsource_schema::{Lock, LockedVersion};

use super::{StoredField, StoredObject};
use crate::attr::Spanned;

/// A version, the struct that reads it, and its entry.
#[derive(Debug)]
pub(crate) struct Locked<'a> {
    /// The name under which it is locked.
    pub(crate) name: &'a str,
    pub(crate) version: &'a Spanned<u32>,
    pub(crate) reader: Reader,
    pub(crate) entry: &'a LockedVersion,
    pub(crate) stored: &'a StoredObject,
}

/// What reads a locked version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reader {
    /// The newest struct, which also writes it.
    Newest,
    /// A struct that is older than what is locked.
    Older,
    /// Attributes on the fields of a newer struct.
    Attributes,
}

/// A version that one struct reads, and its fields: the current one, or what attributes say of an older one.
#[derive(Debug)]
pub(crate) struct StoredVersion {
    /// The span is where an error about the whole version stands.
    pub(crate) version: Spanned<u32>,
    pub(crate) is_current: bool,
    pub(crate) object: StoredObject,
}

/// What becomes of one locked field, or of one that is not locked.
#[derive(Debug)]
pub(crate) enum FieldCase<'a> {
    /// Both are there.
    Kept(&'a str, &'a StoredField),
    /// The struct has it, the lock does not.
    New(&'a StoredField),
    /// The lock has it, the struct does not.
    Gone(&'a str),
    /// One is gone and one is new, so that it may have been renamed.
    Renamed(&'a str, &'a StoredField),
}

impl<'a> Locked<'a> {
    /// The entries of one version under any of the names of its event.
    pub(crate) fn find(
        lock: &'a Lock,
        names: impl IntoIterator<Item = &'a str>,
        stored: &'a StoredVersion,
    ) -> Vec<Self> {
        let StoredVersion { version, is_current, object } = stored;
        let entries = names.into_iter().filter_map(|name| {
            let versions = &lock.events.get(name)?.versions;
            let entry = versions.get(&version.value)?;
            let is_newest = versions.keys().next_back().is_none_or(|newest| *newest <= version.value);
            let reader = match (is_current, is_newest) {
                (true, true) => Reader::Newest,
                (true, false) => Reader::Older,
                (false, _) => Reader::Attributes,
            };
            Some(Self { name, version, reader, entry, stored: object })
        });
        entries.collect()
    }

    /// Every field of either side.
    pub(crate) fn cases(&self) -> Vec<FieldCase<'a>> {
        let of_name = |name: &str| self.stored.fields.iter().find(|field| field.name.value == name);
        let new: Vec<_> =
            self.stored.fields.iter().filter(|field| !self.entry.fields.contains_key(&field.name.value)).collect();
        let gone: Vec<_> = self.entry.fields.keys().filter(|name| of_name(name).is_none()).collect();
        let kept = self.entry.fields.keys().filter_map(|name| of_name(name).map(|field| FieldCase::Kept(name, field)));
        let mut cases: Vec<_> = kept.collect();
        match (gone.as_slice(), new.as_slice()) {
            ([name], [field]) => cases.push(FieldCase::Renamed(name, field)),
            _ => {
                cases.extend(gone.into_iter().map(|name| FieldCase::Gone(name)));
                cases.extend(new.into_iter().map(FieldCase::New));
            }
        }
        cases
    }
}

/// Which names the lock gives to an aggregate to read, and how far each event is locked.
#[derive(Debug, Default)]
pub(crate) struct LockedNames {
    pub(crate) newest: Vec<(String, u32)>,
    pub(crate) read_by: Vec<String>,
}

impl LockedNames {
    pub(crate) fn of(lock: &Lock, aggregate: &str) -> Self {
        let newest = lock
            .events
            .iter()
            .filter_map(|(name, event)| event.versions.keys().next_back().map(|version| (name.clone(), *version)));
        let read_by = lock.events.iter().filter(|(_, event)| event.readers.contains(aggregate));
        Self { newest: newest.collect(), read_by: read_by.map(|(name, _)| name.clone()).collect() }
    }
}
