//! A network that is cut, and answers that are lost on it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use eventsource::postgres::{PgOptions, PgStore};
use eventsource::{
    AppendOutcome, AppendRequest, Appended, EventStore, ExpectedVersion, Load as Ask, Position, StoreError,
};
use eventsource_test_cluster::{Database, Proxy};
use tokio::task::JoinHandle;

use super::load::Load;
use super::things::{
    any, check_order, events, everything, exact, in_time, is_whole, number, page, request, run, shell, stored, thing,
    until,
};
use super::{database, patient, store_in};

/// Set for a cut of half a minute.
const LONG: &str = "EVENTSOURCE_LONG";
const CUT: Duration = Duration::from_secs(3);
const LONG_CUT: Duration = Duration::from_secs(30);
/// So that what is sent into a cut does not take longer than the test wants to.
const TIMEOUT: Duration = Duration::from_secs(3);

fn time() -> Duration {
    if std::env::var_os(LONG).is_some_and(|long| long != "0" && !long.is_empty()) { LONG_CUT } else { CUT }
}

fn impatient() -> PgOptions {
    patient().statement_timeout(TIMEOUT).connect_timeout(TIMEOUT)
}

/// A store behind a proxy, in a database that is ready.
async fn behind_a_proxy(database: &Database, options: PgOptions) -> (Proxy, PgStore) {
    PgStore::migrate_with(database.url(), options.clone()).await.unwrap();
    let proxy = Proxy::start(database.address().unwrap()).unwrap();
    let store = PgStore::connect_with(&proxy.url(database.url()).unwrap(), options).await.unwrap();
    stored(store.append(any("warm")).await);
    (proxy, store)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_cut_network_ends_every_call_in_bounded_time_with_a_transient_error() {
    let database = database().await;
    let (proxy, store) = behind_a_proxy(&database, impatient()).await;
    let behind = everything(&store).await.pop().unwrap().position;
    proxy.cut();
    let ask = Ask::new(thing("warm"));
    let mut nothing = |_: eventsource::LoadRow<'_>| Ok(());
    let many = request("b", ExpectedVersion::Any, 2);
    let conditional = AppendRequest::new(thing("c"), ExpectedVersion::Any, events(1))
        .on_condition(thing("d"), eventsource::Version(0));
    let started = Instant::now();
    let ended = in_time("calls into a cut network", async {
        tokio::join!(
            store.append(any("a")),
            store.append(many),
            store.append(conditional.into()),
            store.load(&ask, &mut nothing),
            page(&store, Position(0)),
            store.wait_past(behind),
        )
    })
    .await;
    // Time-outs for a statement, for a connection, and a second attempt of each.
    assert!(started.elapsed() < TIMEOUT * 10, "{:?}", started.elapsed());
    let (one, two, three, load, read, wait) = ended;
    let errors = [one.err(), two.err(), three.err(), load.err(), read.err(), wait.err()];
    for error in errors {
        let error = error.expect("an error");
        assert!(error.is_transient(), "{error}");
    }
    proxy.restore();
    until("it works again", async || store.append(any("z")).await.is_ok()).await;
    page(&store, Position(0)).await.unwrap();
    in_time("waiting works", store.wait_past(behind)).await.unwrap();
    check_order(&everything(&store).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_network_that_is_cut_under_load_loses_nothing_and_stores_nothing_twice() {
    let database = database().await;
    let (proxy, store) = behind_a_proxy(&database, impatient()).await;
    // Its cursors begin behind what the preparation stored, and its other store is not cut off.
    let direct = store_in(&database, patient().schema("load")).await;
    let cut_off = PgStore::connect_with(&proxy.url(database.url()).unwrap(), impatient().schema("load")).await.unwrap();
    drop(store);
    let load = Load::start(&[cut_off, direct.clone()]);
    load.goes_on(100).await;
    proxy.cut();
    tokio::time::sleep(time()).await;
    until("somebody has noticed", async || load.failures() > 0).await;
    proxy.restore();
    load.goes_on(200).await;
    for _ in 0..20 {
        proxy.reset_all();
        load.goes_on(10).await;
    }
    load.check(&direct).await;
}

/// A name, what is stored before, and what is asked.
type Demand = (&'static str, Option<Arc<AppendRequest>>, Arc<AppendRequest>);

/// What is asked, each in streams that hold nothing else but what `before` says.
fn demands() -> Vec<Demand> {
    let before = |id: &str| Some(request(id, ExpectedVersion::NoStream, 2));
    let three = |id: &str, expected| AppendRequest::new(thing(id), expected, events(3));
    let pair =
        |id: &str, expected| three(id, expected).and(thing(format!("{id}-too")), ExpectedVersion::Any, events(2));
    vec![
        ("no stream, one event", None, request("a", ExpectedVersion::NoStream, 1)),
        ("no stream, three events", None, request("b", ExpectedVersion::NoStream, 3)),
        ("exact, one event", before("c"), request("c", exact(2), 1)),
        ("exact, three events", before("d"), request("d", exact(2), 3)),
        ("any, one event", before("e"), request("e", ExpectedVersion::Any, 1)),
        ("any, three events", before("f"), request("f", ExpectedVersion::Any, 3)),
        ("stream exists", before("g"), request("g", ExpectedVersion::StreamExists, 1)),
        ("keyed", before("h"), three("h", ExpectedVersion::Any).with_command_key("key").into()),
        ("keyed, exact", before("i"), three("i", exact(2)).with_command_key("key").into()),
        ("two streams", before("j"), pair("j", exact(2)).into()),
        ("two streams, keyed", None, pair("k", ExpectedVersion::NoStream).with_command_key("key").into()),
    ]
}

type Answer = JoinHandle<Result<AppendOutcome, StoreError>>;

/// What a statement's preparation waits for would be no more than that.
async fn prepare_statements(store: &PgStore) {
    for count in [1, 2] {
        // With a look for a key, which an append without expectation has, and without; to one stream and to two.
        for expected in [ExpectedVersion::Any, ExpectedVersion::NoStream] {
            let two = AppendRequest::clone(&request("warm", expected, count)).and(thing("warmer"), expected, events(1));
            for request in [request("warm", expected, count), two.into()] {
                until("it works", async || store.append(request.clone()).await.is_ok()).await;
            }
        }
    }
}

/// Sends an append and lets the server store it while its answer is held back: it waits for a lock on the table until
/// the network is cut.
async fn store_without_an_answer(
    proxy: &Proxy,
    direct: &PgStore,
    url: &str,
    store: &PgStore,
    request: &Arc<AppendRequest>,
) -> Answer {
    let mut blocker = shell(url).await;
    run(&mut blocker, "BEGIN; LOCK TABLE eventsource.events IN SHARE MODE").await.unwrap();
    let append = {
        let (store, request) = (store.clone(), request.clone());
        tokio::spawn(async move { store.append(request).await })
    };
    let waiting = "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'eventsource.events'::regclass";
    until("the append waits", async || number(&mut blocker, waiting).await > 0).await;
    proxy.cut();
    run(&mut blocker, "COMMIT").await.unwrap();
    let last = request.writes[0].events[0].id;
    until("it is stored", async || everything(direct).await.iter().any(|seen| seen.id == last)).await;
    append
}

async fn check(direct: &PgStore, name: &str, before: usize, request: &AppendRequest, told: &Appended) {
    let all = everything(direct).await;
    check_order(&all);
    assert_eq!(all.len(), before + request.event_count(), "{name}");
    let by_id = all.iter().map(|seen| (seen.id, seen.clone())).collect();
    assert!(is_whole(request, &by_id), "{name}");
    for (write, place) in request.writes.iter().zip(&told.streams) {
        let positions: Vec<_> = write.events.iter().map(|event| by_id[&event.id].position).collect();
        assert_eq!(positions, place.positions, "{name}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn an_append_whose_acknowledgement_is_lost_is_sent_again_by_itself_and_stored_once() {
    let database = database().await;
    let (proxy, store) = behind_a_proxy(&database, patient().listen(false)).await;
    let direct = PgStore::connect(database.url()).await.unwrap();
    for (name, before, request) in demands() {
        prepare_statements(&store).await;
        if let Some(before) = before {
            stored(store.append(before).await);
        }
        let count = everything(&direct).await.len();
        let append = store_without_an_answer(&proxy, &direct, database.url(), &store, &request).await;
        proxy.reset_all();
        proxy.restore();
        let told = stored(in_time(name, append).await.unwrap());
        check(&direct, name, count, &request, &told).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn an_append_whose_answer_never_came_is_already_stored_when_it_is_sent_again() {
    let database = database().await;
    let (proxy, store) = behind_a_proxy(&database, impatient().listen(false)).await;
    let direct = PgStore::connect(database.url()).await.unwrap();
    for (name, before, request) in demands() {
        prepare_statements(&store).await;
        if let Some(before) = before {
            stored(store.append(before).await);
        }
        let count = everything(&direct).await.len();
        let append = store_without_an_answer(&proxy, &direct, database.url(), &store, &request).await;
        let error = in_time(name, append).await.unwrap().unwrap_err();
        assert!(error.is_transient(), "{name}: {error}");
        proxy.restore();
        let again = loop {
            match store.append(request.clone()).await {
                Err(error) if error.is_transient() => {}
                again => break again.unwrap(),
            }
        };
        let AppendOutcome::AlreadyStored(told) = again else { panic!("{name}: {again:?}") };
        check(&direct, name, count, &request, &told).await;
    }
}
