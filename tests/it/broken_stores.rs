//! Proof that the book notices mistakes: stores that make one each, and the rules that must fail on them.

mod appending;
mod broken;
mod claims;
mod defect;
mod importing;
mod inline;
mod parking;
mod reading;
mod rows;
mod transactions;
mod views;

use std::collections::HashSet;

use eventsource::testing::conformance::{Rule, book};
use futures::StreamExt;
use futures::stream;

use broken::Broken;
use defect::{Defect, TABLE};

/// Some rules wait for what never comes, so several run at a time.
const AT_A_TIME: usize = 8;

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn every_mistake_is_noticed_by_the_rules_named_for_it() {
    let cases = TABLE.iter().flat_map(|(defect, rules)| rules.iter().map(|rule| (*defect, *rule)));
    let unnoticed: Vec<_> = stream::iter(cases)
        .map(async |(defect, name)| (defect, name, rule(name).check(Broken::fixture(defect)).await))
        .buffer_unordered(AT_A_TIME)
        .filter_map(async |(defect, name, checked)| checked.is_ok().then(|| format!("{defect:?} passes {name}")))
        .collect()
        .await;
    assert!(unnoticed.is_empty(), "mistakes that the book does not notice:\n{}", unnoticed.join("\n"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_same_store_without_a_mistake_passes_the_whole_book() {
    eventsource::testing::conformance::check(async || Broken::fixture(Defect::Sound)).await;
}

#[test]
fn every_rule_of_the_book_notices_some_mistake() {
    let proven: HashSet<_> = TABLE.iter().flat_map(|(_, rules)| rules.iter().copied()).collect();
    let unproven: Vec<_> = book().iter().map(|rule| rule.name).filter(|name| !proven.contains(name)).collect();
    assert!(unproven.is_empty(), "rules that no mistake breaks: {unproven:#?}");
}

fn rule(name: &str) -> Rule {
    let found = book().into_iter().find(|rule| rule.name == name);
    found.unwrap_or_else(|| panic!("the book has no rule {name}"))
}
