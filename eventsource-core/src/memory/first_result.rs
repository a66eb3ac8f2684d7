//! Where the events stand that an earlier, same append has stored.

use uuid::Uuid;

use crate::contract::admission::Heads;
use crate::contract::append::{AppendRequest, Appended, AppendedStream, companion_key, stored_event_count};
use crate::contract::load::{Load, StoredCommand};
use crate::words::error::StoreError;
use crate::words::stream::{StreamId, Version};

use super::log::Log;

impl Log {
    /// The result that the request's command had the first time; its key stands at version `first`.
    pub(super) fn of_command(&self, request: &AppendRequest, first: Version) -> Result<Appended, StoreError> {
        if request.is_of_several_commands()
            && let Some(all) = self.of_same_events(request)
        {
            return Ok(all);
        }
        let first_id = self.event(&request.writes[0].stream, first).map_or_else(Uuid::nil, |event| event.id);
        let mut streams = Vec::new();
        for (index, write) in request.writes.iter().enumerate() {
            let from = match index {
                0 => Some(first),
                _ => self.keyed(&write.stream, &companion_key(first_id)),
            };
            let Some(from) = from else {
                let message = format!("the command was done before, but without stream {}", write.stream);
                return Err(StoreError::invalid(message));
            };
            let count = self.keyed_count(&write.stream, from)?;
            let missing = || StoreError::corrupt("events of an earlier append are missing");
            streams.push(self.appended(&write.stream, from, count).ok_or_else(missing)?);
        }
        Ok(Appended::new(streams))
    }

    /// How many events the keyed append had whose first stands at `first`.
    fn keyed_count(&self, stream: &StreamId, first: Version) -> Result<u64, StoreError> {
        stored_event_count(self.event(stream, first).and_then(|event| event.raw().meta))
    }

    /// Where the very events of the request stand, if an append whose answer was lost has stored them.
    pub(super) fn of_same_events(&self, request: &AppendRequest) -> Option<Appended> {
        let mut streams = Vec::new();
        for write in &request.writes {
            let mut version = write.expected.place()?;
            for event in &write.events {
                version = version.next();
                self.event(&write.stream, version).filter(|stored| stored.id == event.id)?;
            }
            streams.push(self.appended(&write.stream, write.expected.place()?.next(), write.events.len() as u64)?);
        }
        Some(Appended::new(streams))
    }

    fn appended(&self, stream: &StreamId, first: Version, count: u64) -> Option<AppendedStream> {
        let before = Version(first.0.checked_sub(1)?);
        let events: Vec<_> = self.events(stream, before, None).take(count as usize).collect();
        let last = events.last().filter(|_| events.len() as u64 == count)?;
        let positions = events.iter().map(|event| event.position).collect();
        Some(AppendedStream::new(last.version, positions, last.recorded_at))
    }

    /// The events that the command key has stored, if it has.
    pub(super) fn command(&self, load: &Load) -> Result<Option<StoredCommand>, StoreError> {
        let Some(key) = &load.command_key else { return Ok(None) };
        let Some(first) = self.keyed(&load.stream, key) else { return Ok(None) };
        Ok(Some(StoredCommand::new(first, self.keyed_count(&load.stream, first)?)))
    }
}
