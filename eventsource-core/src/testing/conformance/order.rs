//! The one order of all events: nothing appears behind a reader.

use std::sync::Arc;

use tokio::task::JoinHandle;

use crate::contract::append::{AppendOutcome, AppendRequest};
use crate::contract::read::Read;
use crate::contract::store::EventStore;
use crate::words::stream::{ExpectedVersion, Position};

use super::asking::*;
use super::fixture::Fixture;
use super::rule::{Broken, Checked};

rules![
    positions_increase_and_follow_versions,
    no_event_appears_behind_a_reader,
    no_event_appears_at_or_below_a_watermark,
    both_handles_read_the_same_order,
];

async fn positions_increase_and_follow_versions(fixture: &Fixture) -> Checked {
    let (store, a, b) = (&*fixture.store, stream("thing-a"), stream("thing-b"));
    let mut highest = Position(0);
    for size in [1, 3, 2, 5] {
        for stream in [&a, &b] {
            let request = AppendRequest::new(stream.clone(), ExpectedVersion::Any, events(size));
            for position in store_now(store, &request).await?.streams.remove(0).positions {
                ensure!(position > highest, "position {position} was given after position {highest}");
                highest = position;
            }
        }
    }
    for stream in [&a, &b] {
        let rows = of(store, stream).await?;
        let versions: Vec<_> = rows.iter().map(|row| row.version.0).collect();
        ensure_eq!(versions, (1..=11).collect::<Vec<_>>(), "the versions of {stream} in order of position");
    }
    Ok(())
}

const WRITERS: usize = 8;
const APPENDS: usize = 25;

async fn write(store: Arc<dyn EventStore>, writer: usize) -> Checked {
    for append_number in 0..APPENDS {
        let own = stream(&format!("thing-{writer}"));
        let mut request = AppendRequest::new(own, ExpectedVersion::Any, events(1 + append_number % 3));
        if append_number % 5 == 0 {
            request = request.and(stream("common-1"), ExpectedVersion::Any, events(1));
        }
        let outcome = append(&*store, &request).await?;
        ensure!(!matches!(outcome, AppendOutcome::Conflict(_)), "a writer without expectation got {outcome:?}");
        tokio::task::yield_now().await;
    }
    Ok(())
}

/// Writers that append to streams of their own and to a common one.
struct Writers(Vec<JoinHandle<Checked>>);

impl Writers {
    fn start(fixture: &Fixture) -> Self {
        let handles = fixture.handles();
        Self((0..WRITERS).map(|writer| tokio::spawn(write(handles[writer % handles.len()].clone(), writer))).collect())
    }

    fn are_done(&self) -> bool {
        self.0.iter().all(JoinHandle::is_finished)
    }

    async fn finish(self) -> Checked {
        for writer in self.0 {
            writer.await.map_err(|panic| Broken(format!("a writer panicked: {panic}")))??;
        }
        Ok(())
    }
}

async fn no_event_appears_behind_a_reader(fixture: &Fixture) -> Checked {
    let reader = fixture.another.as_ref().unwrap_or(&fixture.store).clone();
    let mut seen = Vec::new();
    let mut read = Read::all().limit(7);
    let writers = Writers::start(fixture);
    loop {
        // Asked before the page is read, so that the last page comes behind the last write.
        let done = writers.are_done();
        let (rows, page) = page(&*reader, &read).await?;
        seen.extend(rows.into_iter().map(|row| (row.position, row.id)));
        read = read.after(page.next.position);
        if done && page.at_end {
            break;
        }
        tokio::task::yield_now().await;
    }
    writers.finish().await?;
    let rows = pages(&*fixture.store, Read::all()).await?;
    let all: Vec<_> = rows.iter().map(|row| (row.position, row.id)).collect();
    let missed = all.iter().filter(|event| !seen.contains(event)).count();
    ensure_eq!(missed, 0, "of {} events, those that a reader beside the writers missed", all.len());
    ensure!(seen == all, "a reader beside the writers saw {} events, in the store are {}", seen.len(), all.len());
    Ok(())
}

async fn no_event_appears_at_or_below_a_watermark(fixture: &Fixture) -> Checked {
    let store = &*fixture.store;
    let mut seen: Vec<(Position, usize)> = Vec::new();
    let writers = Writers::start(fixture);
    while !writers.are_done() && seen.len() < 500 {
        let (_, page) = page(store, &Read::all().limit(1)).await?;
        let then = pages(store, Read::all().until(page.watermark)).await?.len();
        seen.push((page.watermark, then));
        tokio::task::yield_now().await;
    }
    writers.finish().await?;
    for (watermark, then) in seen {
        let now = pages(store, Read::all().until(watermark)).await?.len();
        ensure_eq!(now, then, "events up to the watermark {watermark}, against when it was read");
    }
    Ok(())
}

async fn both_handles_read_the_same_order(fixture: &Fixture) -> Checked {
    let Some(another) = &fixture.another else { return Ok(()) };
    ensure_eq!(another.identity(), fixture.store.identity(), "the identity of the other handle");
    let a = stream("thing-a");
    for handle in fixture.handles().iter().cycle().take(6) {
        store_now(&**handle, &AppendRequest::new(a.clone(), ExpectedVersion::Any, events(2))).await?;
    }
    let here = pages(&*fixture.store, Read::all()).await?;
    ensure_eq!(here.len(), 12, "events written through both handles");
    ensure_eq!(pages(&**another, Read::all()).await?, here, "the events through the other handle");
    Ok(())
}
