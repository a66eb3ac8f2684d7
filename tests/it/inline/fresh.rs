//! A row is folded from what is stored when its stream is locked, whoever has changed that, and how.

use eventsource::sqlite::SqliteStore;
use eventsource::{ColumnValue, InlineStore, RowChanges, Version, View, ViewTable};

use super::things::*;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_another_process_has_written_since_is_folded_on() {
    struct Test;
    impl OnEach for Test {
        async fn on<S: InlineStore + Clone>(&self, store: S, another: S) {
            let (kept, also) = (inline(store.clone()).await, inline(another.clone()).await);
            for round in 0..3 {
                stored(&kept, 1, vec![moved(round)]).await;
                stored(&also, 1, vec![moved(10 * round)]).await;
                stored(&also, 1, vec![closed()]).await;
                stored(&also, 1, vec![moved(7), noted()]).await;
                stored(&kept, 1, vec![moved(1)]).await;
                assert_eq!(row(&store, 1).await.unwrap().cents, 8, "{round}");
            }
            is_exact(&store).await;
        }
    }
    on_each(Test).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_row_that_somebody_has_changed_is_folded_on_as_it_is_now() {
    struct Test;
    impl OnEach for Test {
        async fn on<S: InlineStore + Clone>(&self, store: S, another: S) {
            let kept = inline(store.clone()).await;
            stored(&kept, 1, vec![moved(1), moved(2)]).await;
            stored(&kept, 1, vec![moved(4)]).await;
            let key = [ColumnValue::Text("1".to_owned())];
            let mut older = another.rows(&Balance::TABLE, &key).await.unwrap().remove(0);
            (older[1], older[2]) = (ColumnValue::Int(0), ColumnValue::Int(100));
            let change = async |changes| {
                let checkpoint = another.load_checkpoint(&Balance::TABLE.checkpoint_key()).await.unwrap().unwrap();
                another.write_rows(&Balance::TABLE, &changes, checkpoint).await.unwrap();
            };
            change(RowChanges::new(Vec::new(), key.to_vec())).await;
            stored(&kept, 1, vec![moved(8)]).await;
            assert_eq!(row(&store, 1).await.unwrap().cents, 15, "it was deleted");
            change(RowChanges::new(vec![older], Vec::new())).await;
            stored(&kept, 1, vec![moved(16)]).await;
            assert_eq!(row(&store, 1).await.unwrap().cents, 131, "it has nothing of its stream in it");
        }
    }
    on_each(Test).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_append_that_was_undone_leaves_nothing_to_fold_on() {
    struct Test;
    impl OnEach for Test {
        async fn on<S: InlineStore + Clone>(&self, store: S, _: S) {
            let kept = inline(store.clone()).await;
            stored(&kept, 1, vec![moved(1)]).await;
            append(&kept, 1, Version(1), vec![moved(2), moved(UNBEARABLE)]).await.unwrap_err();
            stored(&kept, 1, vec![moved(4)]).await;
            let alice = row(&store, 1).await.unwrap();
            assert_eq!((alice.cents, alice.events, alice.version), (5, 2, Version(2)));
            is_exact(&store).await;
        }
    }
    on_each(Test).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_table_that_was_dropped_and_made_again_is_folded_anew() {
    struct Test;
    impl OnEach for Test {
        async fn on<S: InlineStore + Clone>(&self, store: S, another: S) {
            let kept = inline(store.clone()).await;
            for id in 0..3 {
                stored(&kept, id, vec![moved(1)]).await;
            }
            // The release after has the name, and the table goes.
            let ViewTable { name, columns, key, .. } = Balance::TABLE;
            let next = ViewTable::new(name, 2, columns, key);
            another.create_view(&next).await.unwrap();
            another.serve_view(&next).await.unwrap();
            let held = another.held_views(name).await.unwrap();
            another.drop_view(held.iter().find(|held| held.is(&Balance::TABLE)).unwrap()).await.unwrap();
            append(&kept, 1, Version(1), vec![moved(2)]).await.unwrap_err();
            stored(&another, 1, vec![moved(4)]).await;
            another.create_view(&Balance::TABLE).await.unwrap();
            stored(&kept, 1, vec![moved(8)]).await;
            let alice = row(&store, 1).await.unwrap();
            assert_eq!((alice.cents, alice.events, alice.version), (13, 3, Version(3)));
            assert_eq!(row(&store, 2).await, None, "nothing has been folded into it since it was made again");
            inline(store.clone()).await;
            is_exact(&store).await;
        }
    }
    on_each(Test).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_that_was_erased_with_its_row_begins_anew() {
    let store = SqliteStore::in_memory().await.unwrap();
    let kept = inline(store.clone()).await;
    stored(&kept, 1, vec![moved(1)]).await;
    stored(&kept, 1, vec![moved(2)]).await;
    let rows = format!("DELETE FROM \"{}\"", Balance::TABLE.table_name());
    let erased = store.maintenance("anna", "case 17", async |connection| {
        sqlx::query("DELETE FROM events WHERE stream = 'account-1'").execute(&mut *connection).await?;
        sqlx::query(sqlx::AssertSqlSafe(rows)).execute(connection).await?;
        Ok(())
    });
    erased.await.unwrap();
    stored(&kept, 1, vec![moved(4)]).await;
    let alice = row(&store, 1).await.unwrap();
    assert_eq!((alice.cents, alice.events, alice.version), (4, 1, Version(1)));
}
