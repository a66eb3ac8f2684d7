//! The server plans what is appended again and again only once.

use eventsource::{AppendRequest, EventStore, ExpectedVersion};
use eventsource_test_cluster::{Cluster, Database};
use futures::future::join_all;
use sqlx::{Row, raw_sql};
use tokio::task::block_in_place;

use super::things::{any, conflict, events, exact, request, shell, stored, thing};
use super::{patient, skipped, store_in};

const ROUNDS: u64 = 40;

/// With arrays that are shorter than the ten places that the planner assumes where it does not know.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn small_appends_are_not_planned_anew_each_time() {
    let counting = Cluster::builder()
        .setting("shared_preload_libraries", "pg_stat_statements")
        .setting("pg_stat_statements.track_planning", "on");
    let cluster = match block_in_place(|| counting.start()) {
        Ok(cluster) => cluster,
        Err(error) => return skipped(format_args!("no server that counts plans: {error}")),
    };
    let database = Database::create_on(&cluster).await.unwrap();
    let mut shell = shell(database.url()).await;
    raw_sql("CREATE EXTENSION pg_stat_statements").execute(&mut shell).await.unwrap();
    let store = store_in(&database, patient().listen(false)).await;
    for round in 0..ROUNDS {
        stored(store.append(request("several", exact(round * 2), 2)).await);
        conflict(store.append(request("several", ExpectedVersion::NoStream, 1)).await);
        let two = AppendRequest::default().and(thing("one"), ExpectedVersion::Any, events(1));
        stored(store.append(two.and(thing("other"), ExpectedVersion::Any, events(2)).into()).await);
        // The first goes alone, and the others together behind it.
        for count in [1, 2] {
            let appends =
                (0..4).map(|id| store.append(request(format!("{id}-{count}"), exact(round * count as u64), count)));
            join_all(appends).await.into_iter().for_each(|outcome| drop(stored(outcome)));
        }
        stored(store.append(any("one")).await);
    }
    let planned =
        "SELECT query, plans, calls FROM pg_stat_statements WHERE calls >= 20 AND query LIKE '%eventsource%events%'";
    let rows = raw_sql(planned).fetch_all(&mut shell).await.unwrap();
    let inserts = rows.iter().filter(|row| row.get::<&str, _>(0).contains("INSERT INTO")).count();
    // Each way to append: one event, several of a stream, one and several of each of many, and to several streams in one.
    assert!(inserts >= 5, "{inserts} statements that append");
    let anew = rows.iter().filter(|row| row.get::<i64, _>(1) * 2 > row.get::<i64, _>(2));
    let anew: Vec<&str> = anew.map(|row| row.get(0)).collect();
    assert!(anew.is_empty(), "planned more often than for every second call: {anew:#?}");
}
