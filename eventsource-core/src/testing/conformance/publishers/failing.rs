//! What cannot be published, and what comes after that.

use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use super::super::rule::{Broken, Checked};
use super::fixture::{Fixture, Outage};
use super::told::{arrived, ensure_in_order, event, message, messages, publish, refused};

rules![
    for Fixture:
    a_message_that_cannot_be_published_is_refused_for_good,
    a_call_that_is_dropped_in_the_middle_spoils_nothing,
    a_broker_that_is_down_is_out_of_reach_and_what_it_has_confirmed_is_kept,
];

/// Of a routing key that few brokers take.
const TOO_LONG: usize = 300;
/// When it would go on for the so many-th time, a call is dropped, however fast it is.
const DROPPED_AFTER_STEPS: [usize; 5] = [1, 2, 3, 10, 50];
/// And after so many milliseconds, which is in the middle where a broker is far away.
const DROPPED_AFTER_MILLIS: [u64; 4] = [1, 5, 10, 30];

async fn a_message_that_cannot_be_published_is_refused_for_good(fixture: &Fixture) -> Checked {
    let mut sent = messages("others", 1, 2)?;
    let odd = message(&event("odd", 1)?, &"x".repeat(TOO_LONG), "{}")?;
    match refused(fixture, std::slice::from_ref(&odd)).await {
        Some(error) => {
            ensure!(!error.is_transient(), "it would be tried for ever: {error}");
            ensure!(!error.is_invalid(), "nobody can mend it, so it is to be left out: {error}");
        }
        None => sent.push(odd),
    }
    publish(fixture, &sent[..2]).await?;
    let arrived = arrived(fixture).await?;
    ensure_in_order(&arrived, &sent)?;
    let cut = arrived.iter().find(|received| sent.iter().all(|sent| sent.routing_key != received.routing_key));
    ensure_eq!(cut, None, "a message that arrived with another routing key");
    Ok(())
}

async fn a_call_that_is_dropped_in_the_middle_spoils_nothing(fixture: &Fixture) -> Checked {
    let all = messages("dropped", 10, 20)?;
    // Whatever it says, if it comes to that: all is published again.
    for steps in DROPPED_AFTER_STEPS {
        let (mut call, mut left) = (pin!(fixture.publisher.publish(&all)), steps);
        poll_fn(|context| {
            if left == 0 {
                return Poll::Ready(());
            }
            left -= 1;
            call.as_mut().poll(context).map(drop)
        })
        .await;
    }
    for millis in DROPPED_AFTER_MILLIS {
        let _ = tokio::time::timeout(Duration::from_millis(millis), fixture.publisher.publish(&all)).await;
    }
    publish(fixture, &all).await?;
    ensure_in_order(&arrived(fixture).await?, &all)
}

async fn a_broker_that_is_down_is_out_of_reach_and_what_it_has_confirmed_is_kept(fixture: &Fixture) -> Checked {
    let Some(Outage { stop, start }) = &fixture.outage else { return Ok(()) };
    let all = messages("outlived", 5, 20)?;
    let (before, after) = all.split_at(50);
    publish(fixture, before).await?;
    stop().await;
    // The first call finds the end of what it was connected to, the others find nobody.
    for _ in 0..3 {
        match refused(fixture, after).await {
            Some(error) => ensure!(error.is_transient(), "a broker that is down is no reason to give up: {error}"),
            None => return Err(Broken("a broker that is down has confirmed messages".into())),
        }
    }
    start().await;
    publish(fixture, after).await?;
    ensure_in_order(&arrived(fixture).await?, &all)
}
