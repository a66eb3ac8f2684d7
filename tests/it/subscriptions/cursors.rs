//! Where a subscription stands, and going on from there.

use std::sync::atomic::Ordering::SeqCst;

use eventsource::memory::MemoryStore;
use eventsource::{Checkpoint, CheckpointKey, Cursor, EventStore, NewEvent, Position, Read, Subscribe};

use super::things::*;

fn moved(from: Option<u64>, to: Option<u64>) -> NewEvent {
    NewEvent::encode(&Moved { from, to }).unwrap()
}

/// One part, two, none, and again one and two.
fn mixed() -> Vec<NewEvent> {
    vec![
        done(0),
        moved(Some(1), Some(2)),
        moved(None, None),
        moved(None, Some(3)),
        moved(Some(4), Some(5)),
        moved(None, None),
    ]
}

#[tokio::test]
async fn a_cursor_does_not_stand_between_the_parts_of_an_event() {
    on_each(async |store| {
        append(&store, stream("a"), mixed()).await;
        let mut live = store.subscribe::<Thing>(Read::all());
        take(&mut live, 6).await;
        reach_the_end(&mut live).await;
        let before = live.cursor();
        append(&store, stream("b"), mixed()).await;
        for (mut things, before) in [(store.subscribe::<Thing>(Read::all().limit(2)), Cursor::START), (live, before)] {
            assert_eq!(things.cursor(), before);
            let mut stands = before;
            for _ in 0..6 {
                let thing = next(&mut things).await.unwrap();
                if thing.part == thing.parts {
                    stands = Cursor::new(thing.position, thing.id);
                } else {
                    // It may have moved over events that mean nothing, but not to this one.
                    assert!(things.cursor().position < thing.position);
                    stands = things.cursor();
                }
                assert_eq!(things.cursor(), stands, "behind part {} of {}", thing.part, thing.parts);
            }
            assert!(stands.position > before.position);
        }
    })
    .await;
}

#[tokio::test]
async fn a_subscription_goes_on_behind_any_checkpoint_with_what_comes_after_it() {
    on_each(async |store| {
        let key = CheckpointKey::new("reader");
        append(&store, stream("a"), mixed()).await;
        let mut things = store.subscribe_from::<Thing>(Read::all(), store.load_checkpoint(&key).await.unwrap());
        assert_eq!(things.checkpoint(), Checkpoint::new(Cursor::START, store.identity()));
        let expected = take(&mut things, 6).await;
        let mut things = store.subscribe::<Thing>(Read::all().limit(2));
        for handed_out in 0..=6 {
            store.save_checkpoint(&key, things.checkpoint()).await.unwrap();
            let saved = store.load_checkpoint(&key).await.unwrap();
            let mut again = store.subscribe_from::<Thing>(Read::all(), saved);
            assert_eq!(again.cursor(), things.cursor());
            // An event of which only a part was handed out comes again as a whole.
            let whole = expected[..handed_out].iter().rposition(|thing| thing.part == thing.parts);
            let rest = &expected[whole.map_or(0, |last| last + 1)..];
            assert_eq!(take(&mut again, rest.len()).await, rest);
            if handed_out < 6 {
                next(&mut things).await.unwrap();
            }
        }
    })
    .await;
}

#[tokio::test]
async fn a_checkpoint_of_another_store_is_an_error_before_any_event() {
    on_each(async |store| {
        append_one(&store, 1).await;
        let mut done = store.subscribe::<Done>(Read::all());
        next(&mut done).await.unwrap();
        let other = MemoryStore::new();
        append_one(&other, 1).await;
        let mut elsewhere = other.subscribe_from::<Done>(Read::all(), done.checkpoint());
        for _ in 0..2 {
            assert!(next(&mut elsewhere).await.unwrap_err().is_rewound());
        }
        assert_eq!(elsewhere.cursor(), done.cursor());
    })
    .await;
}

#[tokio::test]
async fn a_subscription_to_what_is_rare_does_not_look_at_the_same_events_again() {
    on_each(async |store| {
        append_one(&store, 1).await;
        let last =
            append(&store, stream("b"), (0..300).map(|n| NewEvent::encode(&Undone { n }).unwrap()).collect()).await;
        let mut rare = store.subscribe::<Done>(Read::all().limit(10));
        next(&mut rare).await.unwrap();
        reach_the_end(&mut rare).await;
        assert_eq!(rare.cursor().position, last, "of what was stored");
        // And of what comes.
        let last =
            append(&store, stream("b"), (0..5).map(|n| NewEvent::encode(&Undone { n }).unwrap()).collect()).await;
        reach_the_end(&mut rare).await;
        assert_eq!(rare.cursor().position, last, "of what came");
        let mut again = store.subscribe_from::<Done>(Read::all(), rare.checkpoint());
        reach_the_end(&mut again).await;
        append_one(&store, 2).await;
        let own_events = store.counts.own_events.load(SeqCst);
        for done in [&mut rare, &mut again] {
            assert_eq!(next(done).await.unwrap().event.n, 2);
        }
        assert_eq!(store.counts.own_events.load(SeqCst), own_events);
    })
    .await;
}

#[tokio::test]
async fn an_event_that_cannot_be_decoded_is_named_behind_all_that_come_before_it() {
    on_each(async |store| {
        let mut live = store.subscribe::<Done>(Read::all());
        reach_the_end(&mut live).await;
        append_one(&store, 1).await;
        append_one(&store, 2).await;
        let broken = append(&store, stream("a"), vec![NewEvent::new("thing.done", 9, b"{}".to_vec())]).await;
        append_one(&store, 3).await;
        let stored = store.subscribe::<Done>(Read::all());
        for mut done in [live, stored] {
            assert_eq!(take(&mut done, 2).await[1].event.n, 2);
            // It is not passed over, however often one asks.
            for _ in 0..2 {
                let error = next(&mut done).await.unwrap_err();
                let undecoded = error.decode_error().unwrap_or_else(|| panic!("{error:?}"));
                assert_eq!((undecoded.position(), undecoded.name()), (broken, "thing.done"));
                assert!(done.cursor().position < broken);
            }
            let mut behind = store.subscribe::<Done>(Read::all().after(broken));
            assert_eq!(next(&mut behind).await.unwrap().event.n, 3);
        }
        assert!(broken > Position(0));
    })
    .await;
}
