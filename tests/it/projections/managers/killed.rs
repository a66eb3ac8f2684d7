//! A process that moves money and is killed, again and again, while accounts close and open.

use std::collections::BTreeMap;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use eventsource::postgres::PgStore;
use eventsource::sqlite::SqliteStore;
use eventsource::{Events, Read, Recorded, ViewStore};

use super::things::*;
use super::transfer::{AccountEvent, Transfer, TransferEvent};
use crate::projections::things::{Running, until};
use crate::wrapped::Wrapped;

/// Set for the child, which then moves money in the store that it names until it is killed.
const STORE: &str = "EVENTSOURCE_TRANSFER_TEST_STORE";
const KILLS: u64 = 20;
/// Kills that must have hit transfers half-way.
const HALF_WAY: u64 = 5;
const ACCOUNTS: u64 = 6;
const EACH: i64 = 1_000;
const TRANSFERS_A_ROUND: u64 = 20;

async fn open_store(name: &str) -> Wrapped {
    let store: Arc<dyn ViewStore> = match name.starts_with("postgres") {
        true => Arc::new(PgStore::connect(name).await.unwrap()),
        false => Arc::new(SqliteStore::open(name).await.unwrap()),
    };
    Wrapped::new(store)
}

/// Not a test by itself: what the child process of the tests below does.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn child_that_moves_money_until_it_is_killed() {
    let Ok(name) = std::env::var(STORE) else { return };
    let store = open_store(&name).await;
    managing::<Transfer>(&store).batch(10).run(std::future::pending()).await.unwrap();
}

/// It ends with whoever started it, also if that fails.
struct Killed(Child);

impl Killed {
    fn start(name: &str) -> Self {
        let child = "projections::managers::killed::child_that_moves_money_until_it_is_killed";
        let started = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", child, "--nocapture"])
            .env(STORE, name)
            .stdout(Stdio::null())
            .stderr(Stdio::inherit())
            .spawn();
        Self(started.unwrap())
    }
}

impl Drop for Killed {
    fn drop(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_sum_of_all_balances_stays_the_same_whenever_a_process_is_killed_on_sqlite() {
    let folder = tempfile::tempdir().unwrap();
    stays_the_same(folder.path().join("transfers.db").to_str().unwrap()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_sum_of_all_balances_stays_the_same_whenever_a_process_is_killed_on_postgres() {
    let database = crate::postgres::database().await;
    drop(crate::postgres::store_in(&database, crate::postgres::patient()).await);
    stays_the_same(database.url()).await;
}

async fn stays_the_same(name: &str) {
    let store = open_store(name).await;
    let mut dice = Dice(uuid::Uuid::now_v7().as_u64_pair().1);
    for account in 0..ACCOUNTS {
        open(&store, &account.to_string(), EACH).await;
    }
    let mut half_way = 0;
    for round in 0..KILLS {
        for transfer in 0..TRANSFERS_A_ROUND {
            let (from, to) = (dice.roll(ACCOUNTS).to_string(), dice.roll(ACCOUNTS).to_string());
            // To oneself, too; and sometimes more than there is.
            let cents = dice.roll(EACH as u64) as i64;
            request(&store, &format!("{round}-{transfer}"), &from, &to, cents).await;
        }
        let before = Seen::of(&store).await;
        let child = Killed::start(name);
        until("the child has begun", async || Seen::of(&store).await.steps > before.steps).await;
        let account = dice.roll(ACCOUNTS).to_string();
        close(&store, &account).await;
        tokio::time::sleep(Duration::from_millis(dice.roll(60))).await;
        drop(child);
        let seen = Seen::of(&store).await;
        seen.check();
        half_way += u64::from(seen.is_half_way());
        open(&store, &account, 0).await;
    }
    assert!(half_way >= HALF_WAY, "only {half_way} of {KILLS} kills hit transfers half-way");
    close(&store, "0").await;
    for from in 1..ACCOUNTS {
        request(&store, &format!("last-{from}"), &from.to_string(), "0", 1).await;
    }
    let last = Running::start(managing::<Transfer>(&store));
    until("all transfers are over", async || Seen::of(&store).await.all_over()).await;
    last.stop().await.unwrap();
    let seen = Seen::of(&store).await;
    seen.check();
    assert_eq!(seen.transfers.len() as u64, KILLS * TRANSFERS_A_ROUND + ACCOUNTS - 1);
    let mut sum = 0;
    for account in 0..ACCOUNTS {
        sum += cents(&store, &account.to_string()).await;
    }
    assert_eq!(sum, ACCOUNTS as i64 * EACH);
    for how in ["arrived", "refused", "returned"] {
        assert!(seen.transfers.values().any(|transfer| transfer.story.ends_with(how)), "none has {how}");
    }
}

/// What has become of all transfers, and what was moved for each.
#[derive(Default)]
struct Seen {
    transfers: BTreeMap<String, Seeing>,
    steps: usize,
}

#[derive(Default)]
struct Seeing {
    story: String,
    cents: i64,
    /// Out of an account and into one, in order.
    moved: Vec<i64>,
}

impl Seen {
    async fn of(store: &Wrapped) -> Self {
        let mut seen = Self::default();
        // What a child that was killed has sent may land in between: one step of each transfer, with its cause before it.
        let mut moves = Events::<AccountEvent>::new(store.clone(), Read::category("account"));
        while let Some(Recorded { event, .. }) = moves.next().await.unwrap() {
            let (slip, cents) = match event {
                AccountEvent::Withdrawn(slip) => (slip.slip, -slip.cents),
                AccountEvent::Deposited(slip) => (slip.slip, slip.cents),
                _ => continue,
            };
            seen.transfers.entry(slip).or_default().moved.push(cents);
            seen.steps += 1;
        }
        let mut stories = Events::<TransferEvent>::new(store.clone(), Read::category("transfer"));
        while let Some(Recorded { event, stream, name, .. }) = stories.next().await.unwrap() {
            let transfer = seen.transfers.entry(stream.id().to_owned()).or_default();
            if let TransferEvent::Requested(requested) = event {
                transfer.cents = requested.cents;
            } else {
                seen.steps += 1;
            }
            transfer.story.push_str(name.trim_start_matches("transfer"));
        }
        seen
    }

    /// While nobody moves anything.
    fn check(&self) {
        for (slip, Seeing { story, cents, moved }) in &self.transfers {
            let (out, back) = (-cents, *cents);
            let moves: &[&[i64]] = match story.as_str() {
                ".requested" => &[&[], &[out]],
                ".requested.refused" => &[&[]],
                ".requested.taken" => &[&[out], &[out, back]],
                ".requested.taken.bounced" => &[&[out], &[out, back]],
                ".requested.taken.arrived" | ".requested.taken.bounced.returned" => &[&[out, back]],
                _ => panic!("transfer {slip} is {story}"),
            };
            assert!(
                moves.contains(&&moved[..]),
                "transfer {slip} of {cents} cents is {story}, and was moved: {moved:?}"
            );
        }
    }

    fn is_half_way(&self) -> bool {
        self.transfers.values().any(|transfer| transfer.story.len() > ".requested".len() && !transfer.is_over())
    }

    fn all_over(&self) -> bool {
        self.transfers.values().all(Seeing::is_over)
    }
}

impl Seeing {
    fn is_over(&self) -> bool {
        ["arrived", "refused", "returned"].iter().any(|end| self.story.ends_with(end))
    }
}

/// Chance enough.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % sides
    }
}
