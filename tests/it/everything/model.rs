//! What the events mean, said once more without the framework.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::domain::{Ask, Sums};
use super::log::{Event, Log};
use super::plan::{Operation, What};

/// The states of every account, after each of its events; the first one is that before any.
pub(super) struct Model(BTreeMap<String, Vec<Sums>>);

impl Model {
    /// Fails if versions are not dense, or not in the order of positions.
    pub(super) fn of(log: &Log) -> Self {
        let mut heads = BTreeMap::<&str, u64>::new();
        let mut accounts = BTreeMap::<_, Vec<Sums>>::new();
        let mut before = 0;
        for event in &log.0 {
            assert!(event.position > before, "{event:?} stands behind {before}");
            before = event.position;
            let head = heads.entry(&event.stream).or_default();
            *head += 1;
            assert_eq!(event.version, *head, "{event:?}");
            if event.is_of_account() {
                let states = accounts.entry(event.stream.clone()).or_insert_with(|| vec![Sums::default()]);
                states.push(after(states[states.len() - 1], event));
            }
        }
        Self(accounts)
    }

    pub(super) fn accounts(&self) -> impl Iterator<Item = (&str, &[Sums])> {
        self.0.iter().map(|(stream, states)| (&**stream, &**states))
    }

    pub(super) fn states(&self, stream: &str) -> &[Sums] {
        self.0.get(stream).map_or(&[Sums { is_open: false, cents: 0, facts: 0, trace: 0 }], |states| states)
    }

    pub(super) fn state(&self, stream: &str, version: u64) -> Sums {
        let states = self.states(stream);
        *states.get(version as usize).unwrap_or_else(|| panic!("{stream} has no version {version}: {}", states.len()))
    }
}

fn after(mut sums: Sums, event: &Event) -> Sums {
    let number = |name: &str| event.data[name].as_i64().unwrap_or_else(|| panic!("{event:?} has no {name}"));
    let mut fact = |change: i64, letters: i64| {
        sums.cents += change;
        sums.facts += 1;
        sums.trace = sums.trace.wrapping_mul(1_000_003).wrapping_add(change * 31 + letters);
    };
    match (&*event.name, event.schema_version) {
        ("account.opened", 1) => {
            fact(number("cents"), 6);
            sums.is_open = true;
        }
        ("account.deposited", 1) => fact(number("dollars") * 100, 0),
        ("account.deposited", 2) => fact(number("cents"), 0),
        // The channel is not known.
        ("account.withdrawn", 1) => fact(-number("cents"), 7),
        ("account.withdrawn", 2) => fact(-number("cents"), event.data["channel"].as_str().unwrap().len() as i64),
        // Out by the channel `swap`, and in.
        ("account.swapped", 1) => {
            fact(-number("out"), 4);
            fact(number("back"), 0);
        }
        _ => panic!("{event:?} is none of an account"),
    }
    sums
}

/// What is stored in a stream: name, version and payload of each event.
pub(super) type Wanted = (String, Vec<(&'static str, u32, Value)>);

impl Operation {
    pub(super) fn stream(&self) -> String {
        match self.what {
            What::Transfer { .. } => format!("transfer-{}", self.tag),
            _ => format!("account-{}", self.account),
        }
    }

    /// What is there if it was done, in order of the request.
    pub(super) fn wanted(&self) -> Vec<Wanted> {
        let tag = &self.tag;
        let one = |name, version, data| vec![(self.stream(), vec![(name, version, data)])];
        match &self.what {
            What::Ask(ask) => vec![(self.stream(), asked(ask, tag))],
            What::Transfer { to, cents } => {
                let requested = json!({ "from": self.account.to_string(), "to": to.to_string(), "cents": cents });
                one("transfer.requested", 1, requested)
            }
            What::Raw(raws) => {
                raws.iter().map(|raw| raw.event(tag)).map(|(stream, event)| (stream, vec![event])).collect()
            }
            What::Within { cents, is_committed: true, .. } => {
                one("account.deposited", 2, json!({ "cents": cents, "tag": tag }))
            }
            _ => Vec::new(),
        }
    }

    /// Whether it is done where that is the state; it may also be that there is nothing to do.
    pub(super) fn is_allowed(&self, state: Sums) -> bool {
        match &self.what {
            What::Ask(ask) => is_allowed(ask, state),
            _ => true,
        }
    }
}

pub(super) fn is_allowed(ask: &Ask, state: Sums) -> bool {
    match ask {
        Ask::Open(_) => !state.is_open,
        Ask::Deposit(..) => state.is_open,
        Ask::Withdraw(cents) => state.is_open && *cents <= state.cents,
        Ask::PutBack(_) => true,
    }
}

pub(super) fn asked(ask: &Ask, tag: &str) -> Vec<(&'static str, u32, Value)> {
    let paid = |cents: i64| json!({ "cents": cents, "tag": tag });
    match *ask {
        Ask::Open(cents) => vec![("account.opened", 1, paid(cents))],
        Ask::Deposit(cents, times) => vec![("account.deposited", 2, paid(cents)); times],
        Ask::PutBack(cents) => vec![("account.deposited", 2, paid(cents))],
        // What is written today is version 1.
        Ask::Withdraw(cents) => vec![("account.withdrawn", 1, paid(cents))],
    }
}
