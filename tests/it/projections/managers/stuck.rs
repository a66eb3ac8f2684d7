//! Processes that cannot go on: listed, retried, cancelled, while all others go on.

use std::time::Duration;

use eventsource::{OnError, ParkedEvents, Repository};

use super::bells::*;
use super::orders::*;
use super::things::*;
use super::transfer::{Account, Opened};
use crate::projections::things::{Running, in_time, on_each, until};

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_process_whose_command_is_refused_is_stuck_until_it_is_retried_and_all_others_go_on() {
    on_each(async |store| {
        listen(&store).await;
        open(&store, "shop", 0).await;
        let running = Running::start(managing::<Order>(&store));
        for (order, shop) in [("1", "nobody"), ("2", "shop"), ("3", "nobody")] {
            place(&store, order, shop, DAY).await;
            pay(&store, order, 5).await;
        }
        until("others go on", async || cents(&store, "shop").await == 5).await;
        let stuck = ParkedEvents::of_manager::<Order>(store.clone());
        let keys = async || -> Vec<String> {
            stuck.list(None, 10).await.unwrap().into_iter().map(|event| event.at.key).collect()
        };
        until("two are stuck", async || keys().await == ["order-1", "order-3"]).await;
        let error = stuck.list(None, 10).await.unwrap().swap_remove(0).error;
        assert!(error.contains("account-nobody refused Deposit"), "{error}");
        assert!(error.contains("the account is not open"), "{error}");
        // In vain.
        stuck.retry("order-1").await.unwrap();
        until("it was tried", async || stuck.list(None, 10).await.unwrap().iter().all(|event| event.asked.is_none()))
            .await;
        assert_eq!(keys().await, ["order-1", "order-3"]);
        // Cancelled: its command is never carried out.
        stuck.discard("order-3").await.unwrap();
        until("one is cancelled", async || keys().await == ["order-1"]).await;
        Repository::<Account>::new(store.clone()).execute("nobody", |_| Opened { cents: 0 }).await.unwrap();
        stuck.retry("order-1").await.unwrap();
        until("it has gone on", async || cents(&store, "nobody").await == 5).await;
        until("nothing is stuck", async || keys().await.is_empty()).await;
        running.stop().await.unwrap();
        assert_eq!((cents(&store, "nobody").await, cents(&store, "shop").await), (5, 5));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_command_for_an_id_that_cannot_be_one_leaves_the_process_stuck() {
    on_each(async |store| {
        place(&store, "1", "", DAY).await;
        listen(&store).await;
        pay(&store, "1", 5).await;
        let running = Running::start(managing::<Order>(&store));
        let stuck = ParkedEvents::of_manager::<Order>(store.clone());
        until("it is stuck", async || !stuck.list(None, 1).await.unwrap().is_empty()).await;
        let error = stuck.list(None, 1).await.unwrap().swap_remove(0).error;
        assert!(error.contains("stream id \"\" is empty"), "{error}");
        running.stop().await.unwrap();
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_manager_that_is_to_stop_stops_at_a_process_that_cannot_go_on() {
    let store = Ahead::default().memory();
    place(&store, "1", "nobody", DAY).await;
    listen(&store).await;
    pay(&store, "1", 5).await;
    let running = Running::start(managing::<Order>(&store).on_error_of("order", OnError::Stop));
    let stopped = async || running.statuses.all()[0].last_error.clone();
    in_time(async { until("it has stopped", async || stopped().await.is_some()).await }).await;
    assert!(stopped().await.unwrap().contains("refused Deposit"));
    assert!(ParkedEvents::of_manager::<Order>(store.clone()).list(None, 1).await.unwrap().is_empty());
    running.stop().await.unwrap_err();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn behind_a_command_that_is_refused_those_of_the_same_process_wait_and_are_carried_out_in_order() {
    on_each(async |store| {
        open(&store, "shop", 0).await;
        wind(&store, "1", &[pay_to("nobody"), pay_to("shop"), set("late", Duration::ZERO)]).await;
        wind(&store, "2", &[pay_to("shop")]).await;
        let running = Running::start(managing::<Bell>(&store));
        let stuck = ParkedEvents::of_manager::<Bell>(store.clone());
        let count = async || stuck.list(None, 10).await.unwrap().len();
        until("the other one has paid", async || cents(&store, "shop").await == 1).await;
        until("three wait", async || count().await == 3).await;
        assert!(sounds(&store, "1").await.is_empty());
        open(&store, "nobody", 0).await;
        stuck.retry("bell-1").await.unwrap();
        sounds_like(&store, "1", &["late"]).await;
        // Each as of its event, whatever has come since.
        assert_eq!(slips(&store).await, ["2 1", "1 1", "1 2"]);
        assert_eq!((cents(&store, "nobody").await, cents(&store, "shop").await), (1, 2));
        until("nothing waits", async || count().await == 0).await;
        running.stop().await.unwrap();
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn what_no_process_may_do_leaves_it_stuck_and_nothing_of_it_is_done() {
    let store = Ahead::default().memory();
    open(&store, "shop", 0).await;
    let many = (0..1_001).map(|timer| (timer.to_string(), None)).collect();
    for (bell, wound, wanted) in [
        ("1", Wound { tells: Some("1".into()), ..Wound::default() }, "sends Ring to itself"),
        ("2", set("", DAY), "\"\" names no timer of bell"),
        ("3", set("a/b", DAY), "\"a/b\" names no timer"),
        ("4", set(&"a".repeat(65), DAY), "1 to 64 bytes"),
        (
            "5",
            Wound { timers: many, ..pay_to("shop") },
            "1002 commands and timers follow from one event of bell, at most 1000",
        ),
    ] {
        wind(&store, bell, &[wound]).await;
        let running = Running::start(managing::<Bell>(&store));
        let stuck = ParkedEvents::of_manager::<Bell>(store.clone());
        let error = async || {
            let all = stuck.list(None, 10).await.unwrap().into_iter();
            all.filter(|event| event.at.key == format!("bell-{bell}")).map(|event| event.error).next()
        };
        until("it is stuck", async || error().await.is_some()).await;
        let error = error().await.unwrap();
        assert!(error.contains(wanted), "{error}");
        running.stop().await.unwrap();
        assert!(sounds(&store, bell).await.is_empty());
    }
    assert_eq!(cents(&store, "shop").await, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_same_events_of_another_aggregate_are_no_process() {
    let store = Ahead::default().memory();
    open(&store, "shop", 0).await;
    Repository::<Dial>::new(store.clone()).execute("1", |_| pay_to("shop")).await.unwrap();
    wind(&store, "1", &[set("behind", Duration::ZERO)]).await;
    let running = Running::start(managing::<Bell>(&store));
    sounds_like(&store, "1", &["behind"]).await;
    running.stop().await.unwrap();
    assert_eq!(cents(&store, "shop").await, 0);
}
