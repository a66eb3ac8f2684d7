//! Snapshots of states whose nested types have changed, while the state itself reads as before.

use std::collections::HashMap;

use eventsource::memory::MemoryStore;
use eventsource::{Aggregate, Apply, EventSchema, Repository};
use serde::{Deserialize, Serialize};

use super::account::{Deposited, deposited};

/// The same account around any purse: its own tokens never change.
macro_rules! account {
    () => {
        #[derive(Aggregate, Default, Clone, Debug, PartialEq, Serialize, Deserialize)]
        #[aggregate(name = "account", events(Deposited), snapshot(every = 2))]
        pub(super) struct Account {
            pub(super) purse: purse::Purse,
        }

        impl Apply<Deposited> for Account {
            fn apply(&mut self, event: &Deposited) {
                self.purse.put(event.cents);
            }
        }
    };
}

mod before {
    use super::*;

    pub(super) mod purse {
        use super::*;

        #[derive(EventSchema, Default, Clone, Debug, PartialEq, Serialize, Deserialize)]
        pub(in super::super) struct Purse {
            cents: u64,
        }

        impl Purse {
            pub(super) fn put(&mut self, cents: u64) {
                self.cents += cents;
            }
        }
    }
    account!();
}

/// The purse counts; an older one would be read without complaint, and with the wrong count.
mod after {
    use super::*;

    pub(super) mod purse {
        use super::*;

        #[derive(EventSchema, Default, Clone, Debug, PartialEq, Serialize, Deserialize)]
        pub(in super::super) struct Purse {
            cents: u64,
            #[serde(default)]
            pub(in super::super) coins: u64,
        }

        impl Purse {
            pub(super) fn put(&mut self, cents: u64) {
                self.cents += cents;
                self.coins += 1;
            }
        }
    }
    account!();
}

#[tokio::test]
async fn a_snapshot_is_not_used_when_a_type_inside_the_state_has_changed() {
    let store = MemoryStore::new();
    let before = Repository::<before::Account>::new(store.clone());
    let after = Repository::<after::Account>::new(store);
    before.execute("alice", |_| [deposited(3), deposited(4)]).await.unwrap();
    assert_eq!(before.check_snapshots(10).await.unwrap().checked, 1, "a snapshot is there");
    assert_ne!(after.snapshot_key(), before.snapshot_key());
    assert_eq!(after.load("alice").await.unwrap().purse.coins, 2);
}

/// A type, a state with a field that names it, and the key of its snapshots.
macro_rules! key_with {
    ($declared:item $field:ty) => {{
        $declared

        #[derive(Aggregate, Default, Clone, Serialize, Deserialize)]
        #[aggregate(name = "account", events(Deposited), snapshot(every = 2))]
        struct Account {
            field: $field,
        }

        impl Apply<Deposited> for Account {
            fn apply(&mut self, _: &Deposited) {}
        }

        Repository::<Account>::new(MemoryStore::new()).snapshot_key()
    }};
}

#[test]
fn a_change_is_found_behind_types_that_have_no_schema() {
    /// Nobody has described it.
    #[derive(Default, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
    struct Owner(String);

    let narrow = key_with! {
        #[derive(EventSchema, Default, Clone, Serialize, Deserialize)]
        struct Money { minor: i32 }
        HashMap<Owner, Vec<(Owner, [Money; 2])>>
    };
    let wide = key_with! {
        #[derive(EventSchema, Default, Clone, Serialize, Deserialize)]
        struct Money { minor: i64 }
        HashMap<Owner, Vec<(Owner, [Money; 2])>>
    };
    assert_ne!(narrow, wide);
}

#[test]
fn a_type_without_a_schema_counts_by_its_name() {
    let narrow = key_with! {
        #[derive(Default, Clone, Serialize, Deserialize)]
        struct Money { _minor: i32 }
        Money
    };
    let wide = key_with! {
        #[derive(Default, Clone, Serialize, Deserialize)]
        struct Money { _minor: i64 }
        Money
    };
    let euros = key_with! {
        #[derive(Default, Clone, Serialize, Deserialize)]
        struct Euros { _minor: i32 }
        Euros
    };
    assert_eq!(narrow, wide, "nothing is known of it but its name");
    assert_ne!(narrow, euros);
}
