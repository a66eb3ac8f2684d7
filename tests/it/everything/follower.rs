//! A subscriber, in a process that nobody kills.

use std::sync::{Arc, Mutex};

use eventsource::{EventStore, Read, Subscribe};
use tokio::task::JoinHandle;

use super::domain::AccountEvent;
use super::log::Log;

pub(super) struct Follower {
    /// Positions, and which part of the event there.
    got: Arc<Mutex<Vec<(u64, u32)>>>,
    task: JoinHandle<()>,
}

impl Follower {
    pub(super) fn start(store: &(impl EventStore + Clone)) -> Self {
        let got = Arc::<Mutex<Vec<_>>>::default();
        let (gets, mut events) = (got.clone(), store.subscribe::<AccountEvent>(Read::category("account")));
        let task = tokio::spawn(async move {
            while let Some(event) = events.next().await.unwrap() {
                gets.lock().unwrap().push((event.position.0, event.part));
            }
        });
        Self { got, task }
    }

    pub(super) fn is_at_the_end_of(&self, log: &Log) -> bool {
        assert!(!self.task.is_finished(), "the subscriber has failed, see above");
        wanted(log).last() == self.got.lock().unwrap().last()
    }

    /// Each event once, in order, and every part of it.
    pub(super) fn check(self, log: &Log) {
        self.task.abort();
        assert_eq!(*self.got.lock().unwrap(), wanted(log), "what the subscriber has got");
    }
}

fn wanted(log: &Log) -> Vec<(u64, u32)> {
    let parts = |name: &str| if name == "account.swapped" { 2 } else { 1 };
    let of_accounts = log.0.iter().filter(|event| event.is_of_account());
    of_accounts.flat_map(|event| (1..=parts(&event.name)).map(|part| (event.position, part))).collect()
}
