//! Whatever was stored, by whichever build, and whatever is decided: state in memory is state by replay.

use eventsource::memory::MemoryStore;
use eventsource::{AppendRequest, EventStore, ExpectedVersion, History, NewEvent, Repository};
use proptest::prelude::*;

use super::{Money, new, old};

/// What happens to the stream next.
#[derive(Clone, Debug)]
enum Turn {
    /// The new build decides this, and stores older versions of it.
    New(Vec<new::AccountEvent>),
    /// The old build stores this.
    Old(i64, bool),
    /// A later build, without `write`, stores a payload of this version.
    Later(&'static str, u32, String),
}

fn decided() -> impl Strategy<Value = new::AccountEvent> {
    let currency = prop_oneof![9 => Just("EUR"), 1 => Just("USD")];
    let deposited = (any::<i64>(), currency, "[a-z]{0,3}", proptest::option::of("[a-z]{0,3}"), any::<bool>());
    let deposited = deposited.prop_map(|(minor, currency, channel, paid_by, seen)| {
        let amount = Money { minor: minor / 1_000, currency: currency.into() };
        new::Deposited { amount, channel, paid_by, seen }.into()
    });
    prop_oneof![3 => deposited, 1 => any::<u8>().prop_map(|code| new::Closed { code }.into())]
}

fn turn() -> impl Strategy<Value = Turn> {
    let later = (any::<i32>(), "[a-z]{0,3}", 0..5).prop_map(|(n, text, kind)| {
        let (name, version, data) = match kind {
            0 => ("account.deposited", 3, format!(r#"{{"amount":{n},"channel":"{text}","teller":"Eve"}}"#)),
            1 => {
                ("account.deposited", 4, format!(r#"{{"amount":{{"minor":{n},"currency":"EUR"}},"channel":"{text}"}}"#))
            }
            2 => ("account.closed", 1, format!(r#"{{"reason":"{text}"}}"#)),
            3 => ("account.closed", 2, r#"{"reason":null}"#.to_owned()),
            _ => ("account.closed", 3, format!(r#"{{"code":{}}}"#, n as u8)),
        };
        Turn::Later(name, version, data)
    });
    prop_oneof![
        4 => proptest::collection::vec(decided(), 0..4).prop_map(Turn::New),
        1 => (any::<i32>(), any::<bool>()).prop_map(|(cents, close)| Turn::Old(cents.into(), close)),
        2 => later,
    ]
}

async fn check(turns: Vec<Turn>) {
    let store = MemoryStore::new();
    let stays = Repository::<new::Account>::new(store.clone());
    // The old build works on the same store as long as it can read what is there.
    let olds = Repository::<old::Account>::new(store.clone());
    for turn in turns {
        match turn {
            Turn::New(events) => {
                let before = stays.load("alice").await.unwrap();
                let fits = |event: &new::AccountEvent| match event {
                    new::AccountEvent::Deposited(deposited) => deposited.amount.currency == "EUR",
                    new::AccountEvent::Closed(_) => true,
                };
                let all_fit = events.iter().all(fits);
                let executed = stays.execute("alice", |_| events.clone()).await;
                assert_eq!(executed.is_ok(), all_fit, "{events:?}: {executed:?}");
                let loaded = stays.load("alice").await.unwrap();
                let Ok(executed) = executed else {
                    assert_eq!((loaded.state, loaded.version), (before.state, before.version), "nothing was stored");
                    continue;
                };
                assert_eq!((&executed.state, executed.version), (&loaded.state, loaded.version), "{events:?}");
                // What was returned is what is read.
                let page = stays.history("alice", History::all().after(before.version)).await.unwrap();
                let read: Vec<_> = page.events.into_iter().map(|recorded| recorded.event).collect();
                let returned: Vec<_> = executed.events.iter().map(|recorded| recorded.event.clone()).collect();
                assert_eq!(returned, read);
            }
            Turn::Old(cents, close) => {
                let decide = |_: &old::Account| {
                    let teller = "Bob".to_owned();
                    let closed = close.then(|| old::Closed { reason: "wish".into() });
                    (old::Deposited { cents, teller, paid_by: None }, closed)
                };
                let _ = olds.execute("alice", decide).await;
            }
            Turn::Later(name, version, data) => {
                let event = NewEvent::new(name, version, data.into_bytes());
                let stream = stays.stream("alice").unwrap();
                store.append(AppendRequest::new(stream, ExpectedVersion::Any, vec![event]).into()).await.unwrap();
            }
        }
    }
    // From the first event on, without a snapshot.
    let loaded = stays.load("alice").await.unwrap();
    let mut replayed = new::Account::default();
    for recorded in stays.history("alice", History::all()).await.unwrap().events {
        eventsource::Apply::apply(&mut replayed, &recorded.event);
    }
    assert_eq!(loaded.state, replayed);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn state_in_memory_is_state_by_replay_whatever_versions_are_stored(turns in proptest::collection::vec(turn(), 1..12)) {
        tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(check(turns));
    }
}
