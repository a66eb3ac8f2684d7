//! A view from tokens that come out of a `macro_rules!`, public with private fields and events, and with
//! names in scope that generated code also uses.

#![deny(warnings)]

use eventsource::{DomainEvent, Fold, Keys, Recorded, View};
use serde::{Deserialize, Serialize};

#[allow(dead_code)]
struct Result;
#[allow(dead_code)]
struct Option;
#[allow(dead_code)]
struct Vec;
#[allow(dead_code)]
struct Row;
#[allow(dead_code)]
type Column = ();

macro_rules! balances {
    ($view:ident, $event:ident, $key:ident, $name:literal, $($column:ident: $ty:ty),+) => {
        #[derive(DomainEvent, Serialize, Deserialize)]
        #[event(name = "account.deposited", version = 1)]
        struct $event {
            cents: i64,
        }

        #[derive(View)]
        #[view(name = $name, version = 1, events($event))]
        pub struct $view {
            #[view(key)]
            $key: String,
            $(#[view(index)] $column: $ty,)+
            #[view(json)]
            r#type: ::std::vec::Vec<String>,
        }

        impl Fold<$event> for $view {
            fn keys(deposited: &Recorded<$event>) -> Keys<String> {
                Keys::one(deposited.stream.id())
            }

            fn fold(key: &String, row: ::core::option::Option<Self>, deposited: &Recorded<$event>) -> ::core::option::Option<Self> {
                let before = row.map_or(0, |row| row.cents);
                Some(Self { $key: key.clone(), cents: before + deposited.event.cents, r#type: ::std::vec::Vec::new() })
            }
        }
    };
}

balances!(Balance, Deposited, account, "balances", cents: i64);

fn main() {
    assert_eq!(Balance::TABLE.columns.len(), 3);
    assert_eq!((Balance::ACCOUNT.place(), Balance::CENTS.place()), (0, 1));
    assert_eq!(Balance::TABLE.columns[2].name, "type");
}
