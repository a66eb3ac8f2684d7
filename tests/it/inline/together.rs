//! Commands on several aggregates, whose rows are kept inline.

use eventsource::{ExecuteError, InlineStore, Repository, Retry, Version, execute_all};

use super::things::*;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_command_on_several_keeps_the_rows_of_each() {
    struct Test;
    impl OnEach for Test {
        async fn on<S: InlineStore + Clone>(&self, store: S, another: S) {
            let kept = Repository::<Account>::new(inline(store.clone()).await).with_retry(Retry::attempts(1_000));
            let parts = (kept.part("1"), kept.part("2"), kept.part("3"));
            execute_all(parts, |_| (Moved { cents: -5 }, (Noted {}, Moved { cents: 5 }), ())).await.unwrap();
            assert_eq!(row(&store, 1).await.unwrap().cents, -5);
            let bob = row(&store, 2).await.unwrap();
            assert_eq!((bob.cents, bob.events, bob.version), (5, 1, Version(2)));
            assert_eq!(row(&store, 3).await, None);
            // Two at a time of three, while the third is only read.
            let mut tasks = tokio::task::JoinSet::new();
            for n in 0..30 {
                let id = |k: usize| ((n + k) % 3 + 1).to_string();
                let parts = (kept.part(id(0)), kept.part(id(1)), kept.part(id(2)));
                tasks.spawn(execute_all(parts, |_| (Moved { cents: -1 }, Moved { cents: 1 }, ())));
            }
            while let Some(done) = tasks.join_next().await {
                done.unwrap().unwrap();
            }
            let versions = async |id| row(&store, id).await.unwrap().version.0;
            assert_eq!(versions(1).await + versions(2).await + versions(3).await, 3 + 60);
            is_exact(&store).await;
            // The store beneath is another way to the same events, on which the rows would be left behind.
            let beneath = Repository::<Account>::new(another);
            for parts in [(kept.part("1"), beneath.part("2")), (beneath.part("1"), kept.part("2"))] {
                let refused = execute_all(parts, |_| (Moved { cents: 1 }, Moved { cents: 1 })).await;
                let Err(ExecuteError::Store(error)) = refused else { panic!("it was not refused") };
                assert!(error.is_invalid(), "{error}");
            }
        }
    }
    on_each(Test).await;
}
