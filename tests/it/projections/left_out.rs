//! Events that cannot be handled: what is skipped, what is parked, and what becomes of it.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use eventsource::{
    Activity, BoxError, Claim, DomainEvent, EventStore, FencingToken, Fold, Keys, NewEvent, OnError, ParkedAt,
    ParkedEvent, ParkedEvents, ParkingStore, Position, Projection, Projections, Read, Recorded, Sink, SinkStart,
    TransactionalStore, View, ViewReader, ViewStore,
};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::tally::*;
use super::things::*;
use crate::wrapped::{Fault, Wrapped};

/// From the stream's account to another one.
#[derive(DomainEvent, Serialize, Deserialize, Clone, Debug)]
#[event(name = "account.sent", version = 1)]
struct Sent {
    to: String,
    cents: i64,
}

/// An event concerns two rows.
#[derive(View, Clone, Debug, PartialEq)]
#[view(name = "holdings", version = 1, events(Sent))]
struct Holding {
    #[view(key)]
    account: String,
    cents: i64,
    /// An event that is folded twice shows here.
    events: i64,
}

impl Fold<Sent> for Holding {
    fn keys(sent: &Recorded<Sent>) -> Keys<String> {
        Keys::several([sent.stream.id().to_owned(), sent.event.to.clone()])
    }

    fn fold(account: &String, row: Option<Self>, sent: &Recorded<Sent>) -> Option<Self> {
        let cents = sent.event.cents;
        assert!(cents >= 0 || are_borne(cents), "{cents} cents cannot be borne");
        let row = row.unwrap_or(Self { account: account.clone(), cents: 0, events: 0 });
        let cents = if sent.stream.id() == account { row.cents - cents } else { row.cents + cents };
        Some(Self { cents, events: row.events + 1, ..row })
    }
}

/// Amounts below zero that a program of today bears: each test has its own.
static BORNE: Mutex<Vec<i64>> = Mutex::new(Vec::new());

fn are_borne(cents: i64) -> bool {
    BORNE.lock().unwrap().contains(&cents)
}

/// As if another program were deployed.
fn bear(cents: i64, borne: bool) {
    let mut all = BORNE.lock().unwrap();
    all.retain(|other| *other != cents);
    all.extend(borne.then_some(cents));
}

async fn send(store: &Wrapped, from: u64, to: u64, cents: i64) {
    append(store, from, vec![NewEvent::encode(&Sent { to: to.to_string(), cents }).unwrap()]).await;
}

fn holdings(store: &Wrapped, on_error: OnError) -> Projections<Wrapped> {
    Projections::new(store).lease(Duration::from_secs(1)).view::<Holding>().on_error(on_error)
}

/// Cents and events of each account.
async fn held(store: &Wrapped) -> BTreeMap<String, (i64, i64)> {
    match ViewReader::<Holding>::new(store.clone()).list().page().await {
        Ok(page) => page.rows.into_iter().map(|row| (row.account, (row.cents, row.events))).collect(),
        // The table is made by whoever runs the view.
        Err(error) if error.is_invalid() => BTreeMap::new(),
        Err(error) => panic!("{error}"),
    }
}

fn wanted(rows: &[(u64, i64, i64)]) -> BTreeMap<String, (i64, i64)> {
    rows.iter().map(|(account, cents, events)| (account.to_string(), (*cents, *events))).collect()
}

async fn holds(store: &Wrapped, rows: &[(u64, i64, i64)]) {
    let wanted = wanted(rows);
    until(&format!("the view holds {wanted:?}"), async || held(store).await == wanted).await;
}

/// Key and position of what is parked.
async fn places(parked: &ParkedEvents) -> Vec<(String, u64)> {
    parked.list(None, 100).await.unwrap().into_iter().map(|event| (event.at.key, event.at.position.0)).collect()
}

async fn parks(parked: &ParkedEvents, wanted: &[(&str, u64)]) {
    let wanted: Vec<_> = wanted.iter().map(|(key, position)| ((*key).to_owned(), *position)).collect();
    until(&format!("{wanted:?} is parked"), async || places(parked).await == wanted).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn an_event_that_cannot_be_folded_is_skipped_and_said_and_all_others_are_folded() {
    on_each(async |store| {
        for round in 0..5 {
            send(&store, 1, 2, 100 + round).await;
        }
        send(&store, 1, 2, -1).await;
        send(&store, 1, 3, 7).await;
        let running = Running::start(holdings(&store, OnError::Skip));
        holds(&store, &[(1, -517, 6), (2, 510, 5), (3, 7, 1)]).await;
        // And when it comes alone.
        send(&store, 2, 3, -1).await;
        send(&store, 2, 3, 1).await;
        holds(&store, &[(1, -517, 6), (2, 509, 6), (3, 8, 2)]).await;
        let counts = async || {
            let status = running.status();
            (status.skipped, status.parked, status.handled)
        };
        until("the status counts them", async || counts().await == (2, 0, 7)).await;
        assert!(running.status().last_error.unwrap().contains("-1 cents cannot be borne"));
        running.stop().await.unwrap();
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn an_event_is_parked_with_the_later_ones_of_its_rows_and_all_other_rows_go_on() {
    on_each(async |store| {
        send(&store, 1, 2, 100).await;
        send(&store, 1, 2, -2).await;
        send(&store, 3, 2, 10).await;
        send(&store, 3, 4, 1).await;
        let running = Running::start(holdings(&store, OnError::Park));
        let parked = ParkedEvents::of_view::<Holding>(store.clone());
        // The sender's row goes on where only that of the receiver waits.
        holds(&store, &[(1, -100, 1), (2, 100, 1), (3, -11, 2), (4, 1, 1)]).await;
        parks(&parked, &[("1", 2), ("2", 2), ("2", 3)]).await;
        send(&store, 4, 1, 1).await;
        parks(&parked, &[("1", 2), ("1", 5), ("2", 2), ("2", 3)]).await;
        holds(&store, &[(1, -100, 1), (2, 100, 1), (3, -11, 2), (4, 0, 2)]).await;
        let listed = parked.list(None, 100).await.unwrap();
        assert!(listed[0].error.contains("-2 cents cannot be borne"), "{}", listed[0].error);
        assert!(listed[1].error.contains("an earlier event of the same key"), "{}", listed[1].error);
        assert_eq!((running.status().parked, running.status().skipped), (4, 0));
        running.stop().await.unwrap();
        // Whoever comes next knows it.
        let running = Running::start(holdings(&store, OnError::Stop));
        send(&store, 1, 3, 1).await;
        parks(&parked, &[("1", 2), ("1", 5), ("1", 6), ("2", 2), ("2", 3)]).await;
        holds(&store, &[(1, -100, 1), (2, 100, 1), (3, -10, 3), (4, 0, 2)]).await;
        running.stop().await.unwrap();
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn what_is_retried_is_folded_in_order_and_once_whatever_is_lost() {
    on_each(async |store| {
        bear(-3, false);
        send(&store, 1, 2, -3).await;
        for cents in 1..=10 {
            send(&store, 1, 3, cents).await;
        }
        let running = Running::start(holdings(&store, OnError::Park));
        let parked = ParkedEvents::of_view::<Holding>(store.clone());
        holds(&store, &[(3, 55, 10)]).await;
        until("all are parked", async || places(&parked).await.len() == 12).await;
        // Not yet.
        assert_eq!(parked.retry("1").await.unwrap(), 11);
        let asked = async || parked.list(None, 100).await.unwrap().iter().any(|event| event.asked.is_some());
        until("it was tried", async || !asked().await).await;
        assert_eq!(places(&parked).await.len(), 12);
        holds(&store, &[(3, 55, 10)]).await;
        bear(-3, true);
        store.fail_writes(Fault::Unanswered, 3);
        parked.retry("1").await.unwrap();
        holds(&store, &[(1, -52, 11), (3, 55, 10)]).await;
        parks(&parked, &[("2", 1)]).await;
        // The key is as any other again, and the other one still waits.
        send(&store, 1, 2, 1).await;
        holds(&store, &[(1, -53, 12), (3, 55, 10)]).await;
        parks(&parked, &[("2", 1), ("2", 12)]).await;
        parked.retry("2").await.unwrap();
        holds(&store, &[(1, -53, 12), (2, -2, 2), (3, 55, 10)]).await;
        parks(&parked, &[]).await;
        until("the status says so", async || running.status().parked == 0).await;
        running.stop().await.unwrap();
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_retry_that_fails_leaves_the_event_with_its_new_error_and_those_behind_it() {
    on_each(async |store| {
        bear(-4, false);
        bear(-5, false);
        for cents in [-4, 1, -5, 2] {
            send(&store, 1, 2, cents).await;
        }
        let running = Running::start(holdings(&store, OnError::Park));
        let parked = ParkedEvents::of_view::<Holding>(store.clone());
        until("all are parked", async || places(&parked).await.len() == 8).await;
        bear(-4, true);
        parked.retry("1").await.unwrap();
        parks(&parked, &[("1", 3), ("1", 4), ("2", 1), ("2", 2), ("2", 3), ("2", 4)]).await;
        holds(&store, &[(1, 3, 2)]).await;
        let first = async || parked.list(None, 1).await.unwrap().remove(0);
        until("the error is there", async || first().await.error.contains("-5 cents cannot be borne")).await;
        until("nobody asks any more", async || first().await.asked.is_none()).await;
        // What is in the way is forgotten, and the rest comes.
        assert!(parked.discard_one(&first().await.at).await.unwrap());
        parks(&parked, &[("1", 4), ("2", 1), ("2", 2), ("2", 3), ("2", 4)]).await;
        assert_eq!(parked.retry("1").await.unwrap(), 1);
        holds(&store, &[(1, 1, 3)]).await;
        // Everything of a key is forgotten, and what comes then is folded.
        assert_eq!(parked.discard("2").await.unwrap(), 4);
        parks(&parked, &[]).await;
        send(&store, 1, 2, 5).await;
        holds(&store, &[(1, -4, 4), (2, 5, 1)]).await;
        running.stop().await.unwrap();
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn what_is_to_be_discarded_while_a_retry_of_it_fails_is_discarded() {
    on_each(async |store| {
        for cents in [-10, 1, 2] {
            send(&store, 1, 2, cents).await;
        }
        let running = Running::start(holdings(&store, OnError::Park));
        let parked = ParkedEvents::of_view::<Holding>(store.clone());
        until("all are parked", async || places(&parked).await.len() == 6).await;
        store.fail_parks(Fault::Held, 1);
        parked.retry("1").await.unwrap();
        until("it has failed and is about to say so", async || store.faults_left() == 0).await;
        parked.discard("1").await.unwrap();
        store.release_park();
        parks(&parked, &[("2", 1), ("2", 2), ("2", 3)]).await;
        running.stop().await.unwrap();
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn whoever_is_killed_while_it_parks_or_retries_loses_nothing_and_folds_nothing_twice() {
    on_each(async |store| {
        bear(-6, false);
        for round in 0..30 {
            send(&store, 1, 2, if round == 10 { -6 } else { 1 }).await;
            send(&store, 3, 4, 1).await;
        }
        let late = Fault::Late(Duration::from_millis(400));
        let parked = ParkedEvents::of_view::<Holding>(store.clone());
        let start = || Running::start(holdings(&store, OnError::Park).batch(7));
        // Between parking and the checkpoint, and before that.
        for round in 0..4 {
            store.fail_parks(if round % 2 == 0 { Fault::Unanswered } else { late }, 2);
            store.fail_writes(late, 1);
            let running = start();
            tokio::time::sleep(Duration::from_millis(300 + round * 200)).await;
            running.kill().await;
        }
        store.fail_parks(late, 0);
        store.fail_writes(late, 0);
        let running = start();
        holds(&store, &[(1, -10, 10), (2, 10, 10), (3, -30, 30), (4, 30, 30)]).await;
        until("all are parked", async || places(&parked).await.len() == 40).await;
        bear(-6, true);
        parked.retry("1").await.unwrap();
        parked.retry("2").await.unwrap();
        until("it is about it", async || places(&parked).await.len() < 40).await;
        running.kill().await;
        for _ in 0..2 {
            store.fail_writes(Fault::Unanswered, 2);
            let running = start();
            tokio::time::sleep(Duration::from_millis(1_100)).await;
            running.kill().await;
        }
        let last = start();
        holds(&store, &[(1, -23, 30), (2, 23, 30), (3, -30, 30), (4, 30, 30)]).await;
        parks(&parked, &[]).await;
        last.stop().await.unwrap();
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn what_was_parked_ahead_of_the_checkpoint_is_retried_behind_it_and_folded_once() {
    on_each(async |store| {
        bear(-9, true);
        send(&store, 1, 2, -9).await;
        // Somebody was killed behind parking, and before the checkpoint moved.
        let key = Holding::TABLE.checkpoint_key();
        let owner = Uuid::from_u128(1);
        let claim = store.claim(&key, owner, Duration::from_secs(60)).await.unwrap();
        let Claim::Owned(checkpoint) = claim else { panic!("{claim:?}") };
        let mut id = Uuid::nil();
        let mut last = |event: &eventsource::RawEvent<'_>| {
            id = event.id;
            Ok(())
        };
        store.read(&Read::all(), &mut last).await.unwrap();
        let event = ParkedEvent::new(ParkedAt::new("1", Position(1)), id, "it broke");
        store.park(&key, checkpoint.owner_epoch, &[event]).await.unwrap();
        store.release(&key, owner).await.unwrap();
        let parked = ParkedEvents::of_view::<Holding>(store.clone());
        parked.retry("1").await.unwrap();
        let running = Running::start(holdings(&store, OnError::Park));
        until("it was retried", async || held(&store).await.len() == 2).await;
        parks(&parked, &[]).await;
        running.stop().await.unwrap();
        assert_eq!(held(&store).await, wanted(&[(1, 9, 1), (2, -9, 1)]));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn an_owner_that_was_slow_and_was_taken_over_parks_nothing() {
    on_each(async |store| {
        bear(-7, false);
        send(&store, 1, 2, -7).await;
        let slow = store.apart();
        slow.fail_parks(Fault::Held, 1);
        let first = Running::start(holdings(&slow, OnError::Park));
        until("the first is about to park it", async || slow.faults_left() == 0).await;
        bear(-7, true);
        let second = Running::start(holdings(&store, OnError::Park));
        holds(&store, &[(1, 7, 1), (2, -7, 1)]).await;
        slow.release_park();
        until("the first has noticed", async || {
            first.status().last_error.is_some_and(|error| error.contains("belongs to owner"))
        })
        .await;
        parks(&ParkedEvents::of_view::<Holding>(store.clone()), &[]).await;
        second.stop().await.unwrap();
        first.stop().await.unwrap();
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn errors_of_the_store_and_events_that_cannot_be_decoded_are_never_skipped_or_parked() {
    on_each(async |store| {
        for on_error in [OnError::Skip, OnError::Park] {
            append(&store, 1, vec![moved(1)]).await;
            store.fail_writes(Fault::Failed, 1);
            let error = Running::start(balances(&store).on_error(on_error)).ended().await.unwrap_err();
            assert!(error.to_string().contains("on fire"), "{error}");
        }
        append(&store, 2, vec![NewEvent::new("account.moved", 1, b"{\"cents\":\"many\"}".to_vec())]).await;
        for on_error in [OnError::Skip, OnError::Park] {
            let running = Running::start(balances(&store).on_error(on_error));
            assert!(running.ended().await.unwrap_err().is_decode());
        }
        parks(&ParkedEvents::of_view::<Balance>(store.clone()), &[]).await;
    })
    .await;
}

/// A projection that fails for one account, as long as it does.
#[derive(Clone)]
struct Picky {
    tally: Tally,
    refuses: Arc<Mutex<Option<&'static str>>>,
    tried: Arc<AtomicUsize>,
}

impl<C: Counting> Projection<C> for Picky {
    type Event = Counted;
    const NAME: &'static str = "picky";
    const VERSION: u32 = 1;

    async fn begin(&self, connection: &mut C) -> Result<(), BoxError> {
        connection.begin().await
    }

    async fn handle(&self, events: &[Recorded<Counted>], connection: &mut C) -> Result<(), BoxError> {
        assert!(!events.is_empty(), "asked to do nothing");
        Projection::<C>::handle(&self.tally, events, connection).await?;
        let refused = *self.refuses.lock().unwrap();
        if events.iter().any(|event| Some(event.stream.id()) == refused) {
            self.tried.fetch_add(1, SeqCst);
            return Err("not this one".into());
        }
        Ok(())
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_projection_of_ones_own_parks_streams_and_counts_what_is_retried_once() {
    async fn test<S: ViewStore + TransactionalStore<Connection: Counting>>(side: Side<S>)
    where
        Picky: Projection<S::Connection>,
    {
        let picky = Picky { tally: Tally::default(), refuses: Arc::new(Mutex::new(Some("3"))), tried: Arc::default() };
        let mut expected = Expected::default();
        for _ in 0..5 {
            expected.append_round(&side.store).await;
        }
        let projections = Projections::new(&side.store).lease(Duration::from_secs(1)).retry(Duration::from_millis(50));
        let running = Running::start(projections.projection(picky.clone()).on_error_of("picky", OnError::Park));
        let parked = ParkedEvents::of_projection::<Picky, _>(side.store.clone());
        let others = || expected.tallies().into_iter().filter(|(account, _)| account != "3").collect::<Tallies>();
        until("all others are counted", async || side.tallies().await == others()).await;
        until("it is parked", async || places(&parked).await.len() == 10).await;
        let listed = parked.list(None, 100).await.unwrap();
        assert!(listed.iter().all(|event| event.at.key == "account-3"), "{listed:?}");
        assert!(listed[0].error.contains("not this one"), "{}", listed[0].error);
        // Retried with pauses, in the batch and alone, before it is parked.
        assert!(picky.tried.load(SeqCst) > 2);
        *picky.refuses.lock().unwrap() = None;
        side.store.fail_writes(Fault::Unanswered, 2);
        parked.retry("account-3").await.unwrap();
        side.reaches(&expected).await;
        until("nothing is parked", async || places(&parked).await.is_empty()).await;
        expected.append_round(&side.store).await;
        side.reaches(&expected).await;
        running.stop().await.unwrap();
    }
    on_each_side!(test);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_shutdown_before_an_event_was_tried_for_long_enough_neither_skips_nor_parks_it() {
    on_each(async |store| {
        append(&store, 1, vec![moved(1)]).await;
        for on_error in [OnError::Skip, OnError::Park] {
            let letters = Letters { refuses: Arc::new(Mutex::new(Some("1"))), told: Arc::default() };
            let running = Running::start(Projections::new(&store).sink(letters.clone()).on_error(on_error));
            until("it has failed", async || running.status().last_error.is_some()).await;
            running.stop().await.unwrap();
        }
        parks(&ParkedEvents::of_sink::<Letters>(store.clone()), &[]).await;
        let letters = Letters { refuses: Arc::default(), told: Arc::default() };
        let running = Running::start(Projections::new(&store).sink(letters.clone()));
        until("it is told", async || letters.told.lock().unwrap().len() == 1).await;
        running.stop().await.unwrap();
    })
    .await;
}

/// A sink that fails for one account, as long as it does.
#[derive(Clone)]
struct Letters {
    refuses: Arc<Mutex<Option<&'static str>>>,
    told: Arc<Mutex<Vec<(String, i64)>>>,
}

impl Sink for Letters {
    type Event = Moved;
    const NAME: &'static str = "letters";
    const START: SinkStart = SinkStart::FirstEvent;

    async fn deliver(&self, events: &[Recorded<Moved>], _: FencingToken) -> Result<(), BoxError> {
        let refused = *self.refuses.lock().unwrap();
        if events.iter().any(|event| Some(event.stream.id()) == refused) {
            return Err("nobody lives there".into());
        }
        let told = events.iter().map(|event| (event.stream.id().to_owned(), event.event.cents));
        self.told.lock().unwrap().extend(told);
        Ok(())
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_sink_parks_streams_and_is_told_in_order_when_they_are_retried() {
    on_each(async |store| {
        let letters = Letters { refuses: Arc::new(Mutex::new(Some("1"))), told: Arc::default() };
        for cents in 1..=3 {
            append(&store, 1, vec![moved(cents)]).await;
            append(&store, 2, vec![moved(cents)]).await;
        }
        let projections = Projections::new(&store).lease(Duration::from_secs(1)).retry(Duration::from_millis(20));
        let running = Running::start(projections.sink(letters.clone()).on_error(OnError::Park));
        let parked = ParkedEvents::of_sink::<Letters>(store.clone());
        until("the first stream is parked", async || places(&parked).await.len() == 3).await;
        let told = |account: &str| {
            let told = letters.told.lock().unwrap();
            told.iter().filter(|(of, _)| of == account).map(|(_, cents)| *cents).collect::<Vec<_>>()
        };
        until("the second is told", async || told("2") == [1, 2, 3]).await;
        *letters.refuses.lock().unwrap() = None;
        assert_eq!(parked.retry("account-1").await.unwrap(), 3);
        until("the first is told", async || told("1") == [1, 2, 3]).await;
        until("nothing is parked", async || places(&parked).await.is_empty()).await;
        running.stop().await.unwrap();
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn when_too_many_are_parked_the_projection_stops_and_says_so() {
    let store = Wrapped::new(eventsource::memory::MemoryStore::new());
    send(&store, 1, 2, -8).await;
    for _ in 0..20 {
        let many = (0..500).map(|_| NewEvent::encode(&Sent { to: "3".to_owned(), cents: 1 }).unwrap());
        append(&store, 1, many.collect()).await;
    }
    let running = Running::start(holdings(&store, OnError::Park));
    let statuses = running.statuses.clone();
    let error = running.ended().await.unwrap_err();
    assert!(error.is_too_large() && error.to_string().contains("at most 10000"), "{error}");
    assert_eq!(statuses.all().remove(0).activity, Activity::Stopped);
}

#[tokio::test]
async fn a_policy_for_a_projection_that_was_not_added_is_refused() {
    let store = Wrapped::new(eventsource::memory::MemoryStore::new());
    let projections = balances(&store).on_error_of("balance", OnError::Skip);
    let error = in_time(projections.run(async {})).await.unwrap_err();
    assert!(error.is_invalid() && error.to_string().contains("no projection balance"), "{error}");
}
