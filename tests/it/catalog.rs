//! A program held against a store before it meets traffic.

use eventsource::memory::MemoryStore;
use eventsource::{
    Aggregate, AppendRequest, Apply, Catalog, CatalogError, DomainEvent, EventSet, EventStore, ExpectedVersion,
    HeldType, NewEvent, Sample, StreamId,
};
use serde::{Deserialize, Serialize};

#[derive(DomainEvent, Serialize, Deserialize)]
#[event(
    name = "account.deposited",
    version = 4,
    write = 3,
    oldest = 2,
    alias = "account.paid_in",
    upcast(from = 3, same)
)]
struct Deposited {
    #[event(renamed(from = "amount", in = 3))]
    cents: u64,
}

#[derive(DomainEvent, Deserialize)]
#[event(name = "account.transferred", version = 2, oldest = 2)]
struct Transferred {
    cents: u64,
}

#[derive(DomainEvent, Serialize, Deserialize)]
#[event(name = "account.debited", version = 1, split_from("account.transferred", with = debited))]
struct Debited {
    cents: u64,
}

fn debited(old: &Transferred) -> Option<Debited> {
    Some(Debited { cents: old.cents })
}

#[derive(Aggregate, Default, Clone)]
#[aggregate(name = "account", events(Deposited, Debited), retired("account.pinged"))]
struct Account;

#[derive(DomainEvent, Serialize, Deserialize)]
#[event(name = "card.issued", version = 1)]
struct Issued {
    number: String,
}

#[derive(Aggregate, Default, Clone)]
#[aggregate(name = "card", events(Issued))]
struct Card;

#[derive(EventSet)]
enum Onboarding {
    Deposited(Deposited),
    Issued(Issued),
}

macro_rules! nothing {
    ($($event:ident for $state:ident),*) => { $(impl Apply<$event> for $state { fn apply(&mut self, _: &$event) {} })* };
}
nothing!(Deposited for Account, Debited for Account, Issued for Card);

fn catalog() -> Catalog {
    whole_program().unwrap()
}

fn whole_program() -> Result<Catalog, CatalogError> {
    Catalog::new().aggregate::<Account>()?.aggregate::<Card>()?.events::<Onboarding>()
}

async fn holding(events: &[(&str, &'static str, u32, &str)]) -> MemoryStore {
    let store = MemoryStore::new();
    for (stream, name, version, payload) in events {
        let event = NewEvent::new(*name, *version, payload.as_bytes().to_vec());
        let request = AppendRequest::new(StreamId::parse(stream).unwrap(), ExpectedVersion::Any, vec![event]);
        store.append(request.into()).await.unwrap();
    }
    store
}

#[tokio::test]
async fn what_every_reader_can_read_is_readable() {
    let store = holding(&[
        ("account-a", "account.deposited", 2, "{}"),
        ("account-a", "account.deposited", 3, "{}"),
        ("account-a", "account.deposited", 4, "{}"),
        ("account-a", "account.paid_in", 2, "{}"),
        ("account-a", "account.transferred", 2, "{}"),
        ("account-a", "account.pinged", 70, "{}"),
        ("account-a", "account.debited", 1, "{}"),
        ("card-a", "card.issued", 1, "{}"),
        ("thing-a", "$maintenance", 9, "{}"),
    ])
    .await;
    let verified = catalog().verify(&store).await.unwrap();
    assert!(verified.is_readable(), "{verified}");
    assert_eq!(verified.types, 9);
    assert_eq!(verified.to_string(), "all 9 types can be read");
}

#[tokio::test]
async fn every_pair_that_cannot_be_read_is_reported_with_its_reader_and_reason() {
    let store = holding(&[
        ("account-a", "account.deposited", 1, "{}"),
        ("account-a", "account.deposited", 5, "{}"),
        ("account-a", "account.paid_in", 9, "{}"),
        ("account-a", "account.transferred", 1, "{}"),
        ("account-a", "account.closed", 1, "{}"),
        ("account-a", "billing.sent", 1, "{}"),
        ("card-a", "card.issued", 1, "{}"),
    ])
    .await;
    let verified = catalog().verify(&store).await.unwrap();
    assert!(!verified.is_readable());
    let known = "account.debited, account.deposited, card.issued";
    assert_eq!(
        verified.to_string(),
        format!(
            "6 of 7 types cannot be read\n  \
             account.closed v1: no event has this name here; known are {known}\n  \
             account.deposited v1 by aggregate `account`: this program reads no version before 2\n  \
             account.deposited v5 by aggregate `account`: stored by newer code, this program reads up to version 4\n  \
             account.paid_in v9 by aggregate `account`: stored by newer code, this program reads up to version 4\n  \
             account.transferred v1 by aggregate `account`: this program reads no version before 2\n  \
             billing.sent v1: no event has this name here; known are {known}"
        )
    );
    let foreign = catalog().foreign("billing.").verify(&store).await.unwrap();
    assert!(foreign.unreadable.iter().all(|unreadable| unreadable.held != HeldType::new("billing.sent", 1)));
    assert_eq!(foreign.unreadable.len(), 5);
}

#[test]
fn a_program_in_which_one_name_means_two_structs_is_refused() {
    #[derive(DomainEvent, Serialize, Deserialize)]
    #[event(name = "account.paid_in", version = 1)]
    struct PaidIn {}
    let refused = catalog().events::<PaidIn>().unwrap_err().to_string();
    assert!(
        refused.starts_with("two structs are stored as `account.paid_in`, one of aggregate `account` and one of `it::"),
        "{refused}"
    );
    let refused = Catalog::new().events::<PaidIn>().unwrap().events::<Deposited>().unwrap_err().to_string();
    assert!(refused.contains("are stored as `account.paid_in`"), "{refused}");
    assert_eq!(catalog().aggregate::<Card>().unwrap_err().to_string(), "two aggregates are named `card`");
    assert!(catalog().events::<Issued>().is_ok(), "the same struct in two sets is one event");
}

#[test]
fn a_catalog_lists_every_event_once() {
    let shown: Vec<_> = catalog().entries().iter().map(ToString::to_string).collect();
    let view = std::any::type_name::<Onboarding>();
    assert_eq!(
        shown,
        [
            "account.debited v1-v1: aggregate `account`".to_owned(),
            format!("account.deposited v2-v4, writes v3: aggregate `account`, `{view}`"),
            format!("card.issued v1-v1: aggregate `card`, `{view}`"),
        ]
    );
}

#[tokio::test]
async fn stored_events_are_decoded_by_who_would_meet_them() {
    let store = holding(&[
        ("account-a", "account.deposited", 2, r#"{"amount":5}"#),
        ("account-a", "account.deposited", 2, r#"{"cents":5}"#),
        ("account-a", "account.transferred", 2, r#"{"cents":5}"#),
        ("account-a", "account.pinged", 1, "[]"),
        ("account-b", "card.issued", 1, r#"{"number":"1"}"#),
        ("card-a", "card.issued", 1, r#"{"number":1}"#),
        ("card-a", "$maintenance", 1, "[]"),
        ("bill-a", "billing.sent", 1, "[]"),
    ])
    .await;
    let catalog = catalog().foreign("billing.");
    assert!(catalog.verify(&store).await.unwrap().is_readable(), "the names alone show nothing");
    let verified = catalog.verify_events(&store, Sample::All).await.unwrap();
    assert_eq!(verified.events, 6);
    let places: Vec<_> = verified
        .failures
        .iter()
        .map(|failure| (failure.stream(), failure.position().0, failure.is_malformed()))
        .collect();
    assert_eq!(places, [("account-a", 2, true), ("account-b", 5, false), ("card-a", 6, true)]);
    assert!(
        verified
            .to_string()
            .starts_with("3 of 6 events cannot be read\n  cannot read event `account.deposited` version 2")
    );
}

#[tokio::test]
async fn a_check_of_events_stops_at_a_hundred_failures_and_a_sample_is_spread() {
    let store = MemoryStore::new();
    let event = |at: u64| {
        let payload = if at % 1_000 < 600 { r#"{"number":"1"}"# } else { "{}" };
        NewEvent::new("card.issued", 1, payload.as_bytes().to_vec())
    };
    let stream = StreamId::new("card", "a").unwrap();
    let request = AppendRequest::new(stream, ExpectedVersion::NoStream, (0..10_000).map(event).collect());
    store.append(request.into()).await.unwrap();
    let all = catalog().verify_events(&store, Sample::All).await.unwrap();
    assert_eq!((all.failures.len(), all.failures[99].position().0, all.events), (100, 700, 700));
    assert!(all.to_string().contains("100 of 700 events cannot be read, and the check has stopped"));
    // Stretches begin at 0, 1000, 2000 …, where nothing is wrong, and at 0, 833, 1666 ….
    let sound = catalog().verify_events(&store, Sample::Spread(5_000)).await.unwrap();
    assert_eq!((sound.events, sound.failures.len()), (5_000, 0));
    let found = catalog().verify_events(&store, Sample::Spread(6_000)).await.unwrap();
    assert_eq!(found.failures[0].position().0, 834);
    let few = catalog().verify_events(&store, Sample::Spread(7)).await.unwrap();
    assert_eq!(few.events, 7);
    for sample in [Sample::All, Sample::Spread(0), Sample::Spread(5_000), Sample::Spread(u64::MAX)] {
        let empty = catalog().verify_events(&MemoryStore::new(), sample).await.unwrap();
        assert_eq!(empty.to_string(), "all 0 events can be read");
    }
}
