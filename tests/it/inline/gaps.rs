//! What a row is behind is folded first.

use eventsource::{AppendOutcome, AppendRequest, ExpectedVersion, InlineStore, StreamId, Version};

use super::things::*;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_row_is_as_new_as_its_stream_when_the_append_is_answered() {
    struct Test;
    impl OnEach for Test {
        async fn on<S: InlineStore + Clone>(&self, store: S, _: S) {
            let kept = inline(store.clone()).await;
            stored(&kept, 1, vec![moved(5), noted(), moved(7)]).await;
            let alice = row(&store, 1).await.unwrap();
            assert_eq!((alice.cents, alice.events, alice.version), (12, 2, Version(3)));
            // Behind an event that the view does not know.
            stored(&kept, 1, vec![noted()]).await;
            stored(&kept, 1, vec![moved(-2)]).await;
            let alice = row(&store, 1).await.unwrap();
            assert_eq!((alice.cents, alice.events, alice.version), (10, 3, Version(5)));
            stored(&kept, 1, vec![closed()]).await;
            assert_eq!(row(&store, 1).await, None);
            stored(&kept, 1, vec![moved(1)]).await;
            let alice = row(&store, 1).await.unwrap();
            assert_eq!((alice.cents, alice.events, alice.version), (1, 1, Version(7)));
            is_exact(&store).await;
        }
    }
    on_each(Test).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_appended_without_the_view_is_folded_first() {
    struct Test;
    impl OnEach for Test {
        async fn on<S: InlineStore + Clone>(&self, store: S, another: S) {
            let kept = inline(store.clone()).await;
            stored(&kept, 1, vec![moved(1)]).await;
            stored(&another, 1, vec![moved(10), moved(20)]).await;
            stored(&another, 2, vec![moved(3)]).await;
            assert_eq!(row(&store, 1).await.unwrap().cents, 1, "nobody has folded it");
            stored(&kept, 1, vec![moved(100)]).await;
            let alice = row(&store, 1).await.unwrap();
            assert_eq!((alice.cents, alice.events, alice.version), (131, 4, Version(4)));
            // Deleted by somebody without the view: the stream is folded from its beginning.
            stored(&another, 1, vec![closed(), moved(2)]).await;
            stored(&kept, 1, vec![moved(3)]).await;
            let alice = row(&store, 1).await.unwrap();
            assert_eq!((alice.cents, alice.events, alice.version), (5, 2, Version(7)));
            // The next start finds what no append has found.
            assert_eq!(row(&store, 2).await, None);
            inline(another).await;
            assert_eq!(row(&store, 2).await.unwrap().cents, 3);
            is_exact(&store).await;
        }
    }
    on_each(Test).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn several_streams_of_one_append_are_folded_together() {
    struct Test;
    impl OnEach for Test {
        async fn on<S: InlineStore + Clone>(&self, store: S, another: S) {
            let kept = inline(store.clone()).await;
            stored(&another, 2, vec![moved(1)]).await;
            let other = StreamId::new("card", "1").unwrap();
            let request = AppendRequest::new(account(1), Version(0), vec![moved(-5)])
                .and(account(2), Version(1), vec![moved(5), moved(6)])
                // Of no concern, for all that its id and its event are.
                .and(other, Version(0), vec![moved(1_000)])
                .with_command_key("transfer");
            let first = eventsource::EventStore::append(&kept, request.clone().into()).await.unwrap();
            let AppendOutcome::Stored(first) = first else { panic!("{first:?}") };
            let rows = async || (row(&store, 1).await.unwrap(), row(&store, 2).await.unwrap());
            let (one, two) = rows().await;
            assert_eq!((one.cents, one.version, two.cents, two.version), (-5, Version(1), 12, Version(3)));
            let again = eventsource::EventStore::append(&kept, request.clone().into()).await.unwrap();
            assert_eq!(again, AppendOutcome::AlreadyStored(first));
            let late = AppendRequest::new(account(1), ExpectedVersion::Any, vec![moved(1)]).and(
                account(2),
                Version(1),
                vec![moved(1)],
            );
            let conflict = eventsource::EventStore::append(&kept, late.into()).await.unwrap();
            assert!(matches!(conflict, AppendOutcome::Conflict(_)), "{conflict:?}");
            let held = AppendRequest::new(account(1), ExpectedVersion::Any, vec![moved(1)])
                .on_condition(account(2), Version(1));
            let conflict = eventsource::EventStore::append(&kept, held.into()).await.unwrap();
            assert!(matches!(conflict, AppendOutcome::Conflict(_)), "{conflict:?}");
            assert_eq!(rows().await, (one, two));
        }
    }
    on_each(Test).await;
}
