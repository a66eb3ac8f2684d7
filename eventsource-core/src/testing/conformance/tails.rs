//! Loading a stream: all of it, what is behind a version, with an error on the way.

use crate::contract::append::AppendRequest;
use crate::contract::load::Load;
use crate::words::error::StoreError;
use crate::words::stream::{ExpectedVersion, Position, Version};

use super::asking::*;
use super::fixture::Fixture;
use super::rule::Checked;

rules![
    a_load_gives_the_events_of_its_stream_in_order,
    a_load_gives_only_the_events_behind_a_version,
    an_absent_stream_loads_as_nothing,
    a_bare_load_gives_the_same_payloads,
    an_error_of_the_callback_ends_the_load_and_comes_out,
    a_load_sees_what_the_other_handle_wrote,
];

async fn fill(fixture: &Fixture) -> Checked {
    for name in ["thing-a", "thing-a-b", "thing-a", "other-a", "thing-a"] {
        let request = AppendRequest::new(stream(name), ExpectedVersion::Any, events(2));
        store_now(&*fixture.store, &request).await?;
    }
    Ok(())
}

async fn a_load_gives_the_events_of_its_stream_in_order(fixture: &Fixture) -> Checked {
    fill(fixture).await?;
    let loaded = load(&*fixture.store, Load::new(stream("thing-a"))).await?;
    ensure_eq!(loaded.versions(), [1, 2, 3, 4, 5, 6], "the versions loaded");
    ensure!(loaded.events.iter().all(|row| row.stream == "thing-a"), "events of another stream were loaded");
    ensure_eq!(loaded.snapshot, None, "a snapshot where none was asked for");
    Ok(())
}

async fn a_load_gives_only_the_events_behind_a_version(fixture: &Fixture) -> Checked {
    fill(fixture).await?;
    for after in 0..8 {
        let loaded = load(&*fixture.store, Load::new(stream("thing-a")).after(Version(after))).await?;
        ensure_eq!(loaded.versions(), (after + 1..7).collect::<Vec<_>>(), "the versions behind {after}");
    }
    Ok(())
}

async fn an_absent_stream_loads_as_nothing(fixture: &Fixture) -> Checked {
    fill(fixture).await?;
    for name in ["thing-b", "absent-a", "thing-a-"] {
        let loaded = load(&*fixture.store, Load::new(stream(name))).await?;
        ensure_eq!(loaded.versions(), [0; 0], "the versions of an absent stream");
    }
    Ok(())
}

async fn a_bare_load_gives_the_same_payloads(fixture: &Fixture) -> Checked {
    fill(fixture).await?;
    let mut older = events(3);
    older[1].schema_version = 7;
    let keyed = AppendRequest::new(stream("thing-a"), ExpectedVersion::Any, older).with_command_key("k");
    store_now(&*fixture.store, &keyed).await?;
    for after in [0, 4, 9] {
        let whole = Load::new(stream("thing-a")).after(Version(after)).with_command_key(Some("k".into()));
        for whole in [whole.clone(), whole.with_command_key(None)] {
            let bare = load(&*fixture.store, whole.clone().bare(true)).await?;
            let whole = load(&*fixture.store, whole).await?;
            ensure_eq!(bare.end, whole.end, "what the key stored");
            ensure_eq!(payloads(bare), payloads(whole), "the payloads of a bare load");
        }
    }
    Ok(())
}

fn payloads(loaded: Loaded) -> Vec<(Position, Version, String, u32, i16, Vec<u8>)> {
    let payload = |row: Row| (row.position, row.version, row.name, row.schema_version, row.encoding, row.data);
    loaded.events.into_iter().map(payload).collect()
}

async fn an_error_of_the_callback_ends_the_load_and_comes_out(fixture: &Fixture) -> Checked {
    fill(fixture).await?;
    let mut calls = 0;
    let wanted = Load::new(stream("thing-a"));
    let loaded = fixture
        .store
        .load(&wanted, &mut |_| {
            calls += 1;
            if calls == 2 { Err(StoreError::fenced("the caller has seen enough")) } else { Ok(()) }
        })
        .await;
    ensure_eq!(calls, 2, "rows handed out to a callback that fails at the second");
    match loaded {
        Ok(_) => ensure!(false, "the callback's error was lost"),
        Err(error) => ensure!(error.is_fenced(), "the callback's error came out as another: {error}"),
    }
    ensure_eq!(load(&*fixture.store, wanted).await?.events.len(), 6, "events loaded after that");
    Ok(())
}

async fn a_load_sees_what_the_other_handle_wrote(fixture: &Fixture) -> Checked {
    let Some(another) = &fixture.another else { return Ok(()) };
    let a = stream("thing-a");
    for (version, pair) in (1..).zip([[&fixture.store, another], [another, &fixture.store]]) {
        let [writer, reader] = pair;
        store_now(&**writer, &AppendRequest::new(a.clone(), ExpectedVersion::Any, events(1))).await?;
        ensure_eq!(load(&**reader, Load::new(a.clone())).await?.events.len(), version, "events loaded");
    }
    Ok(())
}
