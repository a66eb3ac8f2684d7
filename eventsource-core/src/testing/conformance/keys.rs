//! Command keys: the same command, from anywhere and at any later version, is done once.

use crate::contract::append::{AppendOutcome, AppendRequest, Appended};
use crate::contract::load::{Load, StoredCommand};
use crate::words::stream::{ExpectedVersion, StreamId, Version};

use super::asking::*;
use super::fixture::Fixture;
use super::rule::Checked;

rules![
    a_repeated_key_returns_the_first_result_and_stores_nothing,
    a_repeated_key_returns_all_events_of_the_first_result,
    a_key_is_known_at_any_later_version,
    a_key_counts_before_the_expected_version,
    the_same_key_in_another_stream_is_another_command,
    a_load_reports_what_a_key_stored,
    a_load_reports_a_key_that_it_does_not_read,
    the_key_of_a_conflict_is_not_burnt,
    the_key_of_a_refused_append_is_not_burnt,
    a_repeated_key_over_several_streams_returns_the_first_result,
    twenty_racing_appends_with_one_key_store_once,
    a_key_used_through_one_handle_is_known_to_the_other,
    an_append_of_several_commands_is_known_by_the_key_of_each,
    a_key_that_was_used_before_refuses_all_commands_of_an_append,
    an_append_of_several_commands_that_comes_again_is_already_stored,
    racing_appends_of_several_commands_do_each_command_once,
];

fn keyed(stream: &StreamId, expected: impl Into<ExpectedVersion>, count: usize) -> AppendRequest {
    AppendRequest::new(stream.clone(), expected, events(count)).with_command_key("command-1")
}

async fn a_repeated_key_returns_the_first_result_and_stores_nothing(fixture: &Fixture) -> Checked {
    let (store, a) = (&*fixture.store, stream("thing-a"));
    let first = store_now(store, &keyed(&a, ExpectedVersion::NoStream, 1)).await?;
    let again = stored_before(store, &keyed(&a, Version(1), 1)).await?;
    ensure_eq!(again, first, "the repeated result");
    ensure_eq!(count(store).await?, 1, "events in the store");
    Ok(())
}

async fn a_repeated_key_returns_all_events_of_the_first_result(fixture: &Fixture) -> Checked {
    let (store, a) = (&*fixture.store, stream("thing-a"));
    store_now(store, &AppendRequest::new(a.clone(), ExpectedVersion::NoStream, events(2))).await?;
    let first = store_now(store, &keyed(&a, Version(2), 3)).await?;
    ensure_eq!(first.streams[0].positions.len(), 3, "positions of three events");
    // What the repetition decides may have another length; the first result counts.
    for decided in [3, 1, 5] {
        ensure_eq!(stored_before(store, &keyed(&a, Version(5), decided)).await?, first, "the repeated result");
    }
    ensure_eq!(count(store).await?, 5, "events in the store");
    Ok(())
}

async fn a_key_is_known_at_any_later_version(fixture: &Fixture) -> Checked {
    let (store, a) = (&*fixture.store, stream("thing-a"));
    let first = store_now(store, &keyed(&a, ExpectedVersion::NoStream, 2)).await?;
    store_now(store, &AppendRequest::new(a.clone(), Version(2), events(20))).await?;
    store_now(store, &AppendRequest::new(a.clone(), Version(22), events(1)).with_command_key("command-2")).await?;
    ensure_eq!(stored_before(store, &keyed(&a, Version(23), 2)).await?, first, "the result repeated later");
    ensure_eq!(count(store).await?, 23, "events in the store");
    Ok(())
}

async fn a_key_counts_before_the_expected_version(fixture: &Fixture) -> Checked {
    let (store, a) = (&*fixture.store, stream("thing-a"));
    let first = store_now(store, &keyed(&a, ExpectedVersion::NoStream, 1)).await?;
    // With new event ids each time, so that nothing but the key can tell.
    let demands = [
        ExpectedVersion::NoStream,
        ExpectedVersion::Exact(Version(0)),
        ExpectedVersion::Exact(Version(9)),
        ExpectedVersion::Any,
        ExpectedVersion::StreamExists,
    ];
    for expected in demands {
        let again = stored_before(store, &keyed(&a, expected, 1)).await?;
        ensure_eq!(again, first, "the result repeated with expectation {expected}");
    }
    ensure_eq!(count(store).await?, 1, "events in the store");
    Ok(())
}

async fn the_same_key_in_another_stream_is_another_command(fixture: &Fixture) -> Checked {
    let store = &*fixture.store;
    for name in ["thing-a", "thing-b", "other-a", "thing-a-b"] {
        store_now(store, &keyed(&stream(name), ExpectedVersion::NoStream, 1)).await?;
    }
    ensure_eq!(count(store).await?, 4, "events in the store");
    Ok(())
}

async fn key_in(fixture: &Fixture, stream: &StreamId, key: &str) -> Checked<Option<StoredCommand>> {
    let wanted = Load::new(stream.clone()).with_command_key(Some(key.to_owned()));
    Ok(load(&*fixture.store, wanted).await?.end.command)
}

async fn a_load_reports_what_a_key_stored(fixture: &Fixture) -> Checked {
    let (store, a, b) = (&*fixture.store, stream("thing-a"), stream("thing-b"));
    ensure_eq!(key_in(fixture, &a, "command-1").await?, None, "a key in an absent stream");
    store_now(store, &AppendRequest::new(a.clone(), ExpectedVersion::NoStream, events(1))).await?;
    ensure_eq!(key_in(fixture, &a, "command-1").await?, None, "a key that was never used");
    store_now(store, &keyed(&a, Version(1), 3)).await?;
    store_now(store, &AppendRequest::new(a.clone(), Version(4), events(1)).with_command_key("command-2")).await?;
    store_now(store, &AppendRequest::new(b.clone(), ExpectedVersion::NoStream, events(1))).await?;
    let three = StoredCommand::new(Version(2), 3);
    ensure_eq!(key_in(fixture, &a, "command-1").await?, Some(three), "the key of three events");
    let one = StoredCommand::new(Version(5), 1);
    ensure_eq!(key_in(fixture, &a, "command-2").await?, Some(one), "the key of one event");
    ensure_eq!(key_in(fixture, &b, "command-1").await?, None, "a key of another stream");
    ensure_eq!(load(store, Load::new(a)).await?.end.command, None, "a load that asks for no key");
    Ok(())
}

async fn a_load_reports_a_key_that_it_does_not_read(fixture: &Fixture) -> Checked {
    let (store, a) = (&*fixture.store, stream("thing-a"));
    store_now(store, &keyed(&a, ExpectedVersion::NoStream, 2)).await?;
    store_now(store, &AppendRequest::new(a.clone(), Version(2), events(3))).await?;
    let wanted = Load::new(a).with_command_key(Some("command-1".to_owned()));
    for after in [2, 5] {
        let loaded = load(store, wanted.clone().after(Version(after))).await?;
        let done = StoredCommand::new(Version(1), 2);
        ensure_eq!(loaded.end.command, Some(done), "the key of events that were loaded before, after {after}");
        ensure_eq!(loaded.events.len() as u64, 5 - after, "events behind version {after}");
    }
    Ok(())
}

async fn the_key_of_a_conflict_is_not_burnt(fixture: &Fixture) -> Checked {
    let (store, a) = (&*fixture.store, stream("thing-a"));
    let request = keyed(&a, Version(7), 1);
    conflict(store, &request).await?;
    let conditional = keyed(&a, Version(0), 1).on_condition(stream("thing-b"), Version(1));
    conflict(store, &conditional).await?;
    ensure_eq!(key_in(fixture, &a, "command-1").await?, None, "the key after two conflicts");
    store_now(store, &keyed(&a, Version(0), 1)).await?;
    Ok(())
}

async fn the_key_of_a_refused_append_is_not_burnt(fixture: &Fixture) -> Checked {
    let (store, a) = (&*fixture.store, stream("thing-a"));
    let mut request = keyed(&a, Version(0), 1);
    request.writes[0].events[0].schema_version = 0;
    refused(store, &request, INVALID, "an event of version 0").await?;
    ensure_eq!(key_in(fixture, &a, "command-1").await?, None, "the key after a refusal");
    request.writes[0].events[0].schema_version = 1;
    store_now(store, &request).await?;
    Ok(())
}

async fn a_repeated_key_over_several_streams_returns_the_first_result(fixture: &Fixture) -> Checked {
    let (store, a, b) = (&*fixture.store, stream("thing-a"), stream("thing-b"));
    let transfer = |from: ExpectedVersion, to: ExpectedVersion| {
        AppendRequest::new(a.clone(), from, events(2)).and(b.clone(), to, events(3)).with_command_key("transfer")
    };
    let first = store_now(store, &transfer(ExpectedVersion::NoStream, ExpectedVersion::Any)).await?;
    store_now(store, &AppendRequest::new(b.clone(), Version(3), events(1))).await?;
    store_now(store, &AppendRequest::new(a.clone(), Version(2), events(1))).await?;
    for (from, to) in [(Version(3), Version(4)), (Version(0), Version(0)), (Version(9), Version(9))] {
        let again = stored_before(store, &transfer(from.into(), to.into())).await?;
        ensure_eq!(again, first, "the repeated result");
    }
    ensure_eq!(count(store).await?, 7, "events in the store");
    Ok(())
}

async fn twenty_racing_appends_with_one_key_store_once(fixture: &Fixture) -> Checked {
    for expected in [ExpectedVersion::Any, ExpectedVersion::NoStream] {
        let a = stream(&format!("thing-{expected}"));
        let outcomes = race(&fixture.handles(), (0..20).map(|_| keyed(&a, expected, 2)).collect()).await?;
        let mut results: Vec<Appended> = Vec::new();
        for outcome in outcomes {
            match outcome {
                AppendOutcome::Stored(result) | AppendOutcome::AlreadyStored(result) => results.push(result),
                AppendOutcome::Conflict(found) => ensure!(false, "a repeated command got a conflict: {found}"),
            }
        }
        ensure!(results.iter().all(|result| *result == results[0]), "one command has several results: {results:?}");
        ensure_eq!(of(&*fixture.store, &a).await?.len(), 2, "events of a command of two");
    }
    Ok(())
}

async fn a_key_used_through_one_handle_is_known_to_the_other(fixture: &Fixture) -> Checked {
    let Some(another) = &fixture.another else { return Ok(()) };
    let (store, a) = (&*fixture.store, stream("thing-a"));
    let first = store_now(store, &keyed(&a, ExpectedVersion::NoStream, 2)).await?;
    ensure_eq!(
        stored_before(&**another, &keyed(&a, Version(2), 2)).await?,
        first,
        "the result through the other handle"
    );
    let second = AppendRequest::new(a.clone(), Version(2), events(1)).with_command_key("command-2");
    let through_other = store_now(&**another, &second).await?;
    ensure_eq!(stored_before(store, &second).await?, through_other, "the result through the first handle");
    ensure_eq!(count(store).await?, 3, "events in the store");
    Ok(())
}

/// Three commands, of two events, one and three.
fn three_commands(stream: &StreamId, expected: Version, keys: [&str; 3]) -> AppendRequest {
    let [first, second, third] = keys.map(str::to_owned);
    AppendRequest::new(stream.clone(), expected, events(2))
        .with_command_key(first)
        .and_command(second, events(1))
        .and_command(third, events(3))
}

async fn an_append_of_several_commands_is_known_by_the_key_of_each(fixture: &Fixture) -> Checked {
    let (store, a) = (&*fixture.store, stream("thing-a"));
    store_now(store, &AppendRequest::new(a.clone(), Version(0), events(1))).await?;
    let stored = store_now(store, &three_commands(&a, Version(1), ["command-1", "command-2", "command-3"])).await?;
    let positions = &stored.streams[0].positions;
    ensure_eq!(positions.len(), 6, "positions of six events");
    let rows = of(store, &a).await?;
    let keys: Vec<_> = rows.iter().map(|row| row.command_key.as_deref()).collect();
    let expected = [None, Some("command-1"), None, Some("command-2"), Some("command-3"), None, None];
    ensure_eq!(keys, expected, "the command keys in the stream");
    let commands = [("command-1", 2, 2), ("command-2", 4, 1), ("command-3", 5, 3)];
    for (key, first, count) in commands {
        let done = StoredCommand::new(Version(first), count);
        ensure_eq!(key_in(fixture, &a, key).await?, Some(done), "what {key} has stored");
        let again = AppendRequest::new(a.clone(), Version(7), events(1)).with_command_key(key);
        let again = &stored_before(store, &again).await?.streams[0];
        ensure_eq!(again.version, done.last(), "the version of {key} when it comes again");
        let start = first as usize - 2;
        ensure_eq!(again.positions, positions[start..start + count as usize], "the positions of {key}");
    }
    ensure_eq!(count(store).await?, 7, "events in the store");
    Ok(())
}

async fn a_key_that_was_used_before_refuses_all_commands_of_an_append(fixture: &Fixture) -> Checked {
    let (store, a) = (&*fixture.store, stream("thing-a"));
    let first = store_now(store, &keyed(&a, Version(0), 2)).await?;
    let orders = [["command-1", "x", "y"], ["x", "command-1", "y"], ["x", "y", "command-1"]];
    for keys in orders {
        // Whatever its place, and where the stream is expected.
        for expected in [2, 0, 9] {
            let again = stored_before(store, &three_commands(&a, Version(expected), keys)).await?;
            ensure_eq!(again, first, "the result of the key that was used, among {keys:?} at version {expected}");
        }
    }
    ensure_eq!(count(store).await?, 2, "events in the store");
    for key in ["x", "y"] {
        ensure_eq!(key_in(fixture, &a, key).await?, None, "a key beside it");
    }
    store_now(store, &three_commands(&a, Version(2), ["x", "y", "z"])).await?;
    Ok(())
}

async fn an_append_of_several_commands_that_comes_again_is_already_stored(fixture: &Fixture) -> Checked {
    let (store, a) = (&*fixture.store, stream("thing-a"));
    let request = three_commands(&a, Version(0), ["command-1", "command-2", "command-3"]);
    let first = store_now(store, &request).await?;
    for others in [0, 2] {
        if others > 0 {
            store_now(store, &AppendRequest::new(a.clone(), ExpectedVersion::Any, events(others))).await?;
        }
        ensure_eq!(stored_before(store, &request).await?, first, "the same request behind {others} others");
    }
    ensure_eq!(count(store).await?, 8, "events in the store");
    let twice = three_commands(&a, Version(8), ["command-4", "command-5", "command-4"]);
    refused(store, &twice, INVALID, "a key that stands twice in one append").await
}

/// Appends to several streams that hold the same commands in another order, so that what goes together in one statement
/// holds keys that others use meanwhile.
async fn racing_appends_of_several_commands_do_each_command_once(fixture: &Fixture) -> Checked {
    let streams: Vec<_> = (0..6).map(|n| stream(&format!("thing-{n}"))).collect();
    let orders = [["one", "two", "three"], ["three", "one", "two"], ["two", "four", "one"]];
    let requests = streams.iter().flat_map(|a| orders.map(|keys| three_commands(a, Version(0), keys)));
    let outcomes = race(&fixture.handles(), requests.collect()).await?;
    for (a, outcomes) in streams.iter().zip(outcomes.chunks(orders.len())) {
        let stored = outcomes.iter().filter(|outcome| matches!(outcome, AppendOutcome::Stored(_))).count();
        ensure!(stored <= 1, "{stored} appends with the same keys were stored in {a}");
        let rows = of(&*fixture.store, a).await?;
        let mut keys: Vec<_> = rows.iter().filter_map(|row| row.command_key.as_deref()).collect();
        ensure_eq!((rows.len(), keys.len()), (6, 3), "events and keys in {a}");
        keys.sort_unstable();
        keys.dedup();
        ensure_eq!(keys.len(), 3, "different keys in {a}");
    }
    Ok(())
}
