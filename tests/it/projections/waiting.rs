//! Reading one's own writes.

use std::time::Duration;

use tokio::time::Instant;

use eventsource::memory::MemoryStore;
use eventsource::{
    Activity, Aggregate, AppendRequest, Apply, ExpectedVersion, NewEvent, Projections, Repository, Token, ViewReader,
};
use sqlx::{Connection, PgConnection};

use super::things::*;
use crate::postgres::patient;
use crate::wrapped::{Fault, Wrapped};

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

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn whoever_waits_for_a_view_that_has_stopped_in_this_process_is_told_at_once_and_why() {
    on_each(async |store| {
        let accounts = Repository::<Account>::new(store.clone());
        let before = accounts.execute("7", |_| Moved { cents: 1 }).await.unwrap();
        let unbearable = accounts.execute("7", |_| Moved { cents: UNBEARABLE }).await.unwrap();
        let noted = accounts.execute("7", |_| Noted {}).await.unwrap();
        let projections = balances(&store).batch(1);
        let reader = ViewReader::<Balance>::new(store.clone()).with_statuses(&projections.statuses());
        let starting = tokio::spawn({
            let reader = reader.clone();
            async move { reader.wait_for(&unbearable.token, LONG * 10).await }
        });
        Running::start(projections).ended().await.unwrap_err();
        let told = |error: eventsource::StoreError| {
            let text = error.to_string();
            assert!(text.contains("balances v1") && text.contains("cannot be borne"), "{text}");
            assert!(!error.is_transient(), "waiting again would not help: {text}");
        };
        told(in_time(starting).await.unwrap().unwrap_err());
        told(in_time(reader.wait_for(&noted.token, LONG * 10)).await.unwrap_err());
        // What it had come past is there, and stays there.
        reader.wait_for(&before.token, Duration::ZERO).await.unwrap();
        // Nobody here runs it, as far as this one knows.
        let elsewhere = ViewReader::<Balance>::new(store.clone()).wait_for(&noted.token, SHORT).await.unwrap_err();
        assert!(elsewhere.is_transient(), "{elsewhere}");
    })
    .await;
}

/// Time stands still while anything is done, so that what is measured are pauses alone.
#[tokio::test(start_paused = true)]
async fn a_wait_ends_a_millisecond_after_the_view_has_moved_in_this_process() {
    let store = Wrapped::new(MemoryStore::new());
    let accounts = Repository::<Account>::new(store.clone());
    let projections = Projections::new(&store).view::<Balance>();
    let reader = ViewReader::<Balance>::new(store.clone()).with_statuses(&projections.statuses());
    let running = Running::start(projections);
    for delay in (101..=130).map(Duration::from_millis) {
        store.fail_writes(Fault::Late(delay), 1);
        let done = accounts.execute("7", |_| Moved { cents: 1 }).await.unwrap();
        let begun = Instant::now();
        reader.wait_for(&done.token, LONG).await.unwrap();
        let waited = begun.elapsed();
        assert!(waited >= delay && waited <= delay + Duration::from_millis(3), "{waited:?} for {delay:?}");
    }
    running.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_wait_for_what_the_view_does_not_fold_ends_when_nothing_can_come_before_it_any_more() {
    let database = crate::postgres::database().await;
    let store = crate::postgres::store_in(&database, patient()).await;
    let accounts = Repository::<Account>::new(store.clone());
    let reader = ViewReader::<Balance>::new(store.clone());
    // Over events of others, its checkpoint does not move for twenty minutes.
    let running = Running::start(Projections::new(&store).lease(Duration::from_secs(3_600)).view::<Balance>());
    until("it has caught up", async || running.status().activity == Activity::Live).await;

    let mut connection = PgConnection::connect(database.url()).await.unwrap();
    let mut open = connection.begin().await.unwrap();
    let event = NewEvent::encode(&Noted {}).unwrap();
    let request = AppendRequest::new(account(1), ExpectedVersion::Any, vec![event]);
    store.append_in(&mut open, &request).await.unwrap();
    let noted = accounts.execute("7", |_| Noted {}).await.unwrap();
    let waiting = tokio::spawn(async move { reader.wait_for(&noted.token, LONG).await });
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert!(!waiting.is_finished(), "what is still open may be for the view");
    open.rollback().await.unwrap();
    waiting.await.unwrap().unwrap();
    running.stop().await.unwrap();
}
