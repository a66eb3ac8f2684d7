//! The book of what every store promises: run it on yours.
//!
//! ```
//! use eventsource::memory::MemoryStore;
//! use eventsource::testing::conformance::{self, Fixture};
//!
//! # #[tokio::main(flavor = "multi_thread", worker_threads = 2)]
//! # async fn main() {
//! // In a `#[tokio::test(flavor = "multi_thread")]`: each rule gets a fresh, empty store.
//! conformance::check(async || Fixture::new(MemoryStore::new())).await;
//! # }
//! ```
//!
//! The rules run on a runtime of several threads, because some of them race. They hold for the
//! default [`Limits`](crate::Limits).

#[macro_use]
mod rule;
mod asking;
mod counter;
mod dice;
mod fixture;
mod traced;

mod atomicity;
mod checkpoints;
mod claims;
mod closing;
mod conditions;
mod expected;
mod fidelity;
mod heads;
mod importing;
mod inline;
mod keys;
mod lost_answers;
mod model;
mod moments;
mod names;
mod order;
mod pages;
mod parking;
pub mod publishers;
mod racing;
mod scopes;
mod sizes;
mod snapshots;
mod tails;
mod times;
mod transactions;
mod view_rows;
mod view_scans;
mod view_tables;
mod waking;

use futures::StreamExt;
use futures::stream;

pub use counter::Counter;
pub use fixture::Fixture;
pub use rule::Rule;
pub use traced::with_inline_view;

/// Every rule, by theme.
pub fn book() -> Vec<Rule> {
    [
        atomicity::rules(),
        expected::rules(),
        racing::rules(),
        keys::rules(),
        lost_answers::rules(),
        conditions::rules(),
        order::rules(),
        scopes::rules(),
        times::rules(),
        pages::rules(),
        fidelity::rules(),
        tails::rules(),
        moments::rules(),
        snapshots::rules(),
        waking::rules(),
        heads::rules(),
        checkpoints::rules(),
        claims::rules(),
        transactions::rules(),
        view_tables::rules(),
        view_rows::rules(),
        view_scans::rules(),
        parking::rules(),
        inline::rules(),
        importing::rules(),
        sizes::rules(),
        names::rules(),
        closing::rules(),
        model::rules(),
    ]
    .concat()
}

/// Rules that run at a time: some wait more than they work.
const AT_A_TIME: usize = 4;

/// Runs the whole book, each rule on a fresh store, and panics with every rule that is broken and how.
///
/// What the fixture lacks (a second handle, views, imports, transactions, reopening, a clock) is named on standard error, because its rules pass unchecked.
pub async fn check(make_store: impl AsyncFn() -> Fixture) {
    for missing in make_store().await.missing() {
        // A test's output is shown with `--nocapture`, and when it fails.
        #[allow(clippy::print_stderr)]
        {
            eprintln!("the book is not checked in full: the fixture has no {missing}");
        }
    }
    let broken: Vec<_> = stream::iter(book())
        .map(async |rule| (rule.name, rule.check(make_store().await).await))
        .buffer_unordered(AT_A_TIME)
        .filter_map(async |(name, checked)| checked.err().map(|reason| format!("  {name}: {reason}")))
        .collect()
        .await;
    assert!(broken.is_empty(), "broken rules of the book ({}):\n{}", broken.len(), broken.join("\n"));
}
