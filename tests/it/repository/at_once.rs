//! Commands on a store that answers as soon as it is asked.

use std::pin::pin;
use std::sync::{Mutex, mpsc};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use eventsource::memory::MemoryStore;
use eventsource::{Clock, Limits, Repository, Version};
use futures::FutureExt;
use tokio::runtime::Builder;

use super::account::*;

const LONGEST: Duration = Duration::from_secs(30);

#[test]
fn what_waits_for_a_store_that_answers_at_once_is_stored_by_who_appends_and_needs_no_task() {
    let (began, beginning) = mpsc::channel();
    let (go_on, may_go_on) = mpsc::channel::<()>();
    let may_go_on = Mutex::new(may_go_on);
    // Each append asks for the time, so this is where it can be held without giving way.
    let store = MemoryStore::with(
        Limits::default(),
        Clock::new(move || {
            began.send(()).unwrap();
            may_go_on.lock().unwrap().recv_timeout(LONGEST).unwrap();
            eventsource::now()
        }),
    );
    let accounts = Repository::<Account>::new(store);
    // A runtime that nobody drives: timers can be set, and no task ever runs.
    let runtime = Builder::new_current_thread().enable_time().build().unwrap();
    let _here = runtime.enter();
    let first = std::thread::spawn({
        let (accounts, runtime) = (accounts.clone(), runtime.handle().clone());
        move || {
            let _here = runtime.enter();
            accounts.execute("alice", |_| deposited(1)).now_or_never().expect("an answer at once").unwrap()
        }
    });
    beginning.recv_timeout(LONGEST).unwrap();
    let mut context = Context::from_waker(Waker::noop());
    let mut second = pin!(accounts.execute("alice", |account| account.withdraw(1)));
    assert!(second.as_mut().poll(&mut context).is_pending(), "an append is under way");
    go_on.send(()).unwrap();
    go_on.send(()).unwrap();
    assert_eq!(first.join().unwrap().version, Version(1));
    let Poll::Ready(second) = second.as_mut().poll(&mut context) else { panic!("it needs a task") };
    assert_eq!(second.unwrap().version, Version(2));
}
