//! Which events a read gives: of the store, a category, a stream, under some names.

use crate::contract::append::AppendRequest;
use crate::contract::read::Read;
use crate::contract::store::HeldType;
use crate::words::stream::{ExpectedVersion, Version};

use super::asking::*;
use super::fixture::Fixture;
use super::rule::Checked;

rules![
    a_read_gives_the_store_a_category_or_a_stream,
    a_category_is_not_a_prefix_of_another,
    a_stream_is_not_a_prefix_of_another,
    names_choose_among_the_events,
    all_filters_must_hold,
    every_name_is_held_with_each_of_its_versions,
];

/// Streams whose names are made to be mixed up, each with one event, or more where it is repeated.
const STREAMS: [&str; 12] =
    ["a-1", "a-1-2", "a-10", "a-b", "a_b-1", "ab-1", "aa-1", "a-1", "a-_1", "a-%", "a-A", "a-a"];

async fn fill(fixture: &Fixture) -> Checked {
    for name in STREAMS {
        let request = AppendRequest::new(stream(name), ExpectedVersion::Any, events(1));
        store_now(&*fixture.store, &request).await?;
    }
    Ok(())
}

async fn streams_read(fixture: &Fixture, read: Read) -> Checked<Vec<String>> {
    Ok(pages(&*fixture.store, read).await?.into_iter().map(|row| row.stream).collect())
}

async fn a_read_gives_the_store_a_category_or_a_stream(fixture: &Fixture) -> Checked {
    fill(fixture).await?;
    ensure_eq!(streams_read(fixture, Read::all()).await?, STREAMS, "the streams of all events");
    let of_a: Vec<_> = STREAMS.into_iter().filter(|name| name.starts_with("a-")).collect();
    ensure_eq!(streams_read(fixture, Read::category("a")).await?, of_a, "the streams of category a");
    let one = streams_read(fixture, Read::stream(&stream("a-1"))).await?;
    ensure_eq!(one, ["a-1", "a-1"], "the events of stream a-1");
    let none = streams_read(fixture, Read::category("absent")).await?;
    ensure_eq!(none, [""; 0], "the events of an absent category");
    Ok(())
}

async fn a_category_is_not_a_prefix_of_another(fixture: &Fixture) -> Checked {
    fill(fixture).await?;
    for category in ["a", "aa", "a_b", "ab"] {
        let prefix = format!("{category}-");
        let expected: Vec<_> = STREAMS.into_iter().filter(|name| name.starts_with(&prefix)).collect();
        let read = streams_read(fixture, Read::category(category)).await?;
        ensure_eq!(read, expected, "the streams of category {category}");
    }
    Ok(())
}

async fn a_stream_is_not_a_prefix_of_another(fixture: &Fixture) -> Checked {
    fill(fixture).await?;
    for name in STREAMS {
        let read = streams_read(fixture, Read::stream(&stream(name))).await?;
        let expected: Vec<_> = STREAMS.into_iter().filter(|other| *other == name).collect();
        ensure_eq!(read, expected, "the events of stream {name}");
    }
    Ok(())
}

async fn names_choose_among_the_events(fixture: &Fixture) -> Checked {
    let store = &*fixture.store;
    let names = ["a.b", "a_b", "a-b", "a.b.c", "a.b", "a"];
    let happened = names.into_iter().map(named).collect();
    store_now(store, &AppendRequest::new(stream("thing-a"), ExpectedVersion::NoStream, happened)).await?;
    let cases: [(&[&'static str], &[&str]); 5] = [
        (&["a.b"], &["a.b", "a.b"]),
        (&["a_b", "a"], &["a_b", "a"]),
        (&["a", "absent"], &["a"]),
        (&["absent"], &[]),
        (&[], &names),
    ];
    for (wanted, expected) in cases {
        for read in [Read::all(), Read::category("thing"), Read::stream(&stream("thing-a"))] {
            let rows = pages(store, read.names(wanted.iter().copied())).await?;
            let read: Vec<_> = rows.iter().map(|row| row.name.as_str()).collect();
            ensure_eq!(read, expected, "the names read with {wanted:?}");
        }
    }
    Ok(())
}

// Every event but one is kept back by exactly one of the filters.
async fn all_filters_must_hold(fixture: &Fixture) -> Checked {
    let store = &*fixture.store;
    let long_ago = chrono::DateTime::UNIX_EPOCH;
    let put = async |name, happened: &[&'static str]| {
        let happened = happened.iter().map(|name| named(name).with_occurred_at(long_ago)).collect();
        store_now(store, &AppendRequest::new(stream(name), ExpectedVersion::Any, happened)).await
    };
    put("other-a", &["two", "one"]).await?;
    tick().await;
    put("thing-a", &["two", "one"]).await?;
    put("other-b", &["one", "two"]).await?;
    store_now(store, &AppendRequest::new(stream("other-b"), Version(2), vec![named("one")])).await?;
    put("other-b", &["one", "one"]).await?;
    let all = pages(store, Read::all()).await?;
    let read = Read::category("other")
        .names(["one"])
        .after_version(Version(1))
        .until(all[7].position)
        .recorded(all[2].recorded_at..)
        .occurred(..=long_ago);
    ensure_eq!(ids(&pages(store, read).await?), [all[7].id], "the one event for which all filters hold");
    Ok(())
}

async fn every_name_is_held_with_each_of_its_versions(fixture: &Fixture) -> Checked {
    let store = &*fixture.store;
    ensure_eq!(store.held_types().await?, [], "what an empty store holds");
    let pairs = [("b", 2), ("a.c", 1), ("a.c", 300), ("a.c", 1), ("a-c", 1), ("b", 1)];
    for (place, (name, schema_version)) in pairs.into_iter().enumerate() {
        let mut event = named(name);
        event.schema_version = schema_version;
        let request = AppendRequest::new(stream(["a-1", "b-1"][place % 2]), ExpectedVersion::Any, vec![event]);
        store_now(store, &request).await?;
    }
    let held: Vec<_> = [("a-c", 1), ("a.c", 1), ("a.c", 300), ("b", 1), ("b", 2)]
        .into_iter()
        .map(|(name, version)| HeldType::new(name, version))
        .collect();
    ensure_eq!(store.held_types().await?, held, "what the store holds");
    Ok(())
}
