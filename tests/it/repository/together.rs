//! One decision on several aggregates.

mod answers;
mod cached;
mod conflicts;
mod faults;
mod keys;
mod raced;

use std::future::Future;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

use eventsource::{Aggregate, Apply, Conflict, DomainEvent, ExecuteError, Repository, StoreError};
use serde::{Deserialize, Serialize};

use super::account::*;

#[derive(DomainEvent, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[event(name = "customer.joined", version = 1)]
struct Joined {}

#[derive(DomainEvent, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[event(name = "customer.left", version = 1)]
struct Left {}

#[derive(Aggregate, Default, Clone, Debug, PartialEq)]
#[aggregate(name = "customer", events(Joined, Left), derive(Clone, Debug, PartialEq))]
struct Customer {
    is_active: bool,
}

impl Apply<Joined> for Customer {
    fn apply(&mut self, _: &Joined) {
        self.is_active = true;
    }
}

impl Apply<Left> for Customer {
    fn apply(&mut self, _: &Left) {
        self.is_active = false;
    }
}

#[derive(DomainEvent, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[event(name = "order.placed", version = 1)]
struct Placed {
    cents: u64,
}

#[derive(Aggregate, Default, Clone, Debug, PartialEq)]
#[aggregate(name = "order", events(Placed), derive(Clone, Debug, PartialEq))]
struct Order {
    cents: u64,
}

impl Apply<Placed> for Order {
    fn apply(&mut self, placed: &Placed) {
        self.cents = placed.cents;
    }
}

#[derive(Debug, PartialEq, thiserror::Error)]
#[error("the customer is not active")]
struct NotActive;

/// An order is placed only while its customer is active.
fn place((customer, _): (&Customer, &Order)) -> Result<((), Placed), NotActive> {
    if customer.is_active { Ok(((), Placed { cents: 990 })) } else { Err(NotActive) }
}

fn shop(accounts: &Repository<Account>) -> (Repository<Customer>, Repository<Order>) {
    (Repository::new(accounts.store().clone()), Repository::new(accounts.store().clone()))
}

/// From the first account to the second.
fn transfer(cents: u64) -> impl Fn((&Account, &Account)) -> Result<(Withdrawn, Deposited), NotEnough> + Clone {
    move |(from, _)| Ok((from.withdraw(cents)?, deposited(cents)))
}

/// What somebody else does while a decision is made for the first times.
struct Meanwhile {
    left: AtomicUsize,
}

impl Meanwhile {
    fn times(times: usize) -> Self {
        Self { left: AtomicUsize::new(times) }
    }

    /// In a decision, so it blocks: only for tests with several threads.
    fn happens<T>(&self, work: impl Future<Output = T>) {
        if self.left.fetch_update(SeqCst, SeqCst, |left| left.checked_sub(1)).is_ok() {
            tokio::task::block_in_place(|| tokio::runtime::Handle::current().block_on(work));
        }
    }
}

fn conflict<T, R>(result: Result<T, ExecuteError<R>>) -> Conflict {
    match result {
        Err(ExecuteError::Conflict(conflict)) => conflict,
        Err(ExecuteError::Store(error)) => panic!("{error}"),
        Err(ExecuteError::Refused(_)) => panic!("it was refused"),
        Ok(_) => panic!("it was done"),
    }
}

fn store_error<T, R>(result: Result<T, ExecuteError<R>>) -> StoreError {
    match result {
        Err(ExecuteError::Store(error)) => error,
        Err(ExecuteError::Conflict(conflict)) => panic!("{conflict}"),
        Err(ExecuteError::Refused(_)) => panic!("it was refused"),
        Ok(_) => panic!("it was done"),
    }
}
