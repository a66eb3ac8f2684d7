//! What is done, by chance: one seed says it for all workers, and for whoever judges them.

use std::time::Duration;

use serde_json::{Value, json};

use super::domain::Ask;

/// Two of them, each a process of its own or as good as that.
pub(super) const WORKERS: u64 = 2;
/// Of each task.
const OPERATIONS: u64 = 40;
/// In microseconds.
const LONGEST_PATIENCE: u64 = 3_000;
/// The same.
const LONGEST_HOLD: u64 = 30_000;

#[derive(Clone, Copy, Debug)]
pub(super) struct Plan {
    pub(super) seed: u64,
}

/// What a task of a worker does next.
#[derive(Clone, Debug)]
pub(super) struct Operation {
    /// It is in everything that this stores. No two have the same.
    pub(super) tag: String,
    pub(super) account: u64,
    pub(super) what: What,
    /// It has a command key, so it is repeated until it is answered.
    pub(super) is_keyed: bool,
    pub(super) way: Way,
    /// Then it is given up in the middle.
    pub(super) patience: Option<Duration>,
}

#[derive(Clone, Debug)]
pub(super) enum What {
    Ask(Ask),
    /// By the process manager.
    Transfer {
        to: u64,
        cents: i64,
    },
    /// Past the aggregate: whatever is there, it happens.
    Raw(Vec<Raw>),
    /// In a transaction of the user's, with a row of the user's; committed or not. Where a store has none, it is raw.
    Within {
        cents: i64,
        is_committed: bool,
        hold: Duration,
    },
    Load,
    LoadCached,
    /// The row of the inline view.
    Row,
}

/// An event as an older, or a later, program has stored it.
#[derive(Clone, Debug)]
pub(super) struct Raw {
    pub(super) account: u64,
    pub(super) form: Form,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Form {
    /// Version 1 of a deposit.
    Dollars(i64),
    /// The version of today.
    Cents(i64),
    /// What is two events now.
    Swapped(i64, i64),
    /// A withdrawal of version 2, which commands do not write yet.
    Online(i64),
}

/// Through which repository, and past or with the inline view.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Way {
    KeptCached,
    KeptDirectly,
    Cached,
    Directly,
}

pub(super) const WAYS: [Way; 4] = [Way::Cached, Way::KeptCached, Way::Directly, Way::KeptDirectly];

/// Cached, as most are.
const MOST_WAYS: [Way; 6] = [Way::Cached, Way::Cached, Way::Cached, Way::KeptCached, Way::Directly, Way::KeptDirectly];

impl Way {
    pub(super) fn is_kept(self) -> bool {
        matches!(self, Self::KeptCached | Self::KeptDirectly)
    }
}

/// What is hit, when the journal has got so many lines more.
#[derive(Clone, Copy, Debug)]
pub(super) struct Blow {
    pub(super) after: u64,
    pub(super) hits: Hit,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Hit {
    /// It is killed, and another goes on in its place.
    Worker(u64),
    /// It crashes, if it is the test's own.
    Server,
    /// It stands still for longer than a lease, if it is a process of its own.
    Pause(u64),
}

impl Plan {
    pub(super) fn accounts(self) -> u64 {
        2 + self.dice("accounts", 0).roll(4)
    }

    pub(super) fn tasks(self) -> u64 {
        3 + self.dice("tasks", 0).roll(4)
    }

    /// States that a repository keeps: not always all.
    pub(super) fn cached_states(self) -> usize {
        1 + self.dice("states", 0).roll(6) as usize
    }

    pub(super) fn batch(self) -> usize {
        1 + self.dice("batch", 0).roll(30) as usize
    }

    pub(super) fn group_commit(self) -> bool {
        self.dice("group", 0).percent(75)
    }

    pub(super) fn blows(self) -> Vec<Blow> {
        let mut dice = self.dice("blows", 0);
        let lines = 2 * OPERATIONS * self.tasks() * WORKERS;
        let hits = [Hit::Worker(1), Hit::Server, Hit::Worker(0), Hit::Pause(1)];
        // Spread over what there is to do, so that all of them hit something.
        let each = lines / (hits.len() as u64 + 1);
        let first = dice.roll(hits.len() as u64) as usize;
        let hits = hits.iter().cycle().skip(first).take(hits.len());
        hits.map(|hits| Blow { after: each / 2 + dice.roll(each / 2), hits: *hits }).collect()
    }

    pub(super) fn operations(self, worker: u64, task: u64) -> Vec<Operation> {
        let mut dice = self.dice("operations", worker * 1_000 + task);
        let operation = |number| self.operation(&mut dice, format!("{worker}-{task}-{number}"));
        (0..OPERATIONS).map(operation).collect()
    }

    /// Everything that anybody does.
    pub(super) fn all(self) -> Vec<Operation> {
        let of = |worker| (0..self.tasks()).flat_map(move |task| self.operations(worker, task));
        (0..WORKERS).flat_map(of).collect()
    }

    fn operation(self, dice: &mut Dice, tag: String) -> Operation {
        let accounts = self.accounts();
        // One has as much to do as all others together.
        let account = if dice.percent(50) { 0 } else { dice.roll(accounts) };
        let other = (account + 1 + dice.roll(accounts - 1)) % accounts;
        let cents = 1 + dice.roll(300) as i64;
        let raw = |form| vec![Raw { account, form }];
        let what = match dice.roll(100) {
            0..10 => What::Ask(Ask::Open(cents)),
            10..30 => What::Ask(Ask::Deposit(cents, 1 + dice.roll(3) as usize)),
            30..50 => What::Ask(Ask::Withdraw(cents)),
            50..58 => What::Transfer { to: other, cents },
            58..62 => What::Raw(raw(Form::Dollars(cents / 100))),
            62..66 => What::Raw(raw(Form::Swapped(cents, cents / 2))),
            66..69 => What::Raw(raw(Form::Online(cents))),
            69..73 => {
                What::Raw([raw(Form::Cents(cents)), vec![Raw { account: other, form: Form::Online(cents) }]].concat())
            }
            73..81 => What::Within {
                cents,
                is_committed: dice.percent(60),
                hold: Duration::from_micros(dice.roll(LONGEST_HOLD)),
            },
            81..90 => What::Load,
            90..93 => What::LoadCached,
            _ => What::Row,
        };
        let way = MOST_WAYS[dice.roll(MOST_WAYS.len() as u64) as usize];
        let patience = dice.percent(10).then(|| Duration::from_micros(dice.roll(LONGEST_PATIENCE)));
        Operation { tag, account, what, is_keyed: dice.percent(50), way, patience }
    }

    /// Of everything that is decided by chance, each has its own.
    fn dice(self, of: &str, number: u64) -> Dice {
        of.bytes().chain(number.to_le_bytes()).fold(Dice(self.seed ^ 0x9E37_79B9_7F4A_7C15), |mut dice, byte| {
            dice.0 = dice.0.wrapping_add(byte.into());
            dice.roll(2);
            dice
        })
    }
}

impl Raw {
    /// Its stream, and name, version and payload as they are stored.
    pub(super) fn event(&self, tag: &str) -> (String, (&'static str, u32, Value)) {
        let event = match self.form {
            Form::Dollars(dollars) => ("account.deposited", 1, json!({ "dollars": dollars, "tag": tag })),
            Form::Cents(cents) => ("account.deposited", 2, json!({ "cents": cents, "tag": tag })),
            Form::Swapped(out, back) => ("account.swapped", 1, json!({ "out": out, "back": back, "tag": tag })),
            Form::Online(cents) => ("account.withdrawn", 2, json!({ "cents": cents, "tag": tag, "channel": "online" })),
        };
        (format!("account-{}", self.account), event)
    }
}

impl Operation {
    /// When it is answered, the row of the inline view has it.
    pub(super) fn is_kept(&self) -> bool {
        self.way.is_kept() && !matches!(self.what, What::Within { .. })
    }
}

/// A small generator of random numbers (splitmix64).
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (mixed ^ (mixed >> 31)) % sides
    }

    fn percent(&mut self, chance: u64) -> bool {
        self.roll(100) < chance
    }
}
