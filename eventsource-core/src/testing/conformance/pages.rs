//! Reading page by page: cursors, watermarks, and where the end is.

use crate::contract::append::AppendRequest;
use crate::contract::read::{Cursor, Page, Read};
use crate::words::error::StoreError;
use crate::words::stream::{ExpectedVersion, Position, Version};

use super::asking::*;
use super::fixture::Fixture;
use super::rule::Checked;

rules![
    pages_of_any_size_are_the_whole,
    a_read_keeps_to_its_positions_and_versions,
    an_empty_store_has_an_empty_page_at_its_start,
    a_full_page_ends_at_its_last_event,
    a_short_page_ends_at_the_newest_event,
    an_empty_page_advances_to_the_newest_event,
    an_empty_page_of_a_filter_stops_at_the_given_end,
    an_error_of_the_callback_ends_the_reading_and_comes_out,
    a_page_of_65_536_events_is_given,
];

/// 30 events of two streams and three names, mixed.
async fn fill(fixture: &Fixture) -> Checked<Vec<Row>> {
    let store = &*fixture.store;
    for number in 0..10 {
        let stream = stream(if number % 3 == 0 { "thing-a" } else { "other-b" });
        let happened = vec![named("one"), named("two"), named(if number < 5 { "early" } else { "one" })];
        store_now(store, &AppendRequest::new(stream, ExpectedVersion::Any, happened)).await?;
    }
    let (rows, page) = page(store, &Read::all()).await?;
    ensure_eq!(rows.len(), 30, "events on the first page of a store of 30");
    ensure!(page.at_end, "the first page of a store of 30 is not at its end");
    Ok(rows)
}

async fn pages_of_any_size_are_the_whole(fixture: &Fixture) -> Checked {
    let all = fill(fixture).await?;
    type Belongs = fn(&Row) -> bool;
    let reads: [(Read, Belongs); 6] = [
        (Read::all(), |_| true),
        (Read::category("thing"), |row| row.stream == "thing-a"),
        (Read::stream(&stream("other-b")), |row| row.stream == "other-b"),
        (Read::all().names(["early"]), |row| row.name == "early"),
        (Read::all().names(["absent"]), |_| false),
        (Read::category("other").names(["two"]), |row| row.stream == "other-b" && row.name == "two"),
    ];
    for (read, belongs) in reads {
        let expected: Vec<_> = all.iter().filter(|row| belongs(row)).cloned().collect();
        for limit in [1, 2, 3, 7, 30, 31] {
            let rows = pages(&*fixture.store, read.clone().limit(limit)).await?;
            ensure!(rows == expected, "{} events in pages of {limit}, not {}: {read:?}", rows.len(), expected.len());
        }
    }
    Ok(())
}

async fn a_read_keeps_to_its_positions_and_versions(fixture: &Fixture) -> Checked {
    let all = fill(fixture).await?;
    let ends = [Position(0), all[0].position, all[13].position, all[29].position, Position(all[29].position.0 + 9)];
    for after in ends {
        for until in ends {
            let expected: Vec<_> =
                all.iter().filter(|row| row.position > after && row.position <= until).cloned().collect();
            for limit in [4, 1_000] {
                let read = Read::all().after(after).until(until).limit(limit);
                let rows = pages(&*fixture.store, read).await?;
                ensure_eq!(ids(&rows), ids(&expected), "the events behind {after} up to {until}, {limit} a page");
            }
        }
    }
    for version in [0, 1, 5, 12, 13] {
        for read in [Read::stream(&stream("thing-a")), Read::all(), Read::category("other")] {
            let whole = pages(&*fixture.store, read.clone()).await?;
            let expected: Vec<_> = whole.into_iter().filter(|row| row.version > Version(version)).collect();
            let rows = pages(&*fixture.store, read.after_version(Version(version)).limit(4)).await?;
            ensure_eq!(ids(&rows), ids(&expected), "the events behind version {version}");
        }
    }
    Ok(())
}

async fn an_empty_store_has_an_empty_page_at_its_start(fixture: &Fixture) -> Checked {
    for read in [Read::all(), Read::category("thing"), Read::stream(&stream("thing-a")), Read::all().names(["one"])] {
        let (_, page) = page(&*fixture.store, &read).await?;
        ensure_eq!(page.next, Cursor::START, "the cursor in an empty store");
        ensure_eq!(page.count, 0, "the count in an empty store");
        ensure!(page.at_end, "an empty store has more to read");
    }
    Ok(())
}

async fn a_full_page_ends_at_its_last_event(fixture: &Fixture) -> Checked {
    let all = fill(fixture).await?;
    for read in [Read::all(), Read::category("other"), Read::all().names(["one"]), Read::stream(&stream("other-b"))] {
        for limit in [1, 5] {
            let (rows, page) = page(&*fixture.store, &read.clone().limit(limit)).await?;
            ensure_eq!(rows.len(), limit, "events on a page of {limit}");
            let last = &rows[limit - 1];
            ensure_eq!(page.next, Cursor::new(last.position, last.id), "the cursor of a full page");
            ensure!(!page.at_end, "a full page with more behind it says that it is at the end");
            ensure!(page.watermark >= all[29].position, "the watermark {} is below the newest event", page.watermark);
        }
    }
    Ok(())
}

fn ensure_at_newest(page: &Page, newest: &Row) -> Checked {
    ensure_eq!(page.next, Cursor::new(newest.position, newest.id), "the cursor of a page that is short of its limit");
    ensure!(page.at_end, "a page that is short of its limit says that there is more");
    ensure!(page.watermark >= newest.position, "the watermark {} is below {}", page.watermark, newest.position);
    Ok(())
}

async fn a_short_page_ends_at_the_newest_event(fixture: &Fixture) -> Checked {
    let all = fill(fixture).await?;
    for read in [Read::all(), Read::category("thing"), Read::all().names(["early"]), Read::stream(&stream("thing-a"))] {
        let (rows, page) = page(&*fixture.store, &read).await?;
        ensure!(!rows.is_empty(), "no events for {read:?}");
        ensure_at_newest(&page, &all[29])?;
    }
    Ok(())
}

// Else a reader of rare events begins at the same place for ever. The id must be that of the event:
// a cursor of another is taken for a store that was exchanged.
async fn an_empty_page_advances_to_the_newest_event(fixture: &Fixture) -> Checked {
    let all = fill(fixture).await?;
    let reads = [
        Read::category("absent"),
        Read::all().names(["absent"]),
        Read::stream(&stream("thing-absent")),
        Read::all().names(["early"]).after(all[20].position),
        Read::all().occurred(..all[0].occurred_at - chrono::TimeDelta::days(1)),
        Read::stream(&stream("thing-a")).after_version(Version(12)),
        Read::all().after(all[29].position),
    ];
    for read in reads {
        let (rows, page) = page(&*fixture.store, &read).await?;
        ensure_eq!(rows.len(), 0, "events for {read:?}");
        ensure_at_newest(&page, &all[29])?;
    }
    Ok(())
}

async fn an_empty_page_of_a_filter_stops_at_the_given_end(fixture: &Fixture) -> Checked {
    let all = fill(fixture).await?;
    let read = Read::all().names(["absent"]).after(all[3].position).until(all[9].position);
    let (_, page) = page(&*fixture.store, &read).await?;
    ensure!(page.next.position <= all[9].position, "the cursor {:?} is behind the end {}", page.next, all[9].position);
    let there = all.iter().find(|row| row.position == page.next.position).map(|row| row.id);
    ensure_eq!(there, Some(page.next.event_id), "the event at the cursor of an empty page");
    Ok(())
}

async fn an_error_of_the_callback_ends_the_reading_and_comes_out(fixture: &Fixture) -> Checked {
    fill(fixture).await?;
    let mut calls = 0;
    let read = fixture
        .store
        .read(&Read::all(), &mut |_| {
            calls += 1;
            if calls == 3 { Err(StoreError::fenced("the reader has seen enough")) } else { Ok(()) }
        })
        .await;
    ensure_eq!(calls, 3, "events handed out to a callback that fails at the third");
    match read {
        Ok(_) => ensure!(false, "the callback's error was lost"),
        Err(error) => ensure!(error.is_fenced(), "the callback's error came out as another: {error}"),
    }
    // And the store goes on.
    ensure_eq!(count(&*fixture.store).await?, 30, "events read after that");
    Ok(())
}

async fn a_page_of_65_536_events_is_given(fixture: &Fixture) -> Checked {
    let store = &*fixture.store;
    store_now(store, &AppendRequest::new(stream("thing-a"), ExpectedVersion::NoStream, events(65_536))).await?;
    let (rows, page) = page(store, &Read::all().limit(65_536)).await?;
    ensure_eq!(rows.len(), 65_536, "events on the page");
    ensure_eq!(page.next.event_id, rows[65_535].id, "the event at the cursor");
    Ok(())
}
