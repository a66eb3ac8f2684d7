//! The book of what every publisher promises: run it on the client of your broker.
//!
//! ```
//! use eventsource::memory::MemoryBroker;
//! use eventsource::testing::conformance::publishers::{self, Fixture};
//!
//! # #[tokio::main(flavor = "multi_thread", worker_threads = 2)]
//! # async fn main() {
//! // In a `#[tokio::test(flavor = "multi_thread")]`: each rule gets a publisher, and a fresh queue that gets all of its messages.
//! publishers::check(async || {
//!     let broker = MemoryBroker::new();
//!     let queue = broker.bind("#").unwrap();
//!     let (stopped, started) = (broker.clone(), broker.clone());
//!     let stop = move || std::future::ready(stopped.stop());
//!     let start = move || std::future::ready(started.start());
//!     Fixture::new(broker, queue).with_outage(stop, start)
//! })
//! .await;
//! # }
//! ```

mod arriving;
mod failing;
mod fixture;
mod told;

use super::rule::Rule;

pub use fixture::{Fixture, Received, Receiver};

/// Every rule for publishers.
pub fn book() -> Vec<Rule<Fixture>> {
    [arriving::rules(), failing::rules()].concat()
}

/// Runs the whole book, one rule after the other, and panics with every rule that is broken and how.
///
/// If the fixture has no [outage](Fixture::with_outage), that is said on standard error, because the rules on one pass unchecked.
pub async fn check(make: impl AsyncFn() -> Fixture) {
    let mut broken = Vec::new();
    for rule in book() {
        let fixture = make().await;
        if !fixture.has_outage() {
            // A test's output is shown with `--nocapture`, and when it fails.
            #[allow(clippy::print_stderr)]
            {
                eprintln!("{} may be unchecked: the fixture has no outage (`with_outage`)", rule.name);
            }
        }
        broken.extend(rule.check(fixture).await.err().map(|reason| format!("  {}: {reason}", rule.name)));
    }
    assert!(broken.is_empty(), "broken rules for publishers ({}):\n{}", broken.len(), broken.join("\n"));
}
