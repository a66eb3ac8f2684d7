//! Proof that the book for publishers notices mistakes: publishers that make one each, and the rules that must fail on them.

use std::collections::HashSet;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};

use eventsource::memory::{MemoryBroker, MemoryQueue};
use eventsource::testing::conformance::publishers::{self, Fixture, book};
use eventsource::{BoxError, Message, Publisher, StoreError};
use futures::FutureExt;

macro_rules! defects {
    ($($defect:ident: $($rule:ident)+;)+) => {
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        enum Defect {
            /// None: the control of the controls.
            Sound,
            $($defect,)+
        }

        /// Each mistake, with rules that must notice it.
        const TABLE: &[(Defect, &[&str])] = &[$((Defect::$defect, &[$(stringify!($rule)),+])),+];
    };
}

defects! {
    LosesTheLast: what_was_published_is_there_before_the_call_returns messages_of_a_stream_arrive_in_their_order
        callers_side_by_side_lose_nothing_and_keep_their_order;
    SendsTheFirstLater: what_was_published_is_there_before_the_call_returns;
    SendsBackwards: messages_of_a_stream_arrive_in_their_order callers_side_by_side_lose_nothing_and_keep_their_order;
    NewIdForARepetition: what_is_published_again_arrives_with_the_same_id;
    RefusesRepetitions: what_is_published_again_arrives_with_the_same_id;
    KnowsEventsNotParts: the_parts_of_an_event_are_messages_of_their_own;
    ForgetsRoutingKeys: a_message_arrives_as_it_was_sent;
    CutsBodies: a_message_arrives_as_it_was_sent;
    RefusesNothing: nothing_to_publish_is_no_error;
    BusyIsDone: callers_side_by_side_lose_nothing_and_keep_their_order;
    BusyForEverWhenDropped: a_call_that_is_dropped_in_the_middle_spoils_nothing;
    CutsRoutingKeys: a_message_that_cannot_be_published_is_refused_for_good;
    TriesTheImpossible: a_message_that_cannot_be_published_is_refused_for_good;
    StopsAtTheImpossible: a_message_that_cannot_be_published_is_refused_for_good;
    ConfirmsToNobody: a_broker_that_is_down_is_out_of_reach_and_what_it_has_confirmed_is_kept;
    DownIsTheEnd: a_broker_that_is_down_is_out_of_reach_and_what_it_has_confirmed_is_kept;
    NeverComesBack: a_broker_that_is_down_is_out_of_reach_and_what_it_has_confirmed_is_kept;
    ForgetsWhenDown: a_broker_that_is_down_is_out_of_reach_and_what_it_has_confirmed_is_kept;
}
use Defect::*;

/// The publisher in memory, with a mistake.
struct Broken {
    inner: MemoryBroker,
    defect: Defect,
    seen: Mutex<HashSet<String>>,
    later: Mutex<Option<Message>>,
    busy: AtomicBool,
    was_down: AtomicBool,
}

/// As a routing key in AMQP.
const LONGEST: usize = 255;

impl Broken {
    fn fixture(defect: Defect) -> Fixture {
        let inner = MemoryBroker::new();
        let queue = inner.bind("#").unwrap();
        let (stopped, started, kept) = (inner.clone(), inner.clone(), queue.clone());
        let stop = move || {
            ready(|| {
                stopped.stop();
                if defect == ForgetsWhenDown {
                    empty(&kept);
                }
            })
        };
        let start = move || ready(|| started.start());
        let broken = Self {
            inner,
            defect,
            seen: Mutex::default(),
            later: Mutex::default(),
            busy: AtomicBool::new(false),
            was_down: AtomicBool::new(false),
        };
        Fixture::new(broken, queue).with_outage(stop, start)
    }

    /// What becomes of the messages before they are sent.
    fn change(&self, messages: &mut Vec<Message>) -> Result<(), StoreError> {
        let is_first = |message: &Message| self.seen.lock().unwrap().insert(message.id.clone());
        match self.defect {
            LosesTheLast if messages.len() > 1 => drop(messages.pop()),
            SendsBackwards => messages.reverse(),
            SendsTheFirstLater => {
                let later = if messages.len() > 1 { Some(messages.remove(0)) } else { None };
                messages.extend(std::mem::replace(&mut *self.later.lock().unwrap(), later));
            }
            RefusesRepetitions if !messages.iter().all(is_first) => return Err(StoreError::failed("it is there")),
            KnowsEventsNotParts => {
                let mut events = HashSet::new();
                messages.retain(|message| events.insert(message.id.split(':').next().unwrap().to_owned()));
            }
            RefusesNothing if messages.is_empty() => return Err(StoreError::failed("there is nothing")),
            _ => {}
        }
        for message in messages {
            let is_odd = message.routing_key.len() > LONGEST;
            match self.defect {
                NewIdForARepetition if !is_first(message) => message.id.push_str(":again"),
                ForgetsRoutingKeys => message.routing_key = message.name.clone(),
                CutsBodies => message.body.truncate(65_536),
                CutsRoutingKeys => message.routing_key.truncate(LONGEST),
                TriesTheImpossible if is_odd => return Err(StoreError::transient("too long")),
                StopsAtTheImpossible if is_odd => return Err(StoreError::invalid("too long")),
                _ if is_odd => return Err(StoreError::too_large("too long")),
                _ => {}
            }
        }
        Ok(())
    }
}

impl Publisher for Broken {
    async fn publish(&self, messages: &[Message]) -> Result<(), BoxError> {
        let mut messages = messages.to_vec();
        self.change(&mut messages)?;
        match self.defect {
            BusyIsDone if self.busy.swap(true, SeqCst) => return Ok(()),
            BusyForEverWhenDropped if self.busy.swap(true, SeqCst) => {
                return Err(StoreError::transient("another call goes on").into());
            }
            NeverComesBack if self.was_down.load(SeqCst) => return Err(StoreError::transient("not connected").into()),
            _ => {}
        }
        for message in messages {
            tokio::task::yield_now().await;
            if let Err(error) = self.inner.publish(&[message]).await {
                self.was_down.store(true, SeqCst);
                match self.defect {
                    ConfirmsToNobody => {}
                    DownIsTheEnd => return Err(StoreError::failed("the connection is gone").into()),
                    _ => return Err(error),
                }
            }
        }
        self.busy.store(false, SeqCst);
        Ok(())
    }
}

fn ready(work: impl FnOnce()) -> std::future::Ready<()> {
    work();
    std::future::ready(())
}

fn empty(queue: &MemoryQueue) {
    while let Some(delivery) = queue.next().now_or_never() {
        delivery.done();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn every_mistake_of_a_publisher_is_noticed_by_the_rules_named_for_it() {
    let mut unnoticed = Vec::new();
    for (defect, names) in TABLE {
        for name in *names {
            let rule = book().into_iter().find(|rule| rule.name == *name).unwrap_or_else(|| panic!("no rule {name}"));
            if rule.check(Broken::fixture(*defect)).await.is_ok() {
                unnoticed.push(format!("{defect:?} passes {name}"));
            }
        }
    }
    assert!(unnoticed.is_empty(), "mistakes that the book does not notice:\n{}", unnoticed.join("\n"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_publisher_without_a_mistake_passes_the_whole_book() {
    publishers::check(async || Broken::fixture(Sound)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_broker_in_memory_passes_the_book_for_publishers() {
    publishers::check(async || {
        let broker = MemoryBroker::new();
        let queue = broker.bind("#").unwrap();
        let (stopped, started) = (broker.clone(), broker.clone());
        let stop = move || ready(|| stopped.stop());
        Fixture::new(broker, queue).with_outage(stop, move || ready(|| started.start()))
    })
    .await;
}

#[test]
fn every_rule_for_publishers_notices_some_mistake() {
    let proven: HashSet<_> = TABLE.iter().flat_map(|(_, rules)| rules.iter().copied()).collect();
    let unproven: Vec<_> = book().iter().map(|rule| rule.name).filter(|name| !proven.contains(name)).collect();
    assert!(unproven.is_empty(), "rules that no mistake breaks: {unproven:#?}");
}
