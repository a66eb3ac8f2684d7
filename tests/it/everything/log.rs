//! Everything that a store holds, as bytes: no event is decoded by the framework here.

use std::collections::BTreeMap;

use eventsource::{InlineStore, Position, RawEvent, Read, StoreError, View};
use serde_json::Value;

use super::domain::Projected;
use super::worker::surely;

const PAGE: usize = 500;

#[derive(Clone, Debug)]
pub(super) struct Event {
    pub(super) position: u64,
    pub(super) stream: String,
    pub(super) version: u64,
    pub(super) name: String,
    pub(super) schema_version: u32,
    pub(super) data: Value,
}

/// In order of position.
pub(super) struct Log(pub(super) Vec<Event>);

impl Log {
    pub(super) async fn read<S: InlineStore>(store: &S) -> Self {
        let mut events = Vec::<Event>::new();
        loop {
            let read = Read::all().after(Position(events.last().map_or(0, |event| event.position))).limit(PAGE);
            let (page, at_end) = surely("the log is read", || page(store, &read)).await;
            events.extend(page);
            if at_end {
                return Self(events);
            }
        }
    }

    /// The stories of all transfers.
    pub(super) fn transfers(&self) -> BTreeMap<&str, Vec<&Event>> {
        let mut transfers = BTreeMap::<_, Vec<_>>::new();
        for event in &self.0 {
            if let Some(id) = event.stream.strip_prefix("transfer-") {
                transfers.entry(id).or_default().push(event);
            }
        }
        transfers
    }

    /// Whether nothing follows any more from what is there.
    pub(super) async fn is_settled<S: InlineStore>(store: &S) -> bool {
        let log = Self::read(store).await;
        let ends = ["transfer.refused", "transfer.arrived", "transfer.returned"];
        let is_over = |story: &Vec<&Event>| story.last().is_some_and(|last| ends.contains(&&*last.name));
        let last = log.0.iter().rev().find(|event| event.is_of_account()).map_or(0, |event| event.position);
        let key = Projected::TABLE.checkpoint_key();
        let checkpoint = surely("the checkpoint is read", || store.load_checkpoint(&key)).await;
        let reached = checkpoint.map_or(0, |checkpoint| checkpoint.cursor.position.0);
        log.transfers().values().all(is_over) && reached >= last
    }
}

async fn page(store: &impl InlineStore, read: &Read) -> Result<(Vec<Event>, bool), StoreError> {
    let mut events = Vec::new();
    let visit = &mut |event: &RawEvent<'_>| {
        events.push(Event::of(event));
        Ok(())
    };
    let page = store.read(read, visit).await?;
    Ok((events, page.at_end))
}

impl Event {
    fn of(event: &RawEvent<'_>) -> Self {
        Self {
            position: event.position.0,
            stream: event.stream.to_owned(),
            version: event.version.0,
            name: event.name.to_owned(),
            schema_version: event.schema_version,
            data: serde_json::from_slice(event.data).unwrap(),
        }
    }

    pub(super) fn is_of_account(&self) -> bool {
        self.stream.starts_with("account-")
    }

    /// What tells who has stored it.
    pub(super) fn tag(&self) -> &str {
        self.data["tag"].as_str().unwrap_or_else(|| panic!("{self:?} has no tag"))
    }
}
