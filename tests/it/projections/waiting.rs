//! Reading one's own writes.

use std::time::Duration;

use eventsource::memory::MemoryStore;
use eventsource::{Aggregate, Apply, Projections, Repository, Token, ViewReader};

use super::things::*;

#[derive(Aggregate, Default, Clone)]
#[aggregate(name = "account", events(Moved, Closed, Noted))]
struct Account {
    cents: i64,
}

impl Apply<Moved> for Account {
    fn apply(&mut self, moved: &Moved) {
        self.cents += moved.cents;
    }
}

impl Apply<Closed> for Account {
    fn apply(&mut self, _: &Closed) {
        self.cents = 0;
    }
}

impl Apply<Noted> for Account {
    fn apply(&mut self, _: &Noted) {}
}

const LONG: Duration = Duration::from_secs(30);
const SHORT: Duration = Duration::from_millis(60);

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn whoever_waits_for_a_commands_token_finds_its_events_in_the_view() {
    on_each(async |store| {
        let accounts = Repository::<Account>::new(store.clone());
        let reader = ViewReader::<Balance>::new(store.clone());
        let running = Running::start(Projections::new(&store).view::<Balance>());
        for n in 1..=40 {
            let done = accounts.execute("7", |_| Moved { cents: n }).await.unwrap();
            assert_eq!(done.token.event_id, Some(done.events[0].id));
            let token: Token = done.token.to_string().parse().unwrap();
            reader.wait_for(&token, LONG).await.unwrap();
            let row = reader.get("7").await.unwrap().unwrap();
            assert_eq!((row.cents, row.events), (done.cents, n));
        }
        // What the view does not fold needs no time, and neither does what is there.
        let noted = accounts.execute("7", |_| Noted {}).await.unwrap();
        reader.wait_for(&noted.token, LONG).await.unwrap();
        let nothing = accounts.execute("7", |_| Vec::<AccountEvent>::new()).await.unwrap();
        assert_eq!((nothing.token.event_id, nothing.token.position), (None, noted.position));
        reader.wait_for(&nothing.token, Duration::ZERO).await.unwrap();
        running.stop().await.unwrap();

        let late = accounts.execute("7", |_| Moved { cents: 1 }).await.unwrap();
        let error = reader.wait_for(&late.token, SHORT).await.unwrap_err();
        assert!(error.is_transient(), "{error}");
        let told = error.to_string();
        assert!(told.contains("balances v1") && told.contains(&late.position.to_string()), "{told}");
    })
    .await;
}

#[tokio::test]
async fn nobody_waits_for_a_view_that_nobody_projects_or_for_another_store() {
    on_each(async |store| {
        let accounts = Repository::<Account>::new(store.clone());
        let reader = ViewReader::<Balance>::new(store.clone());
        let done = accounts.execute("7", |_| Moved { cents: 1 }).await.unwrap();
        let error = reader.wait_for(&done.token, SHORT).await.unwrap_err();
        assert!(error.to_string().contains("nobody"), "{error}");

        let elsewhere = Repository::<Account>::new(MemoryStore::new());
        let token = elsewhere.execute("7", |_| Moved { cents: 1 }).await.unwrap().token;
        let error = reader.wait_for(&token, LONG).await.unwrap_err();
        assert!(error.is_rewound() && error.to_string().contains(&token.store.to_string()), "{error}");
        let mut restored = done.token;
        restored.epoch += 1;
        assert!(reader.wait_for(&restored, LONG).await.unwrap_err().is_rewound());
    })
    .await;
}
