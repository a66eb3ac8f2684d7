//! Bells, which do what they are told and nothing else: no state of theirs hides that they were told wrongly.

use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::time::Duration;

use eventsource::{
    Aggregate, Apply, DomainEvent, EventSet, Events, Handle, ProcessManager, Reaction, Read, Recorded, Repository,
    StreamId,
};
use serde::{Deserialize, Serialize};

use super::orders::Received;
use super::transfer::{Account, Deposit, Deposited};
use crate::projections::things::until;
use crate::wrapped::Wrapped;

/// All that follows from it.
#[derive(DomainEvent, Serialize, Deserialize, Clone, Default)]
#[event(name = "bell.wound", version = 1)]
pub(super) struct Wound {
    /// Timers, and when they run out; never, if they do not run any more.
    pub(super) timers: Vec<(String, Option<Duration>)>,
    /// To whom a cent is paid; the slip says which bell did it, and how often it was wound until then.
    pub(super) pays: Option<String>,
    /// A bell that is told to ring.
    pub(super) tells: Option<String>,
}

/// Whenever a timer has run out.
#[derive(DomainEvent, Serialize, Deserialize)]
#[event(name = "bell.rang", version = 1)]
pub(super) struct Rang {
    timer: String,
    loudness: f64,
}

/// Whenever a payment is heard of.
#[derive(DomainEvent, Serialize, Deserialize)]
#[event(name = "bell.heard", version = 1)]
pub(super) struct Heard {
    cents: i64,
}

#[derive(Aggregate, Default, Clone)]
#[aggregate(name = "bell", events(Wound, Rang, Heard))]
pub(super) struct Bell {
    /// How often.
    wound: usize,
}

impl Apply<Wound> for Bell {
    fn apply(&mut self, _: &Wound) {
        self.wound += 1;
    }
}

impl Apply<Rang> for Bell {
    fn apply(&mut self, _: &Rang) {}
}

impl Apply<Heard> for Bell {
    fn apply(&mut self, _: &Heard) {}
}

pub(super) struct Ring {}

impl Handle<Ring> for Bell {
    type Decision = Rang;

    fn handle(&self, _: &Ring) -> Rang {
        Rang { timer: "told".to_owned(), loudness: 1.0 }
    }
}

/// Whether timers whose names begin with `muffled` mean nothing.
pub(super) static IS_MUFFLED: AtomicBool = AtomicBool::new(false);

impl ProcessManager for Bell {
    type Input = Received;

    fn instance(received: &Recorded<Received>) -> Option<String> {
        Some(received.event.order.clone())
    }

    fn note(&self, received: &Recorded<Received>) -> Option<BellEvent> {
        Some(Heard { cents: received.event.cents }.into())
    }

    fn react(&self, event: &Recorded<BellEvent>, then: &mut Reaction<Self>) {
        let BellEvent::Wound(Wound { timers, pays, tells }) = &event.event else { return };
        for (timer, time) in timers {
            match time {
                Some(time) => then.after(*time, timer.clone()),
                None => then.cancel(timer.clone()),
            }
        }
        if let Some(account) = pays {
            then.to::<Account>(account)
                .send(Deposit { cents: 1, slip: format!("{} {}", event.stream.id(), self.wound) });
        }
        if let Some(bell) = tells {
            then.to::<Self>(bell).send(Ring {});
        }
    }

    /// One that is cracked is told so loudly that it cannot be written.
    fn on_timer(&self, timer: &str) -> Option<BellEvent> {
        let loudness = if timer.starts_with("cracked") { f64::NAN } else { 1.0 };
        let is_muffled = timer.starts_with("muffled") && IS_MUFFLED.load(SeqCst);
        (!is_muffled).then(|| Rang { timer: timer.to_owned(), loudness }.into())
    }
}

/// Another aggregate, of the same events.
#[derive(Aggregate, Default, Clone)]
#[aggregate(name = "dial", events(Wound))]
pub(super) struct Dial {}

impl Apply<Wound> for Dial {
    fn apply(&mut self, _: &Wound) {}
}

pub(super) fn set(timer: &str, time: Duration) -> Wound {
    Wound { timers: vec![(timer.to_owned(), Some(time))], ..Wound::default() }
}

pub(super) fn cancel(timer: &str) -> Wound {
    Wound { timers: vec![(timer.to_owned(), None)], ..Wound::default() }
}

pub(super) fn pay_to(account: &str) -> Wound {
    Wound { pays: Some(account.to_owned()), ..Wound::default() }
}

/// All of it in one append.
pub(super) async fn wind(store: &Wrapped, bell: &str, wound: &[Wound]) {
    Repository::<Bell>::new(store.clone()).execute(bell, |_| wound.to_vec()).await.unwrap();
}

/// What a bell has done, in order.
pub(super) async fn sounds(store: &Wrapped, bell: &str) -> Vec<String> {
    let mut sounds = Vec::new();
    for event in all::<BellEvent>(store, Read::stream(&StreamId::new("bell", bell).unwrap())).await {
        match event.event {
            BellEvent::Wound(_) => {}
            BellEvent::Rang(rang) => sounds.push(rang.timer),
            BellEvent::Heard(heard) => sounds.push(format!("{} cents", heard.cents)),
        }
    }
    sounds
}

/// What is on the slips of all cents that were paid, in order.
pub(super) async fn slips(store: &Wrapped) -> Vec<String> {
    let paid = all::<Deposited>(store, Read::category(Account::NAME)).await;
    paid.into_iter().map(|paid| paid.event.slip).collect()
}

pub(super) async fn all<E: EventSet>(store: &Wrapped, read: Read) -> Vec<Recorded<E>> {
    let mut events = Events::<E>::new(store.clone(), read);
    let mut all = Vec::new();
    while let Some(event) = events.next().await.unwrap() {
        all.push(event);
    }
    all
}

pub(super) async fn sounds_like(store: &Wrapped, bell: &str, wanted: &[&str]) {
    until(&format!("bell {bell} sounds like {wanted:?}"), async || sounds(store, bell).await == wanted).await;
}
