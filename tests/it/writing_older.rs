//! `write = 2`: a new program stores what an old one reads, and believes no more than what it stored.

use eventsource::memory::MemoryStore;
use eventsource::testing::given;
use eventsource::{Aggregate, Apply, DomainEvent, NewEvent, Repository, Version};
use serde::{Deserialize, Serialize};

mod property;

#[derive(Serialize, Deserialize, Clone, Debug, PartialEq)]
pub(crate) struct Money {
    pub(crate) minor: i64,
    pub(crate) currency: String,
}

fn eur(cents: i64) -> Money {
    Money { minor: cents, currency: "EUR".into() }
}

/// The build that runs while the new one is deployed.
mod old {
    use super::*;

    #[derive(DomainEvent, Serialize, Deserialize, Clone, Debug, PartialEq)]
    #[event(name = "account.deposited", version = 2, oldest = 2)]
    #[serde(rename_all = "camelCase", deny_unknown_fields)]
    pub(super) struct Deposited {
        pub(super) cents: i64,
        pub(super) teller: String,
        #[serde(skip_serializing_if = "Option::is_none")]
        pub(super) paid_by: Option<String>,
    }

    #[derive(DomainEvent, Serialize, Deserialize, Clone, Debug, PartialEq)]
    #[event(name = "account.closed", version = 1)]
    pub(super) struct Closed {
        pub(super) reason: String,
    }

    #[derive(Aggregate, Default, Clone, Debug, PartialEq, Serialize, Deserialize)]
    #[aggregate(name = "account", events(Deposited, Closed), snapshot(every = 2))]
    pub(super) struct Account {
        pub(super) cents: i64,
        pub(super) tellers: Vec<String>,
        pub(super) closed: Option<String>,
    }

    impl Apply<Deposited> for Account {
        fn apply(&mut self, event: &Deposited) {
            self.cents += event.cents;
            self.tellers.push(event.teller.clone());
        }
    }

    impl Apply<Closed> for Account {
        fn apply(&mut self, event: &Closed) {
            self.closed = Some(event.reason.clone());
        }
    }
}

/// The build that is deployed: it knows more, and writes what the old one reads.
mod new {
    use super::*;

    #[derive(DomainEvent, Serialize, Deserialize, Clone, Debug, PartialEq)]
    #[event(
        name = "account.deposited", version = 4, write = 2, oldest = 2,
        removed(field = "teller", in = 4, from = String, default = "machine"),
    )]
    #[serde(rename_all = "camelCase", deny_unknown_fields)]
    pub(super) struct Deposited {
        #[event(
            renamed(from = "cents", in = 3),
            changed(in = 3, from = i64, with = i128::from, back = Self::narrow),
            changed(in = 4, from = i128, with = Self::money, back = minor),
        )]
        pub(super) amount: Money,
        #[event(added = 3, default = "unknown")]
        pub(super) channel: String,
        #[serde(skip_serializing_if = "Option::is_none")]
        pub(super) paid_by: Option<String>,
        #[serde(skip)]
        pub(super) seen: bool,
    }

    fn minor(money: &Money) -> Result<i128, String> {
        if money.currency != "EUR" {
            return Err(format!("{} is not known to older programs", money.currency));
        }
        Ok(money.minor.into())
    }

    impl Deposited {
        fn money(cents: i128) -> Result<Money, std::num::TryFromIntError> {
            cents.try_into().map(eur)
        }

        fn narrow(cents: &i128) -> Result<i64, std::num::TryFromIntError> {
            (*cents).try_into()
        }
    }

    #[derive(DomainEvent, Serialize, Deserialize, Clone, Debug, PartialEq)]
    #[event(name = "account.closed", version = 3, write = 1, previous = ClosedV2)]
    pub(super) struct Closed {
        pub(super) code: u8,
    }

    // It writes the version before, so the newest one may as well.
    #[derive(DomainEvent, Serialize, Deserialize)]
    #[event(name = "account.closed", version = 2, write = 1, previous = ClosedV1)]
    pub(super) struct ClosedV2 {
        reason: Option<String>,
    }

    #[derive(DomainEvent, Serialize, Deserialize)]
    #[event(name = "account.closed", version = 1)]
    pub(super) struct ClosedV1 {
        reason: String,
    }

    impl From<ClosedV1> for ClosedV2 {
        fn from(old: ClosedV1) -> Self {
            Self { reason: Some(old.reason) }
        }
    }

    impl From<ClosedV2> for Closed {
        fn from(old: ClosedV2) -> Self {
            Self { code: if old.reason.as_deref() == Some("wish") { 1 } else { 0 } }
        }
    }

    impl From<&Closed> for ClosedV2 {
        fn from(new: &Closed) -> Self {
            Self { reason: (new.code == 1).then(|| "wish".to_owned()) }
        }
    }

    impl From<&ClosedV2> for ClosedV1 {
        fn from(new: &ClosedV2) -> Self {
            Self { reason: new.reason.clone().unwrap_or_default() }
        }
    }

    #[derive(Aggregate, Default, Clone, Debug, PartialEq, Serialize, Deserialize)]
    #[aggregate(name = "account", events(Deposited, Closed), snapshot(every = 2), derive(Clone, Debug, PartialEq))]
    pub(super) struct Account {
        pub(super) minor: i64,
        pub(super) channels: Vec<String>,
        pub(super) seen: bool,
        pub(super) code: Option<u8>,
    }

    impl Apply<Deposited> for Account {
        fn apply(&mut self, event: &Deposited) {
            self.minor += event.amount.minor;
            self.channels.push(event.channel.clone());
            self.seen |= event.seen;
        }
    }

    impl Apply<Closed> for Account {
        fn apply(&mut self, event: &Closed) {
            self.code = Some(event.code);
        }
    }
}

fn web(cents: i64) -> new::Deposited {
    new::Deposited { amount: eur(cents), channel: "web".into(), paid_by: None, seen: true }
}

fn as_read(cents: i64) -> new::Deposited {
    new::Deposited { channel: "unknown".into(), seen: false, ..web(cents) }
}

fn cash(cents: i64) -> old::Deposited {
    old::Deposited { cents, teller: "Bob".into(), paid_by: Some("Alice".into()) }
}

#[test]
fn the_older_version_is_stored() {
    let stored = NewEvent::encode(&web(500)).unwrap();
    assert_eq!((stored.schema_version, &*stored.data), (2, &br#"{"cents":500,"teller":"machine"}"#[..]));
    let stored = NewEvent::encode(&new::Closed { code: 7 }).unwrap();
    assert_eq!((stored.schema_version, &*stored.data), (1, &br#"{"reason":""}"#[..]));
}

#[test]
fn what_has_no_older_form_is_refused() {
    let dollars = new::Deposited { amount: Money { minor: 1, currency: "USD".into() }, ..web(0) };
    let error = NewEvent::encode(&dollars).unwrap_err();
    assert!(error.is_encode());
    assert_eq!(
        error.to_string(),
        "cannot store event `account.deposited`: it cannot become version 2, which is written: \
         the step back from version 4 to 3 failed: field `amount`: USD is not known to older programs"
    );
}

#[tokio::test]
async fn old_and_new_programs_write_and_read_the_same_streams() {
    let store = MemoryStore::new();
    let old = Repository::<old::Account>::new(store.clone());
    let new = Repository::<new::Account>::new(store.clone());
    for round in 0..3 {
        old.execute("alice", |_| cash(100)).await.unwrap();
        let executed = new.execute("alice", |_| [web(10), web(1)]).await.unwrap();
        assert_eq!(executed.version, Version(3 * (round + 1)));
    }
    old.execute("alice", |account| old::Closed { reason: account.cents.to_string() }).await.unwrap();
    new.execute("alice", |_| new::Closed { code: 1 }).await.unwrap();
    let (old, new) = (old.load("alice").await.unwrap(), new.load("alice").await.unwrap());
    assert_eq!((old.cents, old.closed.as_deref()), (333, Some("wish")));
    assert_eq!(old.tellers.iter().filter(|teller| *teller == "machine").count(), 6);
    assert_eq!((new.minor, new.code), (333, Some(1)));
    assert_eq!(new.channels, ["unknown"; 9]);
}

#[tokio::test]
async fn a_result_is_what_a_reader_will_get() {
    let store = MemoryStore::new();
    let accounts = Repository::<new::Account>::new(store.clone());
    // A snapshot is due with the second event, and must know no more than the events do.
    let executed = accounts.execute("alice", |_| (web(5), new::Closed { code: 9 })).await.unwrap();
    let loaded = Repository::<new::Account>::new(store).load("alice").await.unwrap();
    assert_eq!(executed.state, loaded.state);
    assert_eq!(executed.state, new::Account { minor: 5, channels: vec!["unknown".into()], seen: false, code: Some(0) });
    let events: Vec<_> = executed.events.iter().map(|recorded| recorded.event.clone()).collect();
    assert_eq!(events, [as_read(5).into(), new::Closed { code: 0 }.into()]);
    assert_eq!(executed.events[0].schema_version, 2);
}

#[tokio::test]
async fn without_write_the_same_struct_stores_its_own_version() {
    // The second deploy: `write` is gone, and what was stored while it was there is read.
    #[derive(DomainEvent, Serialize, Deserialize, Debug, PartialEq)]
    #[event(name = "thing.seen", version = 2)]
    struct Seen {
        #[event(changed(in = 2, from = u8, with = u16::from))]
        at: u16,
    }
    let stored = NewEvent::encode(&Seen { at: 700 }).unwrap();
    assert_eq!((stored.schema_version, &*stored.data), (2, &br#"{"at":700}"#[..]));
}

#[test]
fn a_test_of_a_decision_sees_what_a_reader_will_get() {
    given::<new::Account>([web(5)])
        .then_state(|account| assert_eq!(account.channels, ["unknown"]))
        .when(|_| web(6))
        .then(web(6))
        .then(as_read(6))
        .then_state(|account| assert_eq!((account.minor, account.seen), (11, false)));
}

#[tokio::test]
async fn an_event_that_could_not_be_read_back_is_not_stored() {
    #[derive(DomainEvent, Serialize, Deserialize, Debug)]
    #[event(name = "thing.seen", version = 2, write = 1)]
    struct Seen {
        #[event(changed(in = 2, from = String, with = parse, back = text))]
        at: u8,
    }
    fn parse(text: String) -> Result<u8, std::num::ParseIntError> {
        text.parse()
    }
    fn text(_: &u8) -> String {
        "soon".into()
    }
    #[derive(Aggregate, Default, Clone, Debug)]
    #[aggregate(name = "thing", events(Seen))]
    struct Thing;
    impl Apply<Seen> for Thing {
        fn apply(&mut self, _: &Seen) {}
    }
    let store = MemoryStore::new();
    let things = Repository::<Thing>::new(store.clone());
    let error = things.execute("a", |_| Seen { at: 1 }).await.unwrap_err().to_string();
    assert!(error.starts_with("cannot store event `thing.seen` as version 1: it could not be read back: "), "{error}");
    assert!(error.contains("field `at`: invalid digit"), "{error}");
    assert_eq!(things.load("a").await.unwrap().version, Version(0));
}
