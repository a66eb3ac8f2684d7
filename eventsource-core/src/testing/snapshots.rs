//! Whether a snapshot and its tail say what a replay says.

use std::convert::Infallible;
use std::fmt::Debug;

use crate::folding::aggregate::Aggregate;
use crate::folding::decision::IntoEvents;
use crate::words::stream::Version;

use super::kept::keep;

/// Demands, for every version of a history, that the state by replay is the state by a snapshot of
/// any earlier version and the events behind it; both through JSON, as a store keeps them.
///
/// It panics naming the two versions. A history of `n` events costs about `n²/2` applied events, so
/// keep random ones to some dozens. Finds fields that a snapshot leaves out (`#[serde(skip)]`), and
/// an `apply` that counts on something that is not in the state.
///
/// ```
/// # use eventsource::{Aggregate, Apply, DomainEvent};
/// # use serde::{Deserialize, Serialize};
/// # #[derive(DomainEvent, Serialize, Deserialize)]
/// # #[event(name = "account.deposited", version = 1)]
/// # struct Deposited { cents: u64 }
/// # #[derive(Aggregate, Default, Clone, PartialEq, Debug, Serialize, Deserialize)]
/// # #[aggregate(name = "account", events(Deposited), snapshot(every = 100))]
/// # struct Account { cents: u64 }
/// # impl Apply<Deposited> for Account { fn apply(&mut self, event: &Deposited) { self.cents += event.cents } }
/// use eventsource::testing::snapshots::assert_snapshots_match_replay;
///
/// assert_snapshots_match_replay::<Account>((1..=20).map(|cents| Deposited { cents }).collect::<Vec<_>>());
/// ```
#[track_caller]
pub fn assert_snapshots_match_replay<A>(history: impl IntoEvents<A, Refusal = Infallible>)
where
    A: Aggregate + PartialEq + Debug,
{
    let Some(codec) = A::__snapshots() else {
        panic!("`{}` takes no snapshots: its derive has no `snapshot(every = …)`", A::NAME)
    };
    let mut events = Vec::new();
    let Ok(()) = history.into_events(&mut events);
    let mut tail = Vec::with_capacity(events.len());
    // The state after each number of events.
    let mut replayed = vec![A::default()];
    for (version, event) in (1..).zip(&events) {
        let facts = keep(event, A::NAME, Version(version)).facts;
        replayed.push(applied(replayed[replayed.len() - 1].clone(), &facts));
        tail.push(facts);
    }
    for taken in 1..replayed.len() {
        let snapshot = match (codec.encode)(&replayed[taken]) {
            Ok(bytes) => bytes,
            Err(error) => panic!("the snapshot of version {taken} cannot be taken: {error}"),
        };
        let mut state = match (codec.decode)(&snapshot) {
            Ok(state) => state,
            Err(error) => panic!("the snapshot of version {taken} cannot be read: {error}"),
        };
        for version in taken..replayed.len() {
            if version > taken {
                state = applied(state, &tail[version - 1]);
            }
            if state != replayed[version] {
                let replay = &replayed[version];
                panic!(
                    "version {version} by replay is not version {version} by the snapshot of version {taken}\n    \
                     replay:   {replay:?}\n    snapshot: {state:?}"
                );
            }
        }
    }
}

fn applied<A: Aggregate>(mut state: A, facts: &[A::Event]) -> A {
    facts.iter().for_each(|fact| state.apply(fact));
    state
}
