//! The bank, killed while it records and projects: no event is in a view twice, and none is missing.

use std::process::{Child, Stdio};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use eventsource_test_cluster::Database;

use super::bank;
use super::expected::Sums;
use super::small::Desk;
use super::tables::{assert_exact, select};
use super::views::{run, year_until};

const KILLS: usize = 10;
/// Runs in which it may come to its end before it is killed.
const ROUNDS: usize = 25;
/// So many rows more in each round, so that there is always something to record and to project.
const ROWS: usize = 100;
/// Milliseconds from one batch of a view at most until it is killed.
const UNTIL_KILLED: u64 = 40;

/// Where the view stands that has a row for each transaction.
async fn position(store: &str) -> u64 {
    let position = "SELECT CAST(position AS TEXT) FROM checkpoints WHERE name LIKE 'transactions#%'";
    // Neither the store nor the view may be there yet.
    let found = select(store, position).await.unwrap_or_default();
    found.first().map_or(0, |position| position.parse().unwrap())
}

/// Waits until the view has moved and then some random moments; false if the program has ended before.
async fn kill_while_it_projects(mut child: Child, store: &str) -> bool {
    let before = position(store).await;
    while position(store).await == before && child.try_wait().unwrap().is_none() {
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    let dice = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().subsec_micros();
    tokio::time::sleep(Duration::from_millis(u64::from(dice) % UNTIL_KILLED)).await;
    let killed = child.try_wait().unwrap().is_none();
    child.kill().unwrap();
    let ended = child.wait().unwrap();
    assert!(killed || ended.success(), "it broke by itself: {ended}");
    killed
}

async fn killed_ten_times(store: &str, desk: &Desk) {
    let mut kills = 0;
    let mut round = 0;
    while kills < KILLS {
        round += 1;
        assert!(round <= ROUNDS, "killed {kills} times in {ROUNDS} rounds");
        desk.write(year_until(ROWS * round));
        let mut program = bank(["--json", "--views", "--store", store, "--ledger"]);
        program.arg(desk.ledger()).stdout(Stdio::null()).stderr(Stdio::null());
        kills += usize::from(kill_while_it_projects(program.spawn().unwrap(), store).await);
    }
    let sums = Sums::of(&desk.ledger());
    let report = run(store, &desk.ledger(), &["--views"]).await;
    assert_eq!(report["views"], sums.json(), "killed {kills} times in {round} rounds");
    assert_exact(store, &sums).await;
}

#[tokio::test]
async fn views_of_a_bank_that_was_killed_ten_times_are_exact_on_sqlite() {
    let desk = Desk::new("");
    killed_ten_times(&desk.store(), &desk).await;
}

#[tokio::test]
async fn views_of_a_bank_that_was_killed_ten_times_are_exact_on_postgresql() {
    let database = Database::create().await.unwrap_or_else(|error| panic!("{error}"));
    killed_ten_times(database.url(), &Desk::new("")).await;
}
