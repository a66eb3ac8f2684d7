//! Money between two accounts, by a process that returns it if the other account was closed: `cargo run --example transfer`.

#![allow(clippy::print_stdout, reason = "what a program answers goes to stdout")]

use std::error::Error;
use std::fmt;

use eventsource::sqlite::SqliteStore;
use eventsource::{
    Aggregate, Apply, DomainEvent, Events, Handle, NoInput, ProcessManager, Projections, Reaction, Read, Recorded,
    Repository,
};
use serde::{Deserialize, Serialize};

// An account: four facts, three commands. It knows nothing of transfers but the number on the slip.

#[derive(DomainEvent, Serialize, Deserialize)]
#[event(name = "account.opened", version = 1)]
pub(crate) struct Opened {
    pub(crate) cents: i64,
}

#[derive(DomainEvent, Serialize, Deserialize)]
#[event(name = "account.withdrawn", version = 1)]
pub(crate) struct Withdrawn {
    pub(crate) cents: i64,
    pub(crate) slip: String,
}

#[derive(DomainEvent, Serialize, Deserialize)]
#[event(name = "account.deposited", version = 1)]
pub(crate) struct Deposited {
    pub(crate) cents: i64,
    pub(crate) slip: String,
}

#[derive(DomainEvent, Serialize, Deserialize)]
#[event(name = "account.closed", version = 1)]
pub(crate) struct Closed {}

#[derive(Aggregate, Default, Clone)]
#[aggregate(name = "account", events(Opened, Withdrawn, Deposited, Closed))]
pub(crate) struct Account {
    pub(crate) cents: i64,
    pub(crate) is_open: bool,
}

impl Apply<Opened> for Account {
    fn apply(&mut self, opened: &Opened) {
        self.cents += opened.cents;
        self.is_open = true;
    }
}

impl Apply<Withdrawn> for Account {
    fn apply(&mut self, withdrawn: &Withdrawn) {
        self.cents -= withdrawn.cents;
    }
}

impl Apply<Deposited> for Account {
    fn apply(&mut self, deposited: &Deposited) {
        self.cents += deposited.cents;
    }
}

impl Apply<Closed> for Account {
    fn apply(&mut self, _: &Closed) {
        self.is_open = false;
    }
}

/// What an account says when it says no.
#[derive(Debug)]
pub(crate) enum No {
    NotOpen,
    Missing(i64),
}

impl fmt::Display for No {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotOpen => f.write_str("the account is not open"),
            Self::Missing(cents) => write!(f, "{cents} cents are missing"),
        }
    }
}

pub(crate) struct Withdraw {
    pub(crate) cents: i64,
    pub(crate) slip: String,
}

pub(crate) struct Deposit {
    pub(crate) cents: i64,
    pub(crate) slip: String,
}

/// What was withdrawn comes back, also into an account that was closed since: it was never anybody else's.
pub(crate) struct PutBack {
    pub(crate) cents: i64,
    pub(crate) slip: String,
}

impl Handle<Withdraw> for Account {
    type Decision = Result<Withdrawn, No>;

    fn handle(&self, Withdraw { cents, slip }: &Withdraw) -> Self::Decision {
        match (self.is_open, cents - self.cents) {
            (false, _) => Err(No::NotOpen),
            (true, missing) if missing > 0 => Err(No::Missing(missing)),
            (true, _) => Ok(Withdrawn { cents: *cents, slip: slip.clone() }),
        }
    }
}

impl Handle<Deposit> for Account {
    type Decision = Result<Deposited, No>;

    fn handle(&self, Deposit { cents, slip }: &Deposit) -> Self::Decision {
        if self.is_open { Ok(Deposited { cents: *cents, slip: slip.clone() }) } else { Err(No::NotOpen) }
    }
}

impl Handle<PutBack> for Account {
    type Decision = Deposited;

    fn handle(&self, PutBack { cents, slip }: &PutBack) -> Deposited {
        Deposited { cents: *cents, slip: slip.clone() }
    }
}

// A transfer: what it has come to, and what follows from that.

#[derive(DomainEvent, Serialize, Deserialize)]
#[event(name = "transfer.requested", version = 1)]
pub(crate) struct Requested {
    pub(crate) from: String,
    pub(crate) to: String,
    pub(crate) cents: i64,
}

#[derive(DomainEvent, Serialize, Deserialize)]
#[event(name = "transfer.taken", version = 1)]
pub(crate) struct Taken {}

#[derive(DomainEvent, Serialize, Deserialize)]
#[event(name = "transfer.arrived", version = 1)]
pub(crate) struct Arrived {}

/// Nothing was taken.
#[derive(DomainEvent, Serialize, Deserialize)]
#[event(name = "transfer.refused", version = 1)]
pub(crate) struct Refused {
    pub(crate) because: String,
}

/// It was taken, and nobody wants it.
#[derive(DomainEvent, Serialize, Deserialize)]
#[event(name = "transfer.bounced", version = 1)]
pub(crate) struct Bounced {
    pub(crate) because: String,
}

#[derive(DomainEvent, Serialize, Deserialize)]
#[event(name = "transfer.returned", version = 1)]
pub(crate) struct Returned {}

#[derive(Aggregate, Default, Clone)]
#[aggregate(name = "transfer", events(Requested, Taken, Arrived, Refused, Bounced, Returned))]
pub(crate) struct Transfer {
    from: String,
    to: String,
    cents: i64,
    pub(crate) is_over: bool,
}

impl Apply<Requested> for Transfer {
    fn apply(&mut self, Requested { from, to, cents }: &Requested) {
        (self.from, self.to, self.cents) = (from.clone(), to.clone(), *cents);
    }
}

impl Apply<Taken> for Transfer {
    fn apply(&mut self, _: &Taken) {}
}

impl Apply<Arrived> for Transfer {
    fn apply(&mut self, _: &Arrived) {
        self.is_over = true;
    }
}

impl Apply<Refused> for Transfer {
    fn apply(&mut self, _: &Refused) {
        self.is_over = true;
    }
}

impl Apply<Bounced> for Transfer {
    fn apply(&mut self, _: &Bounced) {}
}

impl Apply<Returned> for Transfer {
    fn apply(&mut self, _: &Returned) {
        self.is_over = true;
    }
}

impl ProcessManager for Transfer {
    type Input = NoInput;

    fn react(&self, event: &Recorded<TransferEvent>, then: &mut Reaction<Self>) {
        let (cents, slip) = (self.cents, event.stream.id().to_owned());
        match &event.event {
            TransferEvent::Requested(_) => {
                let taking = then.to::<Account>(&self.from).send(Withdraw { cents, slip });
                taking.and(Taken {}).or(|no| Refused { because: no.to_string() });
            }
            TransferEvent::Taken(_) => {
                let giving = then.to::<Account>(&self.to).send(Deposit { cents, slip });
                giving.and(Arrived {}).or(|no| Bounced { because: no.to_string() });
            }
            TransferEvent::Bounced(_) => {
                then.to::<Account>(&self.from).send(PutBack { cents, slip }).and(Returned {});
            }
            TransferEvent::Arrived(_) | TransferEvent::Refused(_) | TransferEvent::Returned(_) => {}
        }
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let store = SqliteStore::in_memory().await?;
    let accounts = Repository::<Account>::new(store.clone());
    let transfers = Repository::<Transfer>::new(store.clone());
    accounts.execute("alice", |_| Opened { cents: 10_000 }).await?;
    accounts.execute("bob", |_| Opened { cents: 0 }).await?;
    accounts.execute("carol", |_| Opened { cents: 0 }).await?;
    for (slip, to, cents) in [("1", "bob", 3_000), ("2", "carol", 2_000), ("3", "bob", 18_000)] {
        transfers.execute(slip, |_| Requested { from: "alice".into(), to: to.into(), cents }).await?;
    }
    // The money is about to leave, and nobody will be there when it arrives.
    accounts.execute("carol", |_| Closed {}).await?;

    let all_over = async {
        for slip in ["1", "2", "3"] {
            while !transfers.load(slip).await.is_ok_and(|transfer| transfer.is_over) {
                tokio::time::sleep(std::time::Duration::from_millis(5)).await;
            }
        }
    };
    Projections::new(&store).manager::<Transfer>().run(all_over).await?;

    let mut events = Events::<TransferEvent>::new(store.clone(), Read::all());
    while let Some(event) = events.next().await? {
        let because = match &event.event {
            TransferEvent::Refused(Refused { because }) | TransferEvent::Bounced(Bounced { because }) => because,
            _ => "",
        };
        println!("{:<12}{:<20}{because}", event.stream.as_str(), event.name);
    }
    for name in ["alice", "bob", "carol"] {
        println!("{name:<6} {:>6} cents", accounts.load(name).await?.cents);
    }
    Ok(())
}
