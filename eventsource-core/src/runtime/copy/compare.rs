//! Whether what was copied comes back as it was.

use std::collections::HashMap;

use crate::contract::owned::OwnedEvent;
use crate::contract::read::Read;
use crate::contract::store::EventStore;
use crate::runtime::newest::newest;
use crate::words::error::StoreError;
use crate::words::stream::{Position, StreamId, Version};

use super::pages::Pages;
use super::{Copied, Copying};

impl Copying<'_> {
    /// Where positions were kept, both stores are the same row by row.
    pub(super) async fn compare_side_by_side(&mut self, done: &mut Copied) -> Result<(), StoreError> {
        let mut source = self.pages(self.from, Position(0), done.until);
        let mut target = self.pages(self.to, Position(0), done.until);
        while let Some(here) = source.next().await? {
            let there = target.next().await?.ok_or_else(|| missing(&here))?;
            if here.position != there.position {
                return Err(different(if here.position < there.position { &here } else { &there }, "position"));
            }
            same(&here, &there)?;
            done.compared += 1;
            if source.is_between_pages() {
                (self.on_progress)(done);
            }
        }
        Ok(())
    }

    /// Where positions are new, each event is looked for at its stream and version. They follow each
    /// other in the target almost as they do in the source, so most of a page is found with one read.
    pub(super) async fn compare_by_place(&mut self, done: &mut Copied) -> Result<(), StoreError> {
        let end = newest(self.to).await?.position;
        let mut source = self.pages(self.from, Position(0), done.until);
        let mut reached = Position(0);
        loop {
            let page = source.page().await?;
            if page.is_empty() {
                return Ok(());
            }
            let near = Pages::new(self.to, (reached, end), page.len()).page().await?;
            let near: HashMap<_, _> = near.iter().map(|event| ((&*event.stream, event.version), event)).collect();
            for here in &page {
                let far;
                let there = match near.get(&(&*here.stream, here.version)) {
                    Some(there) => there,
                    None => {
                        far = at_place(self.to, here).await?.ok_or_else(|| missing(here))?;
                        &far
                    }
                };
                same(here, there)?;
                reached = reached.max(there.position);
                done.compared += 1;
            }
            (self.on_progress)(done);
        }
    }
}

/// The event that the store has at the stream and version of another.
async fn at_place(store: &dyn EventStore, event: &OwnedEvent) -> Result<Option<OwnedEvent>, StoreError> {
    let before = Version(event.version.0.saturating_sub(1));
    let read = Read::stream(&StreamId::parse(&event.stream)?).after_version(before).limit(1);
    let mut found = None;
    store
        .read(&read, &mut |raw| {
            found = Some(OwnedEvent::from(raw));
            Ok(())
        })
        .await?;
    Ok(found)
}

fn same(here: &OwnedEvent, there: &OwnedEvent) -> Result<(), StoreError> {
    here.difference(there).map_or(Ok(()), |field| Err(different(here, field)))
}

fn different(event: &OwnedEvent, field: &str) -> StoreError {
    let OwnedEvent { stream, version, position, .. } = event;
    StoreError::corrupt(format!(
        "version {version} of stream {stream}, position {position}, is not the same in the copy: its {field} differs"
    ))
}

fn missing(event: &OwnedEvent) -> StoreError {
    let OwnedEvent { stream, version, position, .. } = event;
    StoreError::corrupt(format!("version {version} of stream {stream}, position {position}, is missing in the copy"))
}
