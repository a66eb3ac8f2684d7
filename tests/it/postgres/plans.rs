//! How PostgreSQL finds what it is asked for, and that it thinks about that only once.

use eventsource::{AppendRequest, EventStore, ExpectedVersion, Version};
use eventsource_test_cluster::{Cluster, Database};
use futures::future::join_all;
use sqlx::{AssertSqlSafe, Row, raw_sql};
use tokio::task::block_in_place;

use super::things::{any, conflict, events, exact, request, run, shell, stored, thing};
use super::{database, patient, skipped, store_in};

macro_rules! statement {
    ($name:literal) => {
        include_str!(concat!("../../../eventsource-postgres/src/sql/", $name, ".sql"))
    };
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_events_of_a_long_stream_come_as_the_index_has_them() {
    let database = database().await;
    let store = store_in(&database, patient()).await;
    for id in 0..5 {
        stored(store.append(request(id, ExpectedVersion::NoStream, 1_000)).await);
    }
    let mut shell = shell(database.url()).await;
    run(&mut shell, "ANALYZE eventsource.events").await.unwrap();
    let keyed = statement!("load_bare_keyed").replace("{tail}", statement!("load_bare"));
    let whole = ("text, bigint, text, bigint, int, text", "'thing-1', 0, 'state', 1, 1, NULL");
    for (text, (types, values)) in [
        (statement!("load_tail"), ("text, bigint", "'thing-1', 0")),
        (statement!("load_bare"), ("text, bigint", "'thing-1', 0")),
        (&keyed, ("text, bigint, text", "'thing-1', 0, 'key'")),
        (statement!("load_bare_snapshot"), whole),
        (statement!("load"), whole),
    ] {
        let text = text.replace("{columns}", statement!("columns")).replace("{form}", statement!("form"));
        let text = text.replace("{snapshot_as_of}", "").replace("{tail_as_of}", "").replace("{stream}", "NULL");
        let text = text.replace("{as_found}", statement!("as_found")).replace("{es}", "eventsource");
        run(&mut shell, format!("PREPARE asked ({types}) AS {text}")).await.unwrap();
        // With the values known and without: the server takes now one, now the other.
        for mode in ["force_custom_plan", "force_generic_plan"] {
            run(&mut shell, format!("SET plan_cache_mode = {mode}")).await.unwrap();
            let explain = AssertSqlSafe(format!("EXPLAIN EXECUTE asked ({values})"));
            let plan = raw_sql(explain).fetch_all(&mut shell).await.unwrap();
            let plan: Vec<String> = plan.iter().map(|row| row.get(0)).collect();
            let plan = plan.join("\n");
            let expected = "Index Scan using events_stream_version on events";
            assert!(plan.contains(expected) && !plan.contains("Sort"), "{mode}: {plan}");
        }
        run(&mut shell, "DEALLOCATE asked").await.unwrap();
    }
}

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
        let depends = |id: &str| AppendRequest::clone(&any(id)).on_condition(thing("never"), Version(0));
        let conditional = ["depends", "too", "as well"].map(|id| store.append(depends(id).into()));
        join_all(conditional).await.into_iter().for_each(|outcome| drop(stored(outcome)));
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
