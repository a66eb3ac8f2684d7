//! What others do, and processes hear of.

use eventsource::{ParkedEvents, Read};

use super::bells::{Bell, all, sounds, sounds_like};
use super::orders::*;
use super::things::*;
use crate::projections::things::{Running, on_each, until};
use crate::wrapped::Fault;

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_process_hears_once_of_what_others_do_and_its_event_names_the_cause() {
    on_each(async |store| {
        open(&store, "shop", 0).await;
        place(&store, "1", "shop", DAY).await;
        pay(&store, "1", 7).await;
        listen(&store).await;
        pay(&store, "none", 1).await;
        pay(&store, "unknown", 1).await;
        pay(&store, "1", 2).await;
        pay(&store, "1", 3).await;
        let running = Running::start(managing::<Order>(&store));
        until("the shop has its money", async || cents(&store, "shop").await == 2).await;
        assert_eq!(fate(&store, "1").await, ["placed", "paid"]);
        assert!(fate(&store, "unknown").await.is_empty());
        let received = all::<Received>(&store, Read::all()).await;
        let paid = all::<Paid>(&store, Read::all()).await;
        assert_eq!(paid[0].metadata.causation_id, Some(received[3].id));
        assert_eq!(paid[0].metadata.correlation_id, Some(received[3].id));
        running.stop().await.unwrap();
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn an_input_that_cannot_be_noted_is_parked_for_its_process_and_all_others_hear() {
    on_each(async |store| {
        open(&store, "shop", 0).await;
        listen(&store).await;
        for order in ["1", "2"] {
            place(&store, order, "shop", DAY).await;
        }
        pay(&store, "1", -1).await;
        pay(&store, "2", 2).await;
        pay(&store, "1", 3).await;
        let running = Running::start(managing::<Order>(&store));
        until("the shop has its money", async || cents(&store, "shop").await == 2).await;
        let parked = ParkedEvents::of_inputs::<Order>(store.clone());
        until("both are parked", async || parked.list(None, 10).await.unwrap().len() == 2).await;
        let first = parked.list(None, 10).await.unwrap().swap_remove(0);
        assert_eq!(first.at.key, "order-1");
        assert!(first.error.contains("who pays -1 cents"), "{}", first.error);
        parked.discard_one(&first.at).await.unwrap();
        until("the bad one is discarded", async || parked.list(None, 10).await.unwrap().len() == 1).await;
        parked.retry("order-1").await.unwrap();
        until("the shop has all of it", async || cents(&store, "shop").await == 5).await;
        running.stop().await.unwrap();
    })
    .await;
}

/// Whatever is heard is noted, so that twice would show.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn an_input_that_was_noted_before_a_crash_is_not_noted_again_and_their_order_stays() {
    on_each_with_clock(async |store, ahead| {
        Running::start(managing::<Bell>(&store)).stop().await.unwrap();
        for cents in [3, 1, 2] {
            pay(&store, "1", cents).await;
        }
        let mortal = store.apart();
        mortal.fail_saves(Fault::Held, 1);
        let first = Running::start(managing::<Bell>(&mortal));
        until("it is about to note how far it is", async || mortal.faults_left() == 0).await;
        assert_eq!(sounds(&store, "1").await, ["3 cents", "1 cents", "2 cents"]);
        first.kill().await;
        ahead.hours(1);
        let second = Running::start(managing::<Bell>(&store));
        pay(&store, "1", 4).await;
        sounds_like(&store, "1", &["3 cents", "1 cents", "2 cents", "4 cents"]).await;
        second.stop().await.unwrap();
    })
    .await;
}

/// A command is tried so often, and then begun anew.
const ATTEMPTS: usize = 20;

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn while_the_store_is_out_of_reach_a_manager_neither_loses_nor_repeats_anything() {
    let store = Ahead::default().memory();
    open(&store, "shop", 0).await;
    listen(&store).await;
    let running = Running::start(managing::<Order>(&store));
    for (order, stream, fault) in [
        ("1", "order-1", Fault::Transient),
        ("2", "order-2", Fault::Unanswered),
        ("3", "account-shop", Fault::Transient),
        ("4", "account-shop", Fault::Unanswered),
    ] {
        place(&store, order, "shop", DAY).await;
        store.fail_appends(stream, fault, ATTEMPTS + 5);
        pay(&store, order, 1).await;
        becomes(&store, order, &["placed", "paid"]).await;
        until("the shop has its money", async || cents(&store, "shop").await == order.parse::<i64>().unwrap()).await;
        until("it was begun anew", async || store.faults_left() <= 5).await;
        store.fail_appends(stream, fault, 0);
    }
    running.stop().await.unwrap();
}
