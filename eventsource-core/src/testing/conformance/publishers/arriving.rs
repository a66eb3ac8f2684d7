//! What was published arrives: all of it, as it was, and in order.

use super::super::rule::{Broken, Checked};
use super::fixture::{Fixture, Received};
use super::told::{arrived, ensure_in_order, event, message, messages, publish};

rules![
    for Fixture:
    what_was_published_is_there_before_the_call_returns,
    messages_of_a_stream_arrive_in_their_order,
    a_message_arrives_as_it_was_sent,
    what_is_published_again_arrives_with_the_same_id,
    the_parts_of_an_event_are_messages_of_their_own,
    nothing_to_publish_is_no_error,
    callers_side_by_side_lose_nothing_and_keep_their_order,
];

/// Longer than what servers keep in one piece by themselves.
const LARGE: usize = 300_000;

async fn what_was_published_is_there_before_the_call_returns(fixture: &Fixture) -> Checked {
    let all = messages("one", 5, 20)?;
    for batch in all.chunks(10) {
        publish(fixture, batch).await?;
    }
    ensure_in_order(&arrived(fixture).await?, &all)
}

async fn messages_of_a_stream_arrive_in_their_order(fixture: &Fixture) -> Checked {
    // As much at a time as a relay hands over, of few streams and of many.
    let (few, many) = (messages("few", 3, 100)?, messages("many", 150, 3)?);
    publish(fixture, &few).await?;
    publish(fixture, &many).await?;
    ensure_in_order(&arrived(fixture).await?, &[few, many].concat())
}

async fn a_message_arrives_as_it_was_sent(fixture: &Fixture) -> Checked {
    let texts = ["", "plain", "ünï\u{1F600}cødé", r#"\"quoted\" \\ \u0000 \n"#, &"x".repeat(LARGE)];
    let mut sent = Vec::new();
    for (version, text) in (1..).zip(texts) {
        let routing_key = format!("thing.a%20b.{version}");
        sent.push(message(&event("as-it-was", version)?, &routing_key, &format!(r#"{{"text":"{text}"}}"#))?);
    }
    publish(fixture, &sent).await?;
    let arrived = arrived(fixture).await?;
    ensure_eq!(arrived.len(), sent.len(), "messages that have arrived");
    for (Received { id, routing_key, body }, sent) in arrived.iter().zip(&sent) {
        ensure_eq!(*id, sent.id, "the id");
        ensure_eq!(*routing_key, sent.routing_key, "the routing key");
        ensure!(*body == sent.body, "a body of {} bytes arrived as {}", sent.body.len(), body.len());
    }
    Ok(())
}

async fn what_is_published_again_arrives_with_the_same_id(fixture: &Fixture) -> Checked {
    let all = messages("again", 3, 5)?;
    publish(fixture, &all).await?;
    publish(fixture, &all).await?;
    publish(fixture, &all[..4]).await?;
    ensure_in_order(&arrived(fixture).await?, &all)
}

async fn the_parts_of_an_event_are_messages_of_their_own(fixture: &Fixture) -> Checked {
    let mut part = event("split", 1)?;
    let mut parts = Vec::new();
    for number in 1..=3 {
        (part.part, part.parts) = (number, 3);
        parts.push(message(&part, "thing.moved", "{}")?);
    }
    publish(fixture, &parts).await?;
    ensure_in_order(&arrived(fixture).await?, &parts)
}

async fn nothing_to_publish_is_no_error(fixture: &Fixture) -> Checked {
    publish(fixture, &[]).await?;
    ensure_in_order(&arrived(fixture).await?, &[])
}

async fn callers_side_by_side_lose_nothing_and_keep_their_order(fixture: &Fixture) -> Checked {
    let all: Vec<_> = (0..4).map(|caller| messages(&format!("of-{caller}"), 3, 20)).collect::<Checked<_>>()?;
    let calls = all.iter().map(async |messages| {
        for batch in messages.chunks(15) {
            publish(fixture, batch).await?;
        }
        Ok::<_, Broken>(())
    });
    futures::future::try_join_all(calls).await?;
    ensure_in_order(&arrived(fixture).await?, &all.concat())
}
