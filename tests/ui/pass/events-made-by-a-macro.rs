//! Everything that a derive can produce, from tokens that come out of a `macro_rules!`, where
//! every name carries another hygiene, and with names in scope that generated code also uses.

#![deny(warnings)]

use eventsource::{Aggregate, Apply, DomainEvent, EventSet};
use serde::{Deserialize, Serialize};

#[allow(dead_code)]
struct Result;
#[allow(dead_code)]
struct Option;
#[allow(dead_code)]
struct Vec;
#[allow(dead_code)]
type Fault = ();

macro_rules! bank {
    ($state:ident, $events:ident, $set:ident, $event:ident, $old:ident, $name:literal, $part:ident, $source:ident) => {
        #[derive(DomainEvent, Serialize, Deserialize)]
        #[event(name = "bank.moved", version = 1)]
        pub struct $source {
            pub cents: u64,
        }

        #[derive(DomainEvent, Serialize, Deserialize)]
        #[event(name = $name, version = 2, previous = $old, split_from("bank.moved", with = $part))]
        pub struct $event {
            pub cents: u64,
        }

        #[derive(DomainEvent, Deserialize)]
        #[event(name = $name, version = 1)]
        #[deprecated]
        pub struct $old {
            pub dollars: u64,
        }

        #[allow(deprecated)]
        impl From<$old> for $event {
            fn from(old: $old) -> Self {
                Self { cents: old.dollars * 100 }
            }
        }

        fn $part(old: &$source) -> ::core::option::Option<$event> {
            Some($event { cents: old.cents })
        }

        #[derive(Aggregate, Default, Clone, Serialize, Deserialize)]
        #[aggregate(name = "bank", events($event), snapshot, event_enum = $events, derive(Debug))]
        pub struct $state {
            pub cents: u64,
        }

        impl Apply<$event> for $state {
            fn apply(&mut self, event: &$event) {
                self.cents += event.cents;
            }
        }

        impl ::core::fmt::Debug for $event {
            fn fmt(&self, f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
                f.write_str("event")
            }
        }

        #[derive(EventSet)]
        pub enum $set {
            Event($event),
        }
    };
}

bank!(Bank, BankFact, Consumed, Deposited, DepositedV1, "bank.deposited", part, Moved);

fn main() {
    let mut bank = Bank::default();
    bank.apply(&BankFact::from(Deposited { cents: 5 }));
    assert_eq!(bank.cents, 5);
    assert_eq!(eventsource::stored_names::<Consumed>(), ["bank.deposited", "bank.moved"]);
}
