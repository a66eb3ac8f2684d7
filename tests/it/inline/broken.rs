//! Folds that fail, and what else must not happen by halves.

use eventsource::{AppendOutcome, AppendRequest, EventStore, InlineStore, Position, Read, Version, View};

use super::things::*;

async fn head(store: &impl EventStore) -> Position {
    store.head().await.unwrap().newest
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_fold_that_panics_fails_the_append_and_stores_nothing() {
    struct Test;
    impl OnEach for Test {
        async fn on<S: InlineStore + Clone>(&self, store: S, _: S) {
            let kept = inline(store.clone()).await;
            stored(&kept, 1, vec![moved(1)]).await;
            let (before, stands) = (row(&store, 1).await, head(&store).await);
            let request = AppendRequest::new(account(2), Version(0), vec![moved(1)])
                .and(account(1), Version(1), vec![moved(UNBEARABLE)])
                .with_command_key("unbearable");
            let error = kept.append(request.into()).await.unwrap_err();
            let message =
                "view inline_balances v1: a fold of stream account-1 panicked: such an amount cannot be borne";
            assert_eq!(error.to_string(), message);
            assert!(!error.is_transient());
            assert_eq!((row(&store, 1).await, row(&store, 2).await), (before, None));
            assert_eq!(head(&store).await, stands);
            let page = store.read(&Read::all(), &mut |_| Ok(())).await.unwrap();
            assert_eq!(page.count, 1);
            // Neither its key nor its versions are burnt.
            let request = AppendRequest::new(account(2), Version(0), vec![moved(1)])
                .and(account(1), Version(1), vec![moved(2)])
                .with_command_key("unbearable");
            let outcome = kept.append(request.into()).await.unwrap();
            assert!(matches!(outcome, AppendOutcome::Stored(_)), "{outcome:?}");
            assert_eq!(row(&store, 1).await.unwrap().cents, 3);
            is_exact(&store).await;
        }
    }
    on_each(Test).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_table_that_is_gone_fails_the_append_and_stores_nothing() {
    struct Test;
    impl OnEach for Test {
        async fn on<S: InlineStore + Clone>(&self, store: S, _: S) {
            let kept = inline(store.clone()).await;
            store
                .serve_view(&eventsource::ViewTable::new("inline_balances", 9, Balance::TABLE.columns, 0))
                .await
                .unwrap_err();
            let another = eventsource::ViewTable::new("inline_balances", 9, Balance::TABLE.columns, 0);
            store.create_view(&another).await.unwrap();
            store.serve_view(&another).await.unwrap();
            let held = store.held_views("inline_balances").await.unwrap();
            store.drop_view(held.iter().find(|held| held.is(&Balance::TABLE)).unwrap()).await.unwrap();
            let error = append(&kept, 1, Version(0), vec![moved(1)]).await.unwrap_err();
            assert!(error.is_invalid() && error.to_string().contains("does not hold its table"), "{error}");
            assert_eq!(head(&store).await, Position(0));
            // Of no concern to the view.
            stored(&kept, 1, vec![noted()]).await;
        }
    }
    on_each(Test).await;
}
