//! Views as tables of PostgreSQL: types, rights, switches under readers, locks.

use std::time::Duration;

use eventsource::postgres::PgStore;
use eventsource::{Claim, ColumnValue, EventStore, HeldView, RowChanges, Scan, ViewStore};
use sqlx::{Connection, Row};
use uuid::Uuid;

use super::rights::Role;
use super::things::{in_time, number, run, shell, text, until};
use super::{database, patient, store_in};
use crate::views_sql::tables::*;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_columns_of_a_view_have_real_types() {
    let database = database().await;
    let store = store_in(&database, patient()).await;
    store.create_view(&ACCOUNTS).await.unwrap();
    write(&store, &ACCOUNTS, vec![account("a", Some("Ünal"), 5), account("b", None, -1)], 1).await.unwrap();
    store.serve_view(&ACCOUNTS).await.unwrap();
    let mut shell = shell(database.url()).await;
    let columns = format!(
        "SELECT string_agg(concat_ws(' ', column_name, data_type, collation_name, is_nullable), ', ' ORDER BY ordinal_position) \
         FROM information_schema.columns WHERE table_name = '{}'",
        ACCOUNTS.table_name()
    );
    assert_eq!(
        text(&mut shell, columns).await,
        "account text C NO, owner text C YES, cents bigint NO, open boolean NO, rate double precision NO, \
         tag uuid NO, since timestamp with time zone NO, exact numeric NO, extra jsonb YES"
    );
    let plain = "SELECT string_agg(concat_ws('|', account, owner, cents * 2, NOT open, rate, tag, \
                 since AT TIME ZONE 'UTC', exact, extra -> 'a'), ' ' ORDER BY account) FROM eventsource.accounts";
    let rest = "f|1.5|00000000-0000-0000-0000-000000000007|2024-02-29 12:00:00.000042|12.50|[1, null]";
    assert_eq!(text(&mut shell, plain).await, format!("a|Ünal|10|{rest} b|-2|{rest}"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pages_of_a_view_come_from_its_index() {
    let database = database().await;
    let store = store_in(&database, patient()).await;
    store.create_view(&ACCOUNTS).await.unwrap();
    let rows = (0..5_000).map(|id| account(&format!("{id:05}"), (id % 3 > 0).then_some("o"), id)).collect();
    write(&store, &ACCOUNTS, rows, 1).await.unwrap();
    let mut shell = shell(database.url()).await;
    run(&mut shell, format!("SET search_path = eventsource; ANALYZE {}", ACCOUNTS.table_name())).await.unwrap();
    let table = ACCOUNTS.table_name();
    for (order, range) in [
        ("owner NULLS FIRST, account", "(owner, account) > ('n', '')  AND owner IS NOT NULL"),
        ("owner NULLS FIRST, account", "owner IS NULL AND account > '00100'"),
        ("owner DESC NULLS LAST, account DESC", "(owner, account) < ('o', '9') AND owner IS NOT NULL"),
        ("cents NULLS FIRST, account", "cents >= 5 AND (cents, account) > (7, '00007')"),
        ("account DESC", "account < '00100'"),
    ] {
        let explain = format!("EXPLAIN SELECT * FROM {table} WHERE {range} ORDER BY {order} LIMIT 10");
        let plan = sqlx::query(sqlx::AssertSqlSafe(explain)).fetch_all(&mut shell).await.unwrap();
        let plan: Vec<String> = plan.iter().map(|row| row.get(0)).collect();
        let plan = plan.join("\n");
        assert!(plan.contains("Index Cond") && !plan.contains("Sort"), "{range}: {plan}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_processes_make_and_serve_one_view_at_the_same_time() {
    let database = database().await;
    let first = store_in(&database, patient()).await;
    let second = PgStore::connect(database.url()).await.unwrap();
    let starting = (0..16).map(|number| {
        let store = if number % 2 == 0 { first.clone() } else { second.clone() };
        tokio::spawn(async move {
            store.create_view(&ACCOUNTS).await?;
            store.serve_view(&ACCOUNTS).await
        })
    });
    for started in futures::future::join_all(starting).await {
        started.unwrap().unwrap();
    }
    let held = HeldView::new("accounts", 1, ACCOUNTS.fingerprint(), true);
    assert_eq!(second.held_views("accounts").await.unwrap(), [held]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_role_that_may_not_make_tables_writes_views_that_somebody_else_has_made() {
    let database = database().await;
    let owner = store_in(&database, patient()).await;
    let role = Role::create(&database).await;
    role.grant("eventsource").await;
    let store = PgStore::connect(&role.url).await.unwrap();
    let error = store.create_view(&ACCOUNTS).await.unwrap_err().to_string();
    assert!(error.contains("may not make") && error.contains("PgStore::grants"), "{error}");
    owner.create_view(&ACCOUNTS).await.unwrap();
    // For it, what is there is as good as made.
    store.create_view(&ACCOUNTS).await.unwrap();
    write(&store, &ACCOUNTS, vec![account("a", None, 1)], 1).await.unwrap();
    let changes = RowChanges::new(vec![account("b", None, 2)], vec![account("a", None, 1)[0].clone()]);
    store.write_rows(&ACCOUNTS, &changes, at(&store, 2)).await.unwrap();
    assert_eq!(state(&store, &ACCOUNTS).await.0, [account("b", None, 2)]);
    assert!(store.serve_view(&ACCOUNTS).await.unwrap_err().to_string().contains("PgStore::grants"));
    owner.serve_view(&ACCOUNTS).await.unwrap();
    store.serve_view(&ACCOUNTS).await.unwrap();
    let mut theirs = shell(&role.url).await;
    assert_eq!(number(&mut theirs, "SELECT cents FROM eventsource.accounts").await, 2);
    // A role that comes later gets the same, and one with more rights makes views by itself.
    let mut admin = shell(database.url()).await;
    run(&mut admin, format!("REVOKE ALL ON ALL TABLES IN SCHEMA eventsource FROM {}", role.name)).await.unwrap();
    role.grant("eventsource").await;
    write(&store, &ACCOUNTS, vec![account("c", None, 3)], 3).await.unwrap();
    let more = format!(
        "GRANT CREATE ON SCHEMA eventsource TO {0}; GRANT INSERT, UPDATE, DELETE ON eventsource.views TO {0}; \
         GRANT DELETE ON eventsource.checkpoints TO {0}",
        role.name
    );
    run(&mut admin, more).await.unwrap();
    let other = eventsource::ViewTable::new("others", 1, ACCOUNTS.columns, 0);
    let newer = eventsource::ViewTable::new("others", 2, ACCOUNTS.columns, 0);
    for table in [&other, &newer] {
        store.create_view(table).await.unwrap();
        write(&store, table, vec![account("a", None, 1)], 1).await.unwrap();
        store.serve_view(table).await.unwrap();
    }
    store.drop_view(&HeldView::new("others", 1, other.fingerprint(), false)).await.unwrap();
    assert_eq!(store.held_views("others").await.unwrap().len(), 1);
    assert_eq!(number(&mut admin, "SELECT cents FROM eventsource.others").await, 1);
    store.close().await.unwrap();
    drop(theirs);
    role.drop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn readers_see_one_version_or_the_other_while_a_view_is_switched() {
    let database = database().await;
    let store = store_in(&database, patient()).await;
    let role = Role::create(&database).await;
    let versions = [&ACCOUNTS, &ACCOUNTS_V2, &ACCOUNTS_V3];
    for (table, cents) in versions.into_iter().zip(1..) {
        store.create_view(table).await.unwrap();
        let row = |id: usize| match table.version {
            3 => {
                let row = account(&format!("{id:03}"), None, cents);
                vec![row[2].clone(), row[0].clone(), ColumnValue::Null]
            }
            _ => account(&format!("{id:03}"), None, cents),
        };
        write(&store, table, (0..100).map(row).collect(), 1).await.unwrap();
        store.serve_view(table).await.unwrap();
    }
    let mut admin = shell(database.url()).await;
    let reading = format!(
        "GRANT USAGE ON SCHEMA eventsource TO {0}; GRANT SELECT ON eventsource.accounts TO {0} WITH GRANT OPTION",
        role.name
    );
    run(&mut admin, reading).await.unwrap();
    let url = role.url.clone();
    let readers: Vec<_> = (0..2)
        .map(|_| {
            let url = url.clone();
            tokio::spawn(async move {
                let mut shell = shell(&url).await;
                let (mut seen, mut reads) = (std::collections::BTreeSet::new(), 0);
                while seen.len() < 3 || reads < 200 {
                    let row = sqlx::query("SELECT count(*), min(cents), max(cents) FROM eventsource.accounts")
                        .fetch_one(&mut shell)
                        .await
                        .unwrap();
                    let (count, min, max): (i64, i64, i64) = (row.get(0), row.get(1), row.get(2));
                    assert_eq!((count, min), (100, max));
                    seen.insert(min);
                    reads += 1;
                }
            })
        })
        .collect();
    in_time("reading", async {
        while !readers.iter().all(tokio::task::JoinHandle::is_finished) {
            for table in versions {
                store.serve_view(table).await.unwrap();
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        }
    })
    .await;
    for reader in readers {
        reader.await.unwrap();
    }
    let held = store.held_views("accounts").await.unwrap();
    assert_eq!(held.iter().filter(|held| held.serving).count(), 1);
    role.drop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_people_made_of_a_view_is_not_dropped_with_it() {
    let database = database().await;
    let store = store_in(&database, patient()).await;
    for table in [&ACCOUNTS, &ACCOUNTS_V2, &ACCOUNTS_V3] {
        store.create_view(table).await.unwrap();
    }
    write(&store, &ACCOUNTS_V2, vec![account("a", None, 2)], 1).await.unwrap();
    store.serve_view(&ACCOUNTS).await.unwrap();
    let mut shell = shell(database.url()).await;
    run(&mut shell, "CREATE VIEW total AS SELECT count(*) AS n FROM eventsource.accounts").await.unwrap();
    // Of the same columns it is replaced where it stands.
    store.serve_view(&ACCOUNTS_V2).await.unwrap();
    assert_eq!(number(&mut shell, "SELECT n FROM total").await, 1);
    let error = store.serve_view(&ACCOUNTS_V3).await.unwrap_err().to_string();
    assert!(error.contains("made of it") && error.contains("total"), "{error}");
    assert_eq!(number(&mut shell, "SELECT n FROM total").await, 1);
    let held = store.held_views("accounts").await.unwrap();
    assert_eq!(held.iter().map(|held| held.serving).collect::<Vec<_>>(), [false, true, false]);
    run(&mut shell, "DROP VIEW total").await.unwrap();
    store.serve_view(&ACCOUNTS_V3).await.unwrap();
    assert_eq!(number(&mut shell, "SELECT count(note) FROM eventsource.accounts").await, 0);
    // One that was dropped by hand is shown again.
    run(&mut shell, "DROP VIEW eventsource.accounts").await.unwrap();
    store.serve_view(&ACCOUNTS_V3).await.unwrap();
    assert_eq!(number(&mut shell, "SELECT count(*) FROM eventsource.accounts").await, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_relation_of_somebody_elses_is_not_overwritten() {
    let database = database().await;
    let store = store_in(&database, patient()).await;
    let events = eventsource::ViewTable::new("events", 1, ACCOUNTS.columns, 0);
    let error = store.create_view(&events).await.unwrap_err();
    assert!(error.is_invalid() && error.to_string().contains("of the name events"), "{error}");
    store.create_view(&ACCOUNTS).await.unwrap();
    let mut shell = shell(database.url()).await;
    for (make, drop) in [
        ("TABLE eventsource.accounts (n bigint)", "TABLE eventsource.accounts"),
        ("VIEW eventsource.accounts AS SELECT 7 AS n", "VIEW eventsource.accounts"),
        ("SEQUENCE eventsource.accounts", "SEQUENCE eventsource.accounts"),
    ] {
        run(&mut shell, format!("CREATE {make}")).await.unwrap();
        let error = store.serve_view(&ACCOUNTS).await.unwrap_err();
        assert!(error.is_invalid() && error.to_string().contains("of the name accounts"), "{error}");
        run(&mut shell, format!("DROP {drop}")).await.unwrap();
    }
    store.serve_view(&ACCOUNTS).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_long_read_delays_a_switch_and_no_other_reader() {
    let database = database().await;
    let options = patient().statement_timeout(Duration::from_secs(3));
    let store = store_in(&database, options).await;
    for table in [&ACCOUNTS, &ACCOUNTS_V2] {
        store.create_view(table).await.unwrap();
        write(&store, table, vec![account("a", None, i64::from(table.version))], 1).await.unwrap();
    }
    store.serve_view(&ACCOUNTS).await.unwrap();
    let (mut long, mut other) = (shell(database.url()).await, shell(database.url()).await);
    let mut reading = long.begin().await.unwrap();
    let count = "SELECT count(*) FROM eventsource.accounts";
    assert_eq!(number(&mut reading, count).await, 1);
    let switching = tokio::spawn({
        let store = store.clone();
        async move { store.serve_view(&ACCOUNTS_V2).await }
    });
    while !switching.is_finished() {
        in_time("another reader", async { number(&mut other, count).await }).await;
    }
    let error = switching.await.unwrap().unwrap_err();
    assert!(
        error.is_transient() && error.to_string().contains("view accounts: somebody has kept it locked"),
        "{error}"
    );
    assert_eq!(number(&mut other, "SELECT cents FROM eventsource.accounts").await, 1);
    drop(reading);
    long.close().await.unwrap();
    store.serve_view(&ACCOUNTS_V2).await.unwrap();
    assert_eq!(number(&mut other, "SELECT cents FROM eventsource.accounts").await, 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_postgresql_cannot_keep_is_refused_and_changes_nothing() {
    let database = database().await;
    let store = store_in(&database, patient()).await;
    store.create_view(&ACCOUNTS).await.unwrap();
    write(&store, &ACCOUNTS, vec![account("kept", None, 5)], 1).await.unwrap();
    refuses(&store, 1, ColumnValue::Text("a\0b".to_owned()), "U+0000").await;
    refuses(&store, 0, ColumnValue::Text("\0".to_owned()), "U+0000").await;
    refuses(&store, 8, ColumnValue::Json(r#"{"a":"\u0000"}"#.to_owned()), "U+0000").await;
    refuses(&store, 8, ColumnValue::Json("{".to_owned()), "not JSON").await;
    refuses(&store, 7, ColumnValue::Decimal("twelve".to_owned()), "not a decimal").await;
    let early = chrono::DateTime::<chrono::Utc>::MIN_UTC;
    refuses(&store, 6, ColumnValue::Time(early), "a time before").await;
    // Two backslashes are one, and no escape.
    let mut fits = account("fits", None, 1);
    fits[8] = ColumnValue::Json(r#""\\u0000""#.to_owned());
    write(&store, &ACCOUNTS, vec![fits], 2).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_write_that_waited_while_its_owner_was_taken_over_changes_nothing() {
    let database = database().await;
    let store = store_in(&database, patient()).await;
    store.create_view(&ACCOUNTS).await.unwrap();
    let key = ACCOUNTS.checkpoint_key();
    let Claim::Owned(first) = store.claim(&key, Uuid::from_u128(1), Duration::ZERO).await.unwrap() else { panic!() };
    let mut other = shell(database.url()).await;
    let mut holding = other.begin().await.unwrap();
    run(&mut holding, "SELECT FROM eventsource.checkpoints FOR UPDATE").await.unwrap();
    let late = tokio::spawn({
        let (store, checkpoint) = (store.clone(), at(&store, 1).owner_epoch(first.owner_epoch));
        async move {
            let changes = RowChanges::new(vec![account("late", None, 1)], Vec::new());
            store.write_rows(&ACCOUNTS, &changes, checkpoint).await
        }
    });
    let mut looking = shell(database.url()).await;
    let waiting =
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
    until("the write waits", async || number(&mut looking, waiting).await == 1).await;
    run(&mut holding, "UPDATE eventsource.checkpoints SET owner_epoch = owner_epoch + 1").await.unwrap();
    holding.commit().await.unwrap();
    assert!(late.await.unwrap().unwrap_err().is_fenced());
    assert_eq!(store.scan_rows(&ACCOUNTS, &Scan::by(0)).await.unwrap(), Vec::<eventsource::Row>::new());
}
