//! The start of a view on a store that is in use, and who else may write its table.

use std::time::Duration;

use eventsource::{Activity, InlineStore, InlineViews, Projections, Token, Version, View, ViewReader};

use super::things::*;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_store_is_folded_when_the_view_starts() {
    struct Test;
    impl OnEach for Test {
        async fn on<S: InlineStore + Clone>(&self, store: S, another: S) {
            for id in 0..150 {
                stored(&store, id, vec![moved(id as i64), noted(), moved(1)]).await;
            }
            stored(&store, 3, vec![closed()]).await;
            let kept = inline(store.clone()).await;
            let held = store.held_views("inline_balances").await.unwrap();
            assert!(held.iter().any(|held| held.serving && held.is(&Balance::TABLE)));
            let last = row(&store, 149).await.unwrap();
            assert_eq!((last.cents, last.events, last.version), (150, 2, Version(3)));
            assert_eq!(row(&store, 3).await, None);
            // Two processes have it together.
            let also = inline(another).await;
            stored(&kept, 3, vec![moved(5)]).await;
            stored(&also, 3, vec![moved(6)]).await;
            assert_eq!(row(&store, 3).await.unwrap().cents, 11);
            is_exact(&store).await;
        }
    }
    on_each(Test).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_projection_and_an_inline_view_never_have_one_table() {
    struct Test;
    impl OnEach for Test {
        async fn on<S: InlineStore + Clone>(&self, store: S, another: S) {
            stored(&store, 1, vec![moved(1)]).await;
            let projections = Projections::new(&store).lease(Duration::from_secs(1)).view::<Balance>();
            let statuses = projections.statuses();
            let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
            let running = tokio::spawn(projections.run(async {
                let _ = stopped.await;
            }));
            while statuses.all().iter().all(|status| status.activity != Activity::Live) {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            let refused = InlineViews::new(another.clone()).add::<Account, Balance>().start().await.err().unwrap();
            assert!(refused.is_transient() && refused.to_string().contains("is projected by"), "{refused}");
            stop.send(()).unwrap();
            running.await.unwrap().unwrap();

            // It goes on where the projection ended.
            let kept = inline(another).await;
            stored(&kept, 1, vec![moved(2)]).await;
            assert_eq!(row(&store, 1).await.unwrap().cents, 3);
            let refused = Projections::new(&store).view::<Balance>().run(std::future::pending()).await.unwrap_err();
            assert!(refused.is_invalid() && refused.to_string().contains("is kept inline"), "{refused}");
            is_exact(&store).await;
        }
    }
    on_each(Test).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_waits_for_an_inline_view() {
    struct Test;
    impl OnEach for Test {
        async fn on<S: InlineStore + Clone>(&self, store: S, _: S) {
            let kept = inline(store.clone()).await;
            let accounts = eventsource::Repository::<Account>::new(kept);
            let done = accounts.execute("1", |_| Moved { cents: 7 }).await.unwrap();
            let balances = ViewReader::<Balance>::inline(store.clone());
            let token: Token = done.token;
            balances.wait_for(&token, Duration::ZERO).await.unwrap();
            assert_eq!(balances.get("1").await.unwrap().unwrap().cents, 7);
            let elsewhere = ViewReader::<Balance>::inline(eventsource::memory::MemoryStore::new());
            assert!(elsewhere.wait_for(&token, Duration::ZERO).await.unwrap_err().is_rewound());
        }
    }
    on_each(Test).await;
}
