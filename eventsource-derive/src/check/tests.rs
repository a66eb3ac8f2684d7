//! Tables: an input, and each error with the token it stands on.

mod history;
mod write;

use syn::{DeriveInput, parse_quote};

use crate::attr::aggregate::read_aggregate;
use crate::attr::event::read_event;
use crate::attr::event_set::read_event_set;
use crate::errors::Errors;
use crate::model::{Aggregate, Event, Set};

/// Reads an input and applies its rules.
type Derive = fn(&DeriveInput, &Errors);

fn event(input: &DeriveInput, errors: &Errors) {
    let event = Event::new(input, read_event(input, errors), parse_quote!(::eventsource), errors);
    super::event(input, &event, errors);
}

fn event_set(input: &DeriveInput, errors: &Errors) {
    let set = Set::new(input, read_event_set(input, errors), parse_quote!(::eventsource));
    super::event_set(input, &set, errors);
}

fn aggregate(input: &DeriveInput, errors: &Errors) {
    let aggregate = Aggregate::new(input, read_aggregate(input, errors), parse_quote!(::eventsource));
    super::aggregate(input, &aggregate, errors);
}

/// Every error of an input, as `token: text`.
fn errors_of(derive: Derive, input: &str) -> Vec<String> {
    let errors = Errors::new();
    derive(&syn::parse_str(input).unwrap(), &errors);
    let Err(error) = errors.finish() else { return Vec::new() };
    error.into_iter().map(|error| format!("{}: {error}", error.span().source_text().unwrap_or_default())).collect()
}

/// Asserts that an input has exactly these errors, each given by its token and the beginning of its text.
#[track_caller]
fn refuses(derive: Derive, input: &str, expected: &[&str]) {
    let errors = errors_of(derive, input);
    let equal = errors.len() == expected.len()
        && errors.iter().zip(expected).all(|(error, expected)| error.starts_with(expected));
    assert!(equal, "in {input}\nexpected {expected:#?}\nfound {errors:#?}");
}

#[track_caller]
fn accepts(derive: Derive, input: &str) {
    refuses(derive, input, &[]);
}

fn with_history(version: u32, history: &str) -> String {
    format!("#[event(name = \"a.b\", version = {version}, {history})] struct A {{}}")
}

#[test]
fn every_version_has_exactly_one_way_to_the_newest() {
    let valid = [
        (1, ""),
        (2, "previous = V1"),
        (9, "previous = a::V8"),
        (2, "upcast(from = 1, with = f)"),
        (3, "upcast(from = 2, with = f), upcast(from = 1, with = m::g)"),
        (3, "oldest = 2, upcast(from = 2, with = <T>::f)"),
        (7, "oldest = 7"),
        (1, "oldest = 1"),
        (u32::MAX, "oldest = 4294967294, upcast(from = 4294967294, with = f)"),
    ];
    for (version, history) in valid {
        accepts(event, &with_history(version, history));
    }

    let invalid: &[(u32, &str, &[&str])] = &[
        (0, "", &["0: versions start at 1"]),
        (2, "oldest = 0", &["0: versions start at 1"]),
        (2, "upcast(from = 0, with = f)", &["0: versions start at 1"]),
        (1, "previous = old::V0", &["old::V0: version 1 has no predecessor"]),
        (2, "previous = V1, upcast(from = 1, with = f)", &["1: `previous` reads every older version"]),
        (2, "previous = V1, oldest = 1", &["1: `previous` reads every older version"]),
        (2, "", &["2: nothing says how version 1 becomes version 2; write one of:"]),
        (4, "", &["4: nothing says how versions 1 to 3 become version 4"]),
        (3, "upcast(from = 1, with = f)", &["3: nothing says how version 2 becomes version 3"]),
        (3, "upcast(from = 2, with = f)", &["3: nothing says how version 1 becomes version 2"]),
        (
            6,
            "upcast(from = 2, with = f), upcast(from = 4, with = f)",
            &[
                "6: nothing says how version 1 becomes version 2",
                "6: nothing says how version 3 becomes version 4",
                "6: nothing says how version 5 becomes version 6",
            ],
        ),
        (2, "upcast(from = 1, with = f), upcast(from = 1, with = g)", &["1: the step 1 -> 2 is declared twice"]),
        (
            2,
            "upcast(from = 1, with = f), upcast(from = 2, with = g)",
            &["2: this step reads version 2 and would produce version 3, but the event is at version 2"],
        ),
        (
            3,
            "oldest = 2, upcast(from = 1, with = f), upcast(from = 2, with = f)",
            &["1: this step reads version 1, but the oldest that is read is 2"],
        ),
        (2, "oldest = 3", &["3: the oldest version is 3, but the event is at version 2"]),
        (u32::MAX, "", &["4294967295: nothing says how versions 1 to 4294967294 become version 4294967295"]),
    ];
    for (version, history, expected) in invalid {
        refuses(event, &with_history(*version, history), expected);
    }
}

#[test]
fn a_gap_lists_only_what_would_fill_it() {
    let ways = |version, history| errors_of(event, &with_history(version, history)).join("\n");
    let nothing = ways(3, "");
    assert!(nothing.contains("previous = .."));
    assert!(nothing.contains("upcast(from = 1, with = ..)  a function on raw JSON, for each of them"));
    assert!(nothing.contains("oldest = 3"));
    let in_the_middle = ways(4, "upcast(from = 1, with = f), upcast(from = 3, with = f)");
    assert!(!in_the_middle.contains("previous"), "`previous` may not stand beside steps");
    assert!(!in_the_middle.contains("oldest"), "version 1 is read, so version 2 cannot be dropped");
}

#[test]
fn names_of_events_have_a_form() {
    let named = |name: &str| format!("#[event(name = {name:?}, version = 1)] struct A {{}}");
    for name in ["a", "account.opened", "bank-account.opened_2", &"a".repeat(127)] {
        accepts(event, &named(name));
    }
    for name in ["", "Account", "1a", ".a", "-a", "_a", "a b", "a/b", "kontoeröffnet"] {
        let expected = format!("{name:?}: `{name}` is not an event name");
        refuses(event, &named(name), &[&expected]);
    }
    refuses(event, &named("$a"), &["\"$a\": names that begin with `$` belong to the framework"]);
    let long = "a".repeat(128);
    refuses(event, &named(&long), &[&format!("{long:?}: an event name has at most 127 bytes, this one has 128")]);
}

#[test]
fn an_alias_is_another_name() {
    let aliased = |keys: &str| format!("#[event(name = \"a\", version = 1, {keys})] struct A {{}}");
    accepts(event, &aliased("alias = \"b\", alias = \"c\""));
    refuses(event, &aliased("alias = \"a\""), &["\"a\": `a` is the event's name already"]);
    refuses(event, &aliased("alias = \"b\", alias = \"b\""), &["\"b\": the alias `b` is given twice"]);
    refuses(event, &aliased("alias = \"B\""), &["\"B\": `B` is not an event name"]);
}

#[test]
fn a_split_is_from_another_event() {
    let split = |keys: &str| format!("#[event(name = \"a\", version = 1, {keys})] struct A {{}}");
    accepts(event, &split("split_from(\"b\", with = f), split_from(\"c\", with = f,)"));
    refuses(event, &split("split_from(\"a\", with = f)"), &["\"a\": `a` is this event itself"]);
    refuses(event, &split("alias = \"b\", split_from(\"b\", with = f)"), &["\"b\": `b` is this event itself"]);
    refuses(
        event,
        &split("split_from(\"b\", with = f), split_from(\"b\", with = g)"),
        &["\"b\": the split from `b` is declared twice"],
    );
}

#[test]
fn an_event_is_a_concrete_struct_with_named_fields() {
    let head = "#[event(name = \"a\", version = 1)]";
    for (input, expected) in [
        ("struct A<T> { t: T }", "<T>: an event must be a concrete, owned type"),
        ("struct A<'a> { t: &'a str }", "<'a>: an event must be a concrete, owned type"),
        ("struct A<const N: usize> { }", "<const N: usize>: an event must be a concrete, owned type"),
        ("struct A { } ", ""),
        ("struct A(u64);", "(u64): an event must have named fields: a positional payload cannot evolve"),
        ("struct A;", "A: an event must have named fields, so that it can gain some later: write `struct A {}`"),
        ("enum A { B }", "A: an event must have named fields: write one struct for each event"),
        ("union A { b: u8 }", "A: an event must have named fields: a union"),
    ] {
        let expected: &[&str] = if expected.is_empty() { &[] } else { &[expected] };
        refuses(event, &format!("{head} {input}"), expected);
    }
}

#[test]
fn fields_come_back_from_json() {
    let head = "#[event(name = \"a\", version = 1)]";
    for ty in [
        "Option<String>",
        "Vec<Option<u8>>",
        "Option<Vec<Option<u8>>>",
        "HashMap<String, Option<u8>>",
        "BTreeMap<Id, Vec<(u8, u8)>>",
        "HashMap<u64, ()>",
        "Option<Wrapper<Option<u8>>>",
        "[Option<u8>; 3]",
        "HashMap<Wrapper<u8>, u8>",
    ] {
        accepts(event, &format!("{head} struct A {{ field: {ty} }}"));
    }
    for (ty, at) in [
        ("Option<Option<u8>>", "Option<Option<u8>>"),
        ("std::option::Option<::core::option::Option<u8>>", "std::option::Option<::core::option::Option<u8>>"),
        ("Vec<Option<Option<u8>>>", "Option<Option<u8>>"),
        ("(u8, [Option<Box<Option<u8>>>; 2])", "Option<Box<Option<u8>>>"),
        ("Option<()>", "Option<()>"),
        ("HashMap<(u8, u8), char>", "(u8, u8)"),
        ("std::collections::BTreeMap<[u8; 2], char>", "[u8; 2]"),
        ("Wrapper<HashMap<Option<u8>, char>>", "Option<u8>"),
        ("HashMap<Vec<u8>, char>", "Vec<u8>"),
        ("HashMap<(), char>", "()"),
        ("HashMap<Arc<(u8, u8)>, char>", "Arc<(u8, u8)>"),
        ("HashMap<u8, BTreeMap<BTreeMap<u8, u8>, u8>>", "BTreeMap<u8, u8>"),
    ] {
        let errors = errors_of(event, &format!("{head} struct A {{ field: {ty} }}"));
        assert_eq!(errors.len(), 1, "{ty}: {errors:?}");
        assert!(errors[0].starts_with(&format!("{at}: ")), "{ty}: {errors:?}");
    }
}

#[test]
fn a_field_that_serde_does_not_write_is_not_judged() {
    for attr in [
        "skip",
        "with = \"double_option\"",
        "default, serialize_with = \"f\", deserialize_with = \"g\"",
        "rename(serialize = \"a\"), skip",
    ] {
        accepts(
            event,
            &format!("#[event(name = \"a\", version = 1)] struct A {{ #[serde({attr})] field: Option<Option<u8>> }}"),
        );
    }
    let other = "#[event(name = \"a\", version = 1)] struct A { #[serde(default, rename = \"b\")] field: Option<()> }";
    assert_eq!(errors_of(event, other).len(), 1);
}

#[test]
fn all_mistakes_of_one_input_are_reported_at_once() {
    refuses(
        event,
        "#[event(name = \"A\", version = 3, alias = \"A\", colour = 1, upcast(from = 3, with = f))]
         struct A { #[event(since = 1)] b: Option<()> }",
        &[
            "colour: unknown key",
            "since: unknown key; #[event(..)] on a field takes: added, default, renamed, changed",
            "\"A\": `A` is not an event name",
            "\"A\": `A` is not an event name",
            "\"A\": `A` is the event's name already",
            "3: this step reads version 3",
            "3: nothing says how versions 1 to 2 become version 3",
            "Option<()>: JSON writes",
        ],
    );
}

#[test]
fn a_category_has_a_form() {
    let named = |name: &str| format!("#[aggregate(name = {name:?}, events(A))] struct S;");
    for name in ["a", "bank_account", "a1", &"a".repeat(63)] {
        accepts(aggregate, &named(name));
    }
    refuses(
        aggregate,
        &named("bank-account"),
        &["\"bank-account\": `-` separates the category from the id in the name of a stream: write `bank_account`"],
    );
    refuses(aggregate, &named("$a"), &["\"$a\": names that begin with `$` belong to the framework"]);
    for name in ["", "Account", "1a", "_a", "a.b", "-a", "a b"] {
        refuses(aggregate, &named(name), &[&format!("{name:?}: `{name}` is not a category")]);
    }
    let long = "a".repeat(64);
    refuses(aggregate, &named(&long), &[&format!("{long:?}: a category has at most 63 bytes, this one has 64")]);
}

#[test]
fn an_aggregate_lists_each_event_once() {
    let listed = |events: &str| format!("#[aggregate(name = \"a\", events({events}))] struct S;");
    accepts(aggregate, &listed("A, b::B, crate::C,"));
    refuses(aggregate, &listed("A, B, A"), &["A: `A` is listed twice"]);
    refuses(
        aggregate,
        &listed("a::Opened, b::Opened"),
        &["b::Opened: two events would be the variant `Opened`: write `use b::Opened as OtherOpened;`"],
    );
    refuses(aggregate, &listed(""), &["events(): this list is empty; it takes the structs of the events"]);
}

#[test]
fn an_aggregate_is_a_concrete_state() {
    let head = "#[aggregate(name = \"a\", events(A))]";
    accepts(aggregate, &format!("{head} enum S {{ Open {{ cents: u64 }}, Closed }}"));
    refuses(aggregate, &format!("{head} struct S<T>(T);"), &["<T>: an aggregate must be a concrete, owned type"]);
    refuses(aggregate, &format!("{head} union S {{ a: u8 }}"), &["S: the state of an aggregate"]);
    let field = format!("{head} enum S {{ A {{ #[aggregate(x)] a: u8 }} }}");
    refuses(aggregate, &field, &["#[aggregate(x)]: #[aggregate(..)] has no keys for fields yet"]);
}

#[test]
fn snapshots_are_taken_each_one_or_more_events() {
    let taken = |key: &str| format!("#[aggregate(name = \"a\", events(A), {key})] struct S;");
    for key in ["snapshot", "snapshot(every = 1)", "snapshot(revision = 3, every = 500)"] {
        accepts(aggregate, &taken(key));
    }
    refuses(aggregate, &taken("snapshot(every = 0)"), &["0: a snapshot is taken each 1 or more events"]);
    refuses(aggregate, &taken("snapshot(evry = 5)"), &["evry: unknown key; did you mean `every`?"]);
}

#[test]
fn retired_names_are_names_and_stand_once() {
    for (derive, head, body) in [
        (aggregate as Derive, "aggregate(name = \"a\", events(A), ", "struct S;"),
        (event_set as Derive, "event_set(", "enum S { A(A) }"),
    ] {
        accepts(derive, &format!("#[{head}retired(\"a.b\", \"a.c\"), retired(\"a.d\"))] {body}"));
        refuses(derive, &format!("#[{head}retired(\"A\"))] {body}"), &["\"A\": `A` is not an event name"]);
        refuses(
            derive,
            &format!("#[{head}retired(\"a.b\"), retired(\"a.b\"))] {body}"),
            &["\"a.b\": `a.b` is retired twice"],
        );
    }
}

#[test]
fn a_set_is_an_enum_of_newtype_variants() {
    accepts(event_set, "enum S { A(A), B(b::B) }");
    refuses(event_set, "enum S {}", &["S: this set has no events"]);
    refuses(event_set, "struct S { a: A }", &["S: a set of events is an enum"]);
    refuses(event_set, "enum S<T> { A(T) }", &["<T>: a set of events must be a concrete"]);
    refuses(
        event_set,
        "enum S { A(A), B, C { c: C }, D(D, D), E() }",
        &[
            "B: a variant holds exactly one event: write `B(B)`",
            "C { c: C }: a variant holds exactly one event: write `C(C)`",
            "D(D, D): a variant holds exactly one event: write `D(D)`",
            "E(): a variant holds exactly one event: write `E(E)`",
        ],
    );
    refuses(event_set, "enum S { A(A), B(A) }", &["A: two variants of this set hold `A`"]);
}
