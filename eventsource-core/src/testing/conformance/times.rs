//! When events were recorded and when they occurred, to the microsecond.

use std::ops::Bound;
use std::sync::atomic::{AtomicI64, Ordering::SeqCst};

use chrono::{DateTime, TimeDelta, Utc};

use crate::contract::append::AppendRequest;
use crate::contract::read::Read;
use crate::words::clock::Clock;
use crate::words::event::now;
use crate::words::stream::{ExpectedVersion, Position};

use super::asking::*;
use super::fixture::Fixture;
use super::rule::Checked;

rules![
    a_range_of_recorded_times_is_exact_to_the_microsecond,
    a_range_of_occurred_times_is_exact_to_the_microsecond,
    recorded_time_never_goes_back_in_a_stream,
    a_clock_that_goes_back_does_not_take_recorded_time_with_it,
    the_answer_has_the_recorded_time_that_a_reader_gets,
    recorded_time_is_the_clock_and_not_the_occurred_time,
    an_event_without_a_time_occurred_when_it_was_recorded,
    the_position_at_a_time_parts_what_was_recorded_by_then,
];

const TICK: TimeDelta = TimeDelta::microseconds(1);

fn micros(time: i64) -> DateTime<Utc> {
    DateTime::from_timestamp_micros(time).unwrap_or_default()
}

async fn a_range_of_recorded_times_is_exact_to_the_microsecond(fixture: &Fixture) -> Checked {
    let (store, a) = (&*fixture.store, stream("thing-a"));
    for _ in 0..3 {
        store_now(store, &AppendRequest::new(a.clone(), ExpectedVersion::Any, events(1))).await?;
        tick().await;
    }
    let all = of(store, &a).await?;
    let (middle, id) = (all[1].recorded_at, all[1].id);
    for read in [Read::all(), Read::category("thing"), Read::stream(&a)] {
        let with = async |read: Read| Ok::<_, super::rule::Broken>(ids(&pages(store, read).await?));
        ensure_eq!(with(read.clone().recorded(middle..=middle)).await?, [id], "recorded at exactly its time");
        ensure_eq!(with(read.clone().recorded(middle..middle + TICK)).await?, [id], "recorded from its time on");
        ensure_eq!(with(read.clone().recorded(middle..)).await?, ids(&all[1..]), "recorded at or after its time");
        ensure_eq!(with(read.clone().recorded(..middle)).await?, ids(&all[..1]), "recorded before its time");
        ensure_eq!(with(read.clone().recorded(..=middle)).await?, ids(&all[..2]), "recorded by its time");
        let behind = (Bound::Excluded(middle), Bound::Unbounded);
        ensure_eq!(with(read.clone().recorded(behind)).await?, ids(&all[2..]), "recorded behind its time");
        let later = with(read.clone().recorded(middle + TICK..)).await?;
        ensure_eq!(later, ids(&all[2..]), "recorded a microsecond later or after");
    }
    Ok(())
}

async fn a_range_of_occurred_times_is_exact_to_the_microsecond(fixture: &Fixture) -> Checked {
    let (store, a) = (&*fixture.store, stream("thing-a"));
    // Around the epoch too, where a division may round the wrong way; and not in order.
    let times = [1_700_000_000_000_002, 1_700_000_000_000_001, 1_700_000_000_000_003, -1, 0, 1, -1_500_000];
    let happened = times.iter().map(|time| event().with_occurred_at(micros(*time))).collect();
    store_now(store, &AppendRequest::new(a, ExpectedVersion::NoStream, happened)).await?;
    for from in times {
        for until in times {
            let rows = pages(store, Read::all().occurred(micros(from)..micros(until))).await?;
            let read: Vec<_> = rows.iter().map(|row| row.occurred_at.timestamp_micros()).collect();
            let expected: Vec<_> = times.into_iter().filter(|time| (from..until).contains(time)).collect();
            ensure_eq!(read, expected, "the events that occurred from {from} until {until}");
        }
    }
    Ok(())
}

async fn recorded_time_never_goes_back_in_a_stream(fixture: &Fixture) -> Checked {
    let a = stream("thing-a");
    let requests: Vec<_> = (0..40).map(|_| AppendRequest::new(a.clone(), ExpectedVersion::Any, events(2))).collect();
    race(&fixture.handles(), requests).await?;
    let rows = of(&*fixture.store, &a).await?;
    for pair in rows.windows(2) {
        ensure!(
            pair[0].recorded_at <= pair[1].recorded_at,
            "version {} was recorded at {}, version {} at {}",
            pair[0].version,
            pair[0].recorded_at,
            pair[1].version,
            pair[1].recorded_at
        );
    }
    Ok(())
}

async fn a_clock_that_goes_back_does_not_take_recorded_time_with_it(fixture: &Fixture) -> Checked {
    let Some(open) = &fixture.with_clock else { return Ok(()) };
    // An hour back at each look.
    let looks = AtomicI64::new(0);
    let clock = Clock::new(move || micros(1_700_000_000_000_000 - 3_600_000_000 * looks.fetch_add(1, SeqCst)));
    let store = open(clock).await;
    let a = stream("thing-a");
    // Of one event, which may be a path of its own, and of several.
    for count in [1, 1, 2, 1, 3] {
        store_now(&*store, &AppendRequest::new(a.clone(), ExpectedVersion::Any, events(count))).await?;
    }
    store_now(&*store, &AppendRequest::new(stream("thing-b"), ExpectedVersion::Any, events(1))).await?;
    let rows = of(&*store, &a).await?;
    let times: Vec<_> = rows.iter().map(|row| row.recorded_at).collect();
    ensure!(times.is_sorted(), "recorded times of one stream are {times:?}");
    let other = of(&*store, &stream("thing-b")).await?;
    ensure!(other[0].recorded_at < times[0], "another stream was not recorded at the clock's time");
    // Of one event and of several to many streams at once, which may go together.
    let many: Vec<_> = (0..12).map(|n| stream(&format!("other-{n}"))).collect();
    for count in [1, 2, 1, 3] {
        let requests =
            many.iter().map(|stream| AppendRequest::new(stream.clone(), ExpectedVersion::Any, events(count)));
        race(std::slice::from_ref(&store), requests.collect()).await?;
    }
    for stream in many {
        let rows = of(&*store, &stream).await?;
        let times: Vec<_> = rows.iter().map(|row| row.recorded_at).collect();
        ensure!(times.is_sorted(), "recorded times of {stream} are {times:?}");
    }
    Ok(())
}

async fn the_answer_has_the_recorded_time_that_a_reader_gets(fixture: &Fixture) -> Checked {
    let (store, a, b) = (&*fixture.store, stream("thing-a"), stream("thing-b"));
    for _ in 0..5 {
        let request = AppendRequest::new(a.clone(), ExpectedVersion::Any, events(2)).and(
            b.clone(),
            ExpectedVersion::Any,
            events(1),
        );
        let appended = store_now(store, &request).await?;
        for (write, answered) in request.writes.iter().zip(&appended.streams) {
            let rows = of(store, &write.stream).await?;
            for row in &rows[rows.len() - write.events.len()..] {
                ensure_eq!(row.recorded_at, answered.recorded_at, "the time in {}, against the answer", write.stream);
            }
        }
        let again = stored_before(store, &request).await?;
        ensure_eq!(again.streams, appended.streams, "the answer to the same request again");
    }
    Ok(())
}

async fn recorded_time_is_the_clock_and_not_the_occurred_time(fixture: &Fixture) -> Checked {
    let (store, a) = (&*fixture.store, stream("thing-a"));
    let long_ago = micros(-2_000_000_000_000_000);
    let before = now();
    let happened = vec![event().with_occurred_at(long_ago), event().with_occurred_at(before + TimeDelta::days(400))];
    store_now(store, &AppendRequest::new(a.clone(), ExpectedVersion::NoStream, happened)).await?;
    for row in of(store, &a).await? {
        // The store's clock may be another machine's.
        let apart = (row.recorded_at - before).abs();
        ensure!(apart < TimeDelta::hours(1), "at {before} an event was recorded as of {}", row.recorded_at);
        let cut = micros(row.recorded_at.timestamp_micros());
        ensure_eq!(row.recorded_at, cut, "a recorded time in whole microseconds");
    }
    Ok(())
}

async fn an_event_without_a_time_occurred_when_it_was_recorded(fixture: &Fixture) -> Checked {
    let (store, a) = (&*fixture.store, stream("thing-a"));
    store_now(store, &AppendRequest::new(a.clone(), ExpectedVersion::NoStream, events(3))).await?;
    for row in of(store, &a).await? {
        ensure_eq!(row.occurred_at, row.recorded_at, "the occurred time of an event without one");
    }
    Ok(())
}

async fn the_position_at_a_time_parts_what_was_recorded_by_then(fixture: &Fixture) -> Checked {
    let store = &*fixture.store;
    let nothing = store.position_at(now()).await?;
    for number in 0..4 {
        let stream = stream(&format!("thing-{}", number % 2));
        // Occurred times must not matter.
        let happened = vec![event().with_occurred_at(micros(0)), event()];
        store_now(store, &AppendRequest::new(stream, ExpectedVersion::Any, happened)).await?;
        tick().await;
    }
    let all = pages(store, Read::all()).await?;
    ensure!(nothing < all[0].position, "the position in an empty store was {nothing}");
    let (first, last) = (all[0].recorded_at, all[all.len() - 1].recorded_at);
    let mut times = vec![first - TimeDelta::days(1), last + TimeDelta::days(1)];
    times.extend(all.iter().flat_map(|row| [row.recorded_at - TICK, row.recorded_at, row.recorded_at + TICK]));
    for time in times {
        let position = store.position_at(time).await?;
        let by_then = all.iter().take_while(|row| row.recorded_at <= time).count();
        let before = by_then.checked_sub(1).map_or(Position(0), |place| all[place].position);
        let behind = all.get(by_then).map_or(Position(u64::MAX), |row| row.position);
        ensure!(
            before <= position && position < behind,
            "the position at {time} is {position}; the last event by then has {before}, the next {behind}"
        );
    }
    Ok(())
}
