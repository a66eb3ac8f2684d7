//! The generated code, as it would be read by somebody who debugs it.

use std::sync::Arc;

use eventsource_schema::Lock;
use proc_macro2::TokenStream;
use syn::{DeriveInput, Path, parse_quote};

use crate::derive;
use crate::guard::Guard;

fn expansion(derive: fn(&DeriveInput, Path) -> TokenStream, input: &str) -> String {
    let tokens = derive(&syn::parse_str(input).unwrap(), parse_quote!(::eventsource));
    prettyplease::unparse(&syn::parse2(tokens).unwrap())
}

#[test]
fn an_event_of_one_version() {
    insta::assert_snapshot!(expansion(
        derive::domain_event,
        r#"#[event(name = "account.opened", version = 1)]
           pub struct Opened { owner: String }"#,
    ));
}

#[test]
fn an_event_with_a_previous_struct() {
    insta::assert_snapshot!(expansion(
        derive::domain_event,
        r#"#[event(name = "account.deposited", version = 3, previous = old::DepositedV2)]
           struct Deposited { cents: u64 }"#,
    ));
}

#[test]
fn an_event_with_raw_steps_and_an_alias() {
    insta::assert_snapshot!(expansion(
        derive::domain_event,
        r#"#[event(name = "account.deposited", version = 3, alias = "account.paid_in", crate = "es",
                   upcast(from = 2, with = rename), upcast(from = 1, with = steps::to_cents))]
           struct Deposited { cents: u64 }"#,
    ));
}

#[test]
fn an_event_with_a_history_in_attributes() {
    insta::assert_snapshot!(expansion(
        derive::domain_event,
        r#"#[event(name = "account.deposited", version = 6, upcast(from = 1, with = f), upcast(from = 4, same),
                   removed(field = "teller", in = 3))]
           #[serde(rename_all = "camelCase", rename = "Paid", default, deny_unknown_fields)]
           struct Deposited {
               #[event(renamed(from = "cents", in = 3), changed(in = 3, from = u32, with = i64::from),
                       changed(in = 6, from = i64, with = Self::eur))]
               #[serde(alias = "sum", rename = "total", with = "money", default = "zero")]
               amount: Money,
               #[event(added = 4, default = "unknown")]
               channel: String,
               #[event(added = 6)]
               note: Option<Box<Self>>,
               at: Time,
           }"#,
    ));
}

#[test]
fn an_event_of_which_an_older_version_is_written() {
    insta::assert_snapshot!(expansion(
        derive::domain_event,
        r#"#[event(name = "account.deposited", version = 4, write = 1, removed(field = "teller", in = 2, from = String, default = ""))]
           #[serde(rename_all = "camelCase")]
           struct Deposited {
               #[event(renamed(from = "cents", in = 3), changed(in = 3, from = u32, with = i64::from, back = narrow),
                       changed(in = 4, from = i64, with = Self::eur, back = Self::minor))]
               amount: Money,
               #[event(added = 2, default = "unknown")]
               channel: String,
               #[serde(skip_serializing_if = "Option::is_none")]
               note: Option<String>,
           }"#,
    ));
    insta::assert_snapshot!(expansion(
        derive::domain_event,
        r#"#[event(name = "account.deposited", version = 3, write = 2, previous = old::DepositedV2)]
           struct Deposited { cents: u64 }"#,
    ));
}

#[test]
fn an_event_that_is_split_from_another() {
    insta::assert_snapshot!(expansion(
        derive::domain_event,
        r#"#[event(name = "account.withdrawn", version = 5, oldest = 5, split_from("account.transferred", with = debit))]
           struct Withdrawn { cents: u64 }"#,
    ));
}

#[test]
fn a_set_of_events() {
    insta::assert_snapshot!(expansion(
        derive::event_set,
        r#"#[event_set(retired("card.pinged"))]
           enum Onboarding { Opened(Opened), Issued(card::Issued) }"#,
    ));
}

#[test]
fn an_aggregate_with_snapshots() {
    insta::assert_snapshot!(expansion(
        derive::aggregate,
        r#"#[aggregate(name = "account", events(Opened, money::Deposited), snapshot(every = 50, revision = 2),
                       retired("account.pinged"), derive(Clone))]
           pub(crate) struct Account { cents: u64 }"#,
    ));
}

#[test]
fn a_view() {
    insta::assert_snapshot!(expansion(
        derive::view,
        r#"#[view(name = "balances", version = 2, events(Opened, money::Deposited), retired("account.pinged"))]
           pub(crate) struct Balance {
               #[view(key = stream)]
               account: String,
               #[view(index)]
               owner: Option<String>,
               #[view(json)]
               r#type: Vec<Kind>,
               #[view(version)]
               version: Version,
           }"#,
    ));
}

#[test]
fn a_view_with_a_mistake() {
    insta::assert_snapshot!(expansion(
        derive::view,
        r#"#[view(name = "balances", version = 0, events(Opened))]
           struct Balance { #[view(key)] account: Uuid }"#,
    ));
}

#[test]
fn an_event_with_a_mistake() {
    insta::assert_snapshot!(expansion(
        derive::domain_event,
        r#"#[event(name = "account.opened", version = 0)]
           struct Opened {}"#,
    ));
}

#[test]
fn an_aggregate_with_a_mistake() {
    insta::assert_snapshot!(expansion(
        derive::aggregate,
        r#"#[aggregate(name = "bank-account", events(Opened, Opened))]
           struct Account;"#,
    ));
}

#[test]
fn a_mistake_on_a_generic_type_leaves_no_stub() {
    let expansion = expansion(derive::domain_event, r#"#[event(name = "a", version = 1)] struct A<T> { t: T }"#);
    assert!(expansion.contains("compile_error!") && !expansion.contains("impl"), "{expansion}");
}

#[test]
fn an_event_beside_its_lock() {
    let lock = "format 1\nevent account.opened\n  version 1\n    owner: string\n  version 2\n    holder: string\nend\n";
    let guard = Guard::Lock { path: "/bank/events.lock".into(), lock: Arc::new(Lock::parse(lock).unwrap()) };
    insta::assert_snapshot!(guarded(
        r#"#[event(name = "account.opened", version = 2)]
           struct Opened { #[event(renamed(from = "owner", in = 2))] holder: String, note: Option<String> }"#,
        &guard,
    ));
}

/// A field is compared with a locked text once, however many versions have both.
#[test]
fn a_field_that_stayed_as_it_was_is_compared_once() {
    let locked = |versions: &str| {
        let lock = format!("format 1\nevent account.opened\n{versions}end\n");
        let guard =
            Guard::Lock { path: "/bank/events.lock".into(), lock: Arc::new(Lock::parse(&lock).expect("a lock")) };
        let input = r#"#[event(name = "account.opened", version = 3)]
            struct Opened { owner: String, #[event(added = 2, default = 0)] limit: u8, #[event(added = 3, default = 0)] rate: u8 }"#;
        guarded(input, &guard).matches("::assert_locked(").count()
    };
    let first = "  version 1\n    owner: string\n";
    let second = "  version 2\n    limit: u8\n    owner: string\n";
    let third = "  version 3\n    limit: u8\n    owner: string\n    rate: u8\n";
    assert_eq!(locked(&[first, second, third].concat()), 3);
    assert_eq!(locked(&[first, second].concat()), 2);
    // Locked as something else in one version, it is compared with both.
    let other = first.replace("string", "i64");
    assert_eq!(locked(&[&other, second, third].concat()), 4);
}

#[test]
fn an_event_that_is_asked() {
    let guard = Guard::Asked { path: "/bank/events.lock".into() };
    insta::assert_snapshot!(guarded(
        r#"#[event(name = "account.opened", version = 2, upcast(from = 1, with = f))]
           struct Opened { #[event(schema = "string(hex)")] key: [u8; 4] }"#,
        &guard,
    ));
}

fn guarded(input: &str, guard: &Guard) -> String {
    let tokens = derive::guarded_event(&syn::parse_str(input).unwrap(), parse_quote!(::eventsource), guard);
    prettyplease::unparse(&syn::parse2(tokens).unwrap())
}

#[test]
fn a_schema_of_an_enum() {
    insta::assert_snapshot!(expansion(
        derive::event_schema,
        r#"#[serde(tag = "kind", rename_all = "snake_case")]
           enum Payment<T> { Cash { cents: u64 }, #[serde(rename = "wire")] Transfer(T), Free }"#,
    ));
}
