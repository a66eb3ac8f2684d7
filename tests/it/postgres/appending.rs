//! Many appends at once, some of which cannot be stored, or not now.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use eventsource::postgres::{Ordering, PgOptions, PgStore};
use eventsource::{AppendOutcome, AppendRequest, EventStore, ExpectedVersion, NewEvent, StoreError, Version};
use eventsource_test_cluster::Database;
use futures::future::join_all;
use sqlx::{Connection, PgConnection};
use tokio::task::JoinHandle;

use super::things::{
    any, check_order, conflict, events, everything, exact, ids_of, in_time, is_whole, number, request, shell, stored,
    thing, until,
};
use super::{database, patient, store_in};

const TASKS: usize = 256;
/// Long enough for an append that waits for nothing.
const A_WHILE: Duration = Duration::from_millis(300);

pub(super) fn both() -> [PgOptions; 2] {
    let on = |ordering| patient().ordering(ordering);
    [on(Ordering::Floor).schema("floor"), on(Ordering::Serialized).schema("serialized")]
}

fn spawn(store: &PgStore, request: Arc<AppendRequest>) -> JoinHandle<Result<AppendOutcome, StoreError>> {
    let store = store.clone();
    tokio::spawn(async move { store.append(request).await })
}

/// All at once, each answered.
async fn all_at_once(
    store: &PgStore,
    requests: impl IntoIterator<Item = Arc<AppendRequest>>,
) -> Vec<Result<AppendOutcome, StoreError>> {
    let sent: Vec<_> = requests.into_iter().map(|request| spawn(store, request)).collect();
    in_time("all appends end", join_all(sent)).await.into_iter().map(Result::unwrap).collect()
}

/// A transaction that has appended to stream `a` and stays open.
async fn locked<'c>(store: &PgStore, connection: &'c mut PgConnection) -> sqlx::Transaction<'c, sqlx::Postgres> {
    let mut transaction = connection.begin().await.unwrap();
    stored(store.append_in(&mut transaction, &request("a", ExpectedVersion::NoStream, 1)).await);
    transaction
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn tasks_on_different_streams_are_all_stored_over_two_connections() {
    let database = database().await;
    for (options, most) in both().into_iter().zip([3, 2]) {
        let name = format!("ops_{}", suffix(&database));
        let url = format!("{}?application_name={name}", database.url());
        PgStore::migrate_with(&url, options.clone()).await.unwrap();
        let store = PgStore::connect_with(&url, options.listen(false)).await.unwrap();
        stored(store.append(any("warm")).await);
        let sent: Vec<_> = (0..TASKS).map(any).collect();
        for outcome in all_at_once(&store, sent).await {
            stored(outcome);
        }
        let all = everything(&store).await;
        check_order(&all);
        assert_eq!(all.len(), TASKS + 1);
        let mut shell = shell(database.url()).await;
        let count = format!("SELECT count(*) FROM pg_stat_activity WHERE application_name = '{name}'");
        // Connections are kept: the writer's two, of which the second is for large batches where appends do not wait for each
        // other's turn, and the one that connected, noted the types and read.
        let count = number(&mut shell, count).await;
        assert!((2..=most).contains(&count), "{count} connections");
    }
}

fn suffix(database: &Database) -> &str {
    &database.name()[database.name().len() - 8..]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn tasks_on_one_stream_with_any_version_are_all_stored() {
    let database = database().await;
    for options in both() {
        let store = store_in(&database, options).await;
        let sent: Vec<_> = (0..TASKS).map(|n| request("hot", ExpectedVersion::Any, 1 + n % 3)).collect();
        let count: usize = sent.iter().map(|request| request.event_count()).sum();
        for outcome in all_at_once(&store, sent).await {
            stored(outcome);
        }
        let all = everything(&store).await;
        check_order(&all);
        assert_eq!(all.len(), count);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_tasks_that_expect_one_version_one_wins_and_the_others_hear_of_it() {
    let database = database().await;
    for options in both() {
        let store = store_in(&database, options.clone()).await;
        let other = PgStore::connect_with(database.url(), options).await.unwrap();
        for version in 0..4 {
            let sent = |store| all_at_once(store, (0..32).map(|_| request("hot", exact(version), 1)));
            let (ours, theirs) = tokio::join!(sent(&store), sent(&other));
            let (won, lost): (Vec<_>, Vec<_>) =
                ours.into_iter().chain(theirs).partition(|outcome| matches!(outcome, Ok(AppendOutcome::Stored(_))));
            assert_eq!(won.len(), 1, "version {version}");
            assert!(lost.into_iter().all(|lost| conflict(lost) == Version(version + 1)));
        }
        assert_eq!(everything(&store).await.len(), 4);
    }
}

/// PostgreSQL's times begin 4713 BC.
fn poison() -> NewEvent {
    let time = "-9999-01-01T00:00:00Z".parse().unwrap();
    NewEvent::new("thing.done", 1, b"{}".to_vec()).with_occurred_at(time)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_request_that_the_server_refuses_does_not_hurt_the_others_of_its_batch() {
    let database = database().await;
    for options in both() {
        let store = store_in(&database, options).await;
        let bad = |n: usize| n % 16 == 5;
        let sent: Vec<_> = (0..TASKS)
            .map(|n| {
                let event = if bad(n) { vec![poison()] } else { events(1) };
                Arc::new(AppendRequest::new(thing(n), ExpectedVersion::NoStream, event))
            })
            .collect();
        for (n, outcome) in all_at_once(&store, sent).await.into_iter().enumerate() {
            if bad(n) {
                let error = outcome.unwrap_err();
                assert!(error.is_invalid() && error.to_string().contains("range"), "{error}");
            } else {
                stored(outcome);
            }
        }
        assert_eq!(everything(&store).await.len(), (0..TASKS).filter(|n| !bad(*n)).count());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_stream_that_an_open_transaction_has_locked_does_not_stall_others() {
    let database = database().await;
    let store = store_in(&database, patient()).await;
    let mut connection = shell(database.url()).await;
    let transaction = locked(&store, &mut connection).await;
    let waiting = [
        spawn(&store, request("a", ExpectedVersion::Any, 1)),
        spawn(&store, request("a", ExpectedVersion::NoStream, 2)),
        spawn(
            &store,
            AppendRequest::new(thing("b"), ExpectedVersion::Any, events(1))
                .and(thing("a"), ExpectedVersion::Any, events(1))
                .into(),
        ),
    ];
    for round in 0..3 {
        let sent: Vec<_> = (0..32).map(|n| request(format!("{round}-{n}"), ExpectedVersion::Any, 1 + n % 2)).collect();
        for outcome in all_at_once(&store, sent).await {
            stored(outcome);
        }
    }
    tokio::time::sleep(A_WHILE).await;
    assert!(waiting.iter().all(|append| !append.is_finished()), "they wait for the transaction");
    transaction.commit().await.unwrap();
    let [first, second, third] = waiting;
    stored(in_time("any version", first).await.unwrap());
    assert!(conflict(in_time("no stream", second).await.unwrap()) >= Version(1));
    stored(in_time("two streams", third).await.unwrap());
    assert_eq!(ids_of(&store, "a").await.len(), 3);
    check_order(&everything(&store).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn appends_to_a_locked_stream_are_stored_when_its_transaction_is_rolled_back() {
    let database = database().await;
    // However the append is sent, it waits for the transaction and not for the time that group commit grants.
    let ways = [("group_commit", patient()), ("alone", patient().group_commit(false)), ("condition", patient())];
    for (way, options) in ways {
        let store = store_in(&database, options.schema(way)).await;
        let mut connection = shell(database.url()).await;
        let transaction = locked(&store, &mut connection).await;
        let append = AppendRequest::new(thing("a"), ExpectedVersion::NoStream, events(2));
        let append = if way == "condition" { append.on_condition(thing("c"), Version(0)) } else { append };
        let waiting = spawn(&store, append.into());
        tokio::time::sleep(A_WHILE).await;
        assert!(!waiting.is_finished(), "{way}: {:?}", waiting.await);
        transaction.rollback().await.unwrap();
        stored(in_time(way, waiting).await.unwrap());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn appends_to_a_stream_that_stays_locked_end_with_a_transient_error() {
    let database = database().await;
    for options in both() {
        let options = options.statement_timeout(Duration::from_millis(700));
        let store = store_in(&database, options).await;
        stored(store.append(any("warm")).await);
        let mut connection = shell(database.url()).await;
        let transaction = locked(&store, &mut connection).await;
        let sent = vec![any("a"), request("a", ExpectedVersion::NoStream, 3), any("a")];
        for outcome in all_at_once(&store, sent).await {
            let error = outcome.unwrap_err();
            assert!(error.is_transient(), "{error}");
        }
        transaction.rollback().await.unwrap();
        stored(in_time("it is free again", store.append(any("b"))).await);
        check_order(&everything(&store).await);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn closing_answers_an_append_that_waits_for_a_locked_stream() {
    let database = database().await;
    let store = store_in(&database, patient().statement_timeout(Duration::from_secs(1))).await;
    let mut connection = shell(database.url()).await;
    let transaction = locked(&store, &mut connection).await;
    let waiting = spawn(&store, any("a"));
    tokio::time::sleep(A_WHILE).await;
    in_time("closing", store.close()).await.unwrap();
    // Answered by now, though its task may still have to be woken.
    assert!(in_time("the append that waited", waiting).await.unwrap().unwrap_err().is_transient());
    assert!(store.append(any("b")).await.unwrap_err().is_closed());
    transaction.commit().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_closed_store_keeps_no_connection() {
    let database = database().await;
    let store = store_in(&database, patient()).await;
    let mut connection = shell(database.url()).await;
    let transaction = locked(&store, &mut connection).await;
    let waiting = spawn(&store, any("a"));
    for outcome in all_at_once(&store, (0..8).map(any).collect::<Vec<_>>()).await {
        stored(outcome);
    }
    transaction.commit().await.unwrap();
    stored(in_time("the append that waited", waiting).await.unwrap());
    everything(&store).await;
    let others = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() \
                  AND pid <> pg_backend_pid() AND backend_type = 'client backend'";
    assert!(number(&mut connection, others).await >= 3);
    store.close().await.unwrap();
    until("all connections are closed", async || number(&mut connection, others).await == 0).await;
    assert!(store.append(any("b")).await.unwrap_err().is_closed());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn an_append_whose_future_is_dropped_is_stored_as_a_whole_or_not_at_all() {
    let database = database().await;
    let store = store_in(&database, patient()).await;
    let mut sent = Vec::new();
    for n in 0..60_u64 {
        let request = request(n, ExpectedVersion::NoStream, 1 + (n % 2) as usize * 2);
        let append = store.append(request.clone());
        let _ = tokio::time::timeout(Duration::from_micros(n * 37 % 1_500), append).await;
        sent.push(request);
        stored(store.append(any("between")).await);
    }
    store.close().await.unwrap();
    let store = PgStore::connect(database.url()).await.unwrap();
    let all = everything(&store).await;
    check_order(&all);
    let by_id = all.iter().map(|seen| (seen.id, seen.clone())).collect();
    let kept = sent.iter().filter(|request| is_whole(request, &by_id)).count();
    assert!(kept < sent.len(), "none was dropped in time");
}

/// The commands of a process manager all depend on one stream.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn appends_that_depend_on_a_stream_wait_for_those_that_write_it_and_not_for_each_other() {
    let database = database().await;
    let store = store_in(&database, patient()).await;
    let (depended, other) = (thing("depended"), thing("other"));
    let depends = AppendRequest::new(thing("a"), ExpectedVersion::Any, events(1));
    let writes = AppendRequest::new(depended.clone(), ExpectedVersion::Any, events(1));
    let mut another = shell(database.url()).await;
    let lock = "SELECT count(*) FROM (SELECT pg_advisory_xact_lock_shared(
                    hashtextextended($1, 'eventsource.events'::regclass::oid::bigint))) AS locked";
    let mut open = another.begin().await.unwrap();
    sqlx::query(lock).bind(depended.as_str()).execute(&mut *open).await.unwrap();
    stored(store.append(Arc::new(depends.on_condition(depended, Version(0)))).await);
    let writing = spawn(&store, Arc::new(writes.on_condition(other, Version(0))));
    let mut looking = shell(database.url()).await;
    let waiting = "SELECT count(*) FROM pg_locks JOIN pg_database ON pg_database.oid = database
                   WHERE locktype = 'advisory' AND NOT granted AND datname = current_database()";
    until("the one that writes it waits", async || number(&mut looking, waiting).await == 1).await;
    open.commit().await.unwrap();
    stored(writing.await.unwrap());
}

/// Alone, many of one event each, and many of several events; with keys and without: each statement answers in a way of its own.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn each_of_many_appends_at_once_gets_its_own_answer() {
    let database = database().await;
    for (round, options) in both().into_iter().enumerate() {
        let store = store_in(&database, options).await;
        for (keyed, most) in [(false, 1), (true, 1), (false, 3), (true, 3)] {
            let name = |n: usize| format!("{round}-{keyed}-{most}-{n}");
            let before: Vec<_> = (0..TASKS).map(|n| request(name(n), ExpectedVersion::NoStream, 1 + n % 4)).collect();
            for outcome in all_at_once(&store, before).await {
                stored(outcome);
            }
            let head = |n: usize| 1 + n as u64 % 4;
            let one = |n: usize| {
                let expected = match n % 5 {
                    0 => exact(head(n) - 1),
                    1 => exact(head(n) + 1),
                    2 => ExpectedVersion::Any,
                    3 => ExpectedVersion::StreamExists,
                    _ => exact(head(n)),
                };
                let request = AppendRequest::new(thing(name(n)), expected, events(1 + n % most));
                Arc::new(if keyed { request.with_command_key("key") } else { request })
            };
            let sent: Vec<_> = (0..TASKS).map(one).collect();
            let answers = all_at_once(&store, sent.clone()).await;
            let all: HashMap<_, _> =
                everything(&store).await.into_iter().map(|seen| (seen.position, seen.id)).collect();
            for (n, (request, answer)) in sent.iter().zip(answers).enumerate() {
                if n % 5 < 2 {
                    assert_eq!(conflict(answer), Version(head(n)), "{n}");
                    continue;
                }
                let appended = stored(answer);
                let place = &appended.streams[0];
                assert_eq!(place.version, Version(head(n) + 1 + (n % most) as u64), "{n}");
                let ids: Vec<_> = place.positions.iter().map(|position| all[position]).collect();
                let asked: Vec<_> = request.writes[0].events.iter().map(|event| event.id).collect();
                assert_eq!(ids, asked, "{n}");
            }
            if keyed {
                // Other events under keys that were used.
                let again: Vec<_> = (0..TASKS).filter(|n| n % 5 >= 2).map(one).collect();
                for outcome in all_at_once(&store, again).await {
                    assert!(matches!(outcome, Ok(AppendOutcome::AlreadyStored(_))), "{outcome:?}");
                }
            }
        }
        check_order(&everything(&store).await);
    }
}
