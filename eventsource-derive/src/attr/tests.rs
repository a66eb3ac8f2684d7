//! What is read, and what is said of what cannot be read.

use syn::DeriveInput;

use super::aggregate::{AggregateAttr, read_aggregate};
use super::event::{EventAttr, read_event};
use crate::errors::Errors;

fn event(keys: &str) -> (EventAttr, Vec<String>) {
    read(read_event, &format!("#[event({keys})] struct A {{}}"))
}

fn aggregate(keys: &str) -> (AggregateAttr, Vec<String>) {
    read(read_aggregate, &format!("#[aggregate({keys})] struct A;"))
}

fn read<A>(reader: fn(&DeriveInput, &Errors) -> A, input: &str) -> (A, Vec<String>) {
    let errors = Errors::new();
    let attr = reader(&syn::parse_str(input).unwrap(), &errors);
    let texts = match errors.finish() {
        Ok(()) => Vec::new(),
        Err(error) => error
            .into_iter()
            .map(|error| format!("{}: {error}", error.span().source_text().unwrap_or_default()))
            .collect(),
    };
    (attr, texts)
}

#[test]
fn every_key_of_an_event_is_read() {
    let (attr, errors) = event(
        r#"name = "a.b", version = 3, alias = "a.c", alias = "a.d", previous = old::V2, oldest = 2,
           upcast(from = 2, with = step), split_from("x.y", with = part), crate = "some::place""#,
    );
    assert_eq!(errors, [""; 0]);
    assert_eq!(attr.name.unwrap().value, "a.b");
    assert_eq!(attr.version.unwrap().value, 3);
    assert_eq!(attr.aliases.iter().map(|alias| &*alias.value).collect::<Vec<_>>(), ["a.c", "a.d"]);
    assert!(attr.previous.is_some());
    assert_eq!(attr.oldest.unwrap().value, 2);
    assert_eq!(attr.upcasts[0].from.value, 2);
    assert_eq!(attr.splits[0].source.value, "x.y");
    assert_eq!(attr.root.unwrap().segments.len(), 2);
    assert!(!attr.seen.doubtful);
}

#[test]
fn several_attributes_are_one() {
    let (attr, errors) = read(read_event, r#"#[event(name = "a")] #[event(version = 1)] struct A {}"#);
    assert_eq!(errors, [""; 0]);
    assert!(attr.name.is_some() && attr.version.is_some());
    let (_, errors) = read(read_event, r#"#[event(name = "a", version = 1)] #[event(name = "b")] struct A {}"#);
    assert_eq!(errors, ["name: `name` is given twice"]);
}

#[test]
fn an_unknown_key_names_all_keys_and_the_nearest() {
    let (_, errors) = event(r#"name = "a", version = 1, alais = "b""#);
    assert_eq!(
        errors,
        ["alais: unknown key; did you mean `alias`? #[event(..)] takes: \
          name, version, write, alias, previous, upcast, removed, oldest, split_from, crate"]
    );
    let (_, errors) = aggregate(r#"name = "a", events(A), colour = "red""#);
    assert_eq!(
        errors,
        ["colour: unknown key; #[aggregate(..)] takes: name, events, snapshot, retired, event_enum, derive, crate"]
    );
}

#[test]
fn a_planned_key_is_reserved() {
    for key in ["tag", "personal", "erased", "retention", "encoding"] {
        let (_, errors) = event(&format!("name = \"a\", version = 1, {key} = \"x\""));
        assert_eq!(errors, [format!("{key}: `{key}` is reserved for a later version of eventsource")]);
    }
}

#[test]
fn unknown_keys_do_not_hide_each_other() {
    let (attr, errors) = event(r#"colour = "red", shade(of = 1), name = "a", version = 1, tag"#);
    assert_eq!(errors.len(), 3, "{errors:?}");
    assert!(attr.name.is_some() && attr.version.is_some());
}

#[test]
fn one_malformed_value_is_one_error() {
    for (keys, expected) in [
        ("name = 5, version = 1", "5: expected string literal"),
        ("name = \"a\", version = \"1\"", "\"1\": expected integer literal"),
        ("name = \"a\", version = -1", "-1: invalid digit"),
        ("name = \"a\", version = 99999999999", "99999999999: number too large"),
        ("name = \"a\", version", "): expected `=`"),
        ("name = \"a\" version = 1", "version: expected `,`"),
        ("name = \"a\", version = 2, upcast(1, f)", "1: unexpected literal"),
        ("name = \"a\", version = 2, upcast(from = 1)", "upcast(from = 1): a step says what it reads"),
        ("name = \"a\", version = 2, upcast(from = 1, wiht = f)", "wiht: unknown key; did you mean `with`?"),
        ("name = \"a\", version = 1, split_from(with = f)", "with: a split names its source"),
        ("name = \"a\", version = 1, split_from(\"b\", f)", "f: a split names its source"),
        ("name = \"a\", version = 1, crate = es", "es: expected string literal"),
        ("name = \"a\", version = 1, crate = \"a b\"", "\"a b\": unexpected token"),
    ] {
        let (attr, errors) = event(keys);
        assert_eq!(errors.len(), 1, "{keys}: {errors:?}");
        assert!(errors[0].starts_with(expected), "{keys}: {errors:?}");
        assert!(attr.seen.doubtful || keys.contains("split_from") || keys.contains("crate"), "{keys}");
    }
}

#[test]
fn what_is_mandatory_is_asked_for() {
    let asked = |keys: &str| event(keys).1;
    assert_eq!(asked(""), ["A: this event has no stored name: add #[event(name = \"..\", version = 1)]"]);
    assert_eq!(asked("version = 1"), ["A: this event has no stored name: add #[event(name = \"..\", version = 1)]"]);
    assert_eq!(asked("name = \"a\""), ["A: this event has no version: add `version = 1` to #[event(..)]"]);
    assert_eq!(asked("name = \"a\", versoin = 1").len(), 1, "the misspelt key is the one mistake");
    let (_, errors) = aggregate("name = \"a\"");
    assert_eq!(errors, ["A: this aggregate has no events: add `events(..)` to #[aggregate(..)]"]);
    let (_, errors) = aggregate("events(A)");
    assert!(errors[0].starts_with("A: this aggregate has no name: add #[aggregate(name = \"..\", events(..))]"));
}

#[test]
fn every_key_of_an_aggregate_is_read() {
    let (attr, errors) = aggregate(
        r#"name = "a", events(A, b::B), snapshot(every = 7, revision = 2), retired("x", "y"),
           event_enum = Fact, derive(Clone, Debug), crate = "es""#,
    );
    assert_eq!(errors, [""; 0]);
    assert_eq!(attr.events.len(), 2);
    let snapshot = attr.snapshot.unwrap();
    assert_eq!((snapshot.every.value, snapshot.revision), (7, 2));
    assert_eq!(attr.retired.len(), 2);
    assert_eq!(attr.event_enum.unwrap(), "Fact");
    assert_eq!(attr.derives.len(), 2);
    assert!(attr.root.is_some());
}

#[test]
fn a_snapshot_without_numbers_is_each_hundred_events() {
    let snapshot = aggregate("name = \"a\", events(A), snapshot").0.snapshot.unwrap();
    assert_eq!((snapshot.every.value, snapshot.revision), (100, 0));
}
