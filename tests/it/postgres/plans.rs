//! How PostgreSQL finds what it is asked for.

use eventsource::{EventStore, ExpectedVersion};
use sqlx::{AssertSqlSafe, Row};

use super::things::{request, run, shell, stored};
use super::{database, patient, store_in};

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
            let plan = sqlx::raw_sql(explain).fetch_all(&mut shell).await.unwrap();
            let plan: Vec<String> = plan.iter().map(|row| row.get(0)).collect();
            let plan = plan.join("\n");
            let expected = "Index Scan using events_stream_version on events";
            assert!(plan.contains(expected) && !plan.contains("Sort"), "{mode}: {plan}");
        }
        run(&mut shell, "DEALLOCATE asked").await.unwrap();
    }
}
