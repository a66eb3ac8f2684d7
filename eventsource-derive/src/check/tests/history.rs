//! What attributes on fields, and `removed` above them, may say of older versions.

use super::{accepts, errors_of, event, refuses};

fn with(version: u32, keys: &str, fields: &str) -> String {
    format!("#[event(name = \"a.b\", version = {version}, {keys})] struct A {{ {fields} }}")
}

#[test]
fn a_step_may_be_told_by_attributes() {
    for (version, keys, fields) in [
        (2, "", "#[event(added = 2, default = \"x\")] a: String"),
        (2, "", "#[event(added = 2)] a: Option<u8>, #[event(added = 2)] #[serde(default)] b: u8"),
        (2, "", "#[event(added = 2)] #[serde(default = \"f\")] a: u8"),
        (3, "", "#[event(renamed(from = \"b\", in = 2), renamed(from = \"c\", in = 3))] a: u8"),
        (
            5,
            "upcast(from = 1, same), upcast(from = 3, same)",
            "#[event(changed(in = 3, from = u8, with = f), changed(in = 5, from = u16, with = m::g))] a: u32",
        ),
        (
            4,
            "",
            "#[event(added = 3, default = 1, changed(in = 4, from = u8, with = f))] a: u32, #[event(renamed(from = \"x\", in = 2))] b: u8",
        ),
        (3, "upcast(from = 1, with = f), removed(field = \"b\", in = 3)", ""),
        (3, "oldest = 2, removed(field = \"b\", in = 3, from = String)", ""),
        (4, "removed(field = \"b\", in = 4, added = 3), removed(field = \"b\", in = 2)", ""),
        (4, "upcast(from = 1, same), upcast(from = 2, with = f), upcast(from = 3, same)", ""),
        // A name may go, and come back with another meaning.
        (3, "removed(field = \"a\", in = 2)", "#[event(added = 3, default = 1)] a: u8"),
        (2, "", "#[event(renamed(from = \"b\", in = 2))] a: u8, #[event(renamed(from = \"a\", in = 2))] b: u8"),
        (2, "", "#[event(renamed(from = \"b\", in = 2))] a: u8, #[event(added = 2)] b: Option<u8>"),
    ] {
        accepts(event, &with(version, keys, fields));
    }
}

#[test]
fn an_attribute_names_a_version_that_there_is() {
    refuses(
        event,
        &with(3, "oldest = 3", "#[event(added = 5)] a: Option<u8>"),
        &["5: `added` names version 5, but the event is at version 3: set `version = 5`"],
    );
    for (field, expected) in [
        ("added = 0", "0: versions start at 1"),
        ("added = 1", "1: `added` names the first version that was so, and before version 1 was none"),
        ("added = 2", "2: `added` says how version 1 was, but the oldest that is read is 2: remove it"),
        (
            "renamed(from = \"b\", in = 4)",
            "4: `renamed` names version 4, but the event is at version 3: set `version = 4`",
        ),
        ("changed(from = u8, with = f, in = 9)", "9: `changed` names version 9"),
    ] {
        let field = format!("#[event({field})] a: Option<u8>");
        refuses(event, &with(3, "oldest = 2, upcast(from = 2, same)", &field), &[expected]);
    }
    refuses(
        event,
        &super::with_history(2, "removed(field = \"x\", in = 3), upcast(from = 1, same)"),
        &["3: `removed` names version 3, but the event is at version 2: set `version = 3`"],
    );
}

#[test]
fn a_step_has_one_mechanism() {
    let added = "#[event(added = 2)] a: Option<u8>, #[event(added = 2)] b: Option<u8>";
    for how in ["with = f", "same"] {
        refuses(
            event,
            &with(2, &format!("upcast(from = 1, {how})"), added),
            &["1: the step 1 -> 2 is declared twice: here, and by `added` of `a`; a step has one mechanism"],
        );
    }
    refuses(
        event,
        &with(2, "upcast(from = 1, with = f), upcast(from = 1, same)", ""),
        &["1: the step 1 -> 2 is declared twice"],
    );
    refuses(
        event,
        &with(
            3,
            "previous = V2",
            "#[event(renamed(from = \"x\", in = 3))] a: u8, #[event(added = 3)] b: u8, #[event(default = 1, added = 2)] c: u8",
        ),
        &[
            "3: `previous` reads every older version: say on that struct what was renamed",
            "2: `previous` reads every older version: say on that struct what was added",
        ],
    );
}

#[test]
fn attributes_do_not_reach_behind_a_step_on_raw_json() {
    refuses(
        event,
        &with(3, "upcast(from = 2, with = f)", "#[event(added = 2)] a: Option<u8>"),
        &[
            "2: version 2 is read by a step on raw JSON, so nothing is known of the fields before it: write upcast(from = 1, with = ..)",
        ],
    );
}

#[test]
fn a_gap_between_attributes_is_found() {
    let renamed = "#[event(renamed(from = \"b\", in = 4))] a: u8";
    let errors = errors_of(event, &with(4, "upcast(from = 1, with = f)", renamed));
    assert_eq!(errors.len(), 1, "{errors:?}");
    assert_eq!(
        errors[0],
        "4: nothing says how version 2 becomes version 3; write one of:\n  \
         #[event(added = 3)]          on a field, if it is new; or `renamed`, `changed`, and `removed` above the struct\n  \
         upcast(from = 2, with = ..)  a function on raw JSON\n  \
         upcast(from = 2, same)       if its payloads fit as they are"
    );
}

#[test]
fn a_field_that_was_added_needs_a_value_for_older_payloads() {
    #[track_caller]
    fn lacks(fields: &str, expected: &str) {
        refuses(event, &with(3, "oldest = 2", fields), &[expected]);
    }
    let ways = "give a `default = ..`, or make it `Option<_>`, or `#[serde(default)]`";
    lacks("#[event(added = 3)] a: u8", &format!("3: versions before 3 lack `a`: {ways}"));
    lacks("#[event(added = 3)] #[serde(rename = \"b\")] a: u8", "3: versions before 3 lack `b`");
    lacks(
        "#[event(default = 1)] a: u8, #[event(renamed(from = \"c\", in = 3))] b: u8",
        "default: `default` is for payloads of versions that lack",
    );
    // serde's default is of the type of today, and the value is needed in the older one.
    let changed = "#[event(added = 2, changed(in = 3, from = u8, with = f))]";
    let errors = errors_of(event, &with(3, "", &format!("{changed} #[serde(default = \"g\")] a: u16")));
    assert!(errors.len() == 1 && errors[0].starts_with("2: versions before 2 lack `a`"), "{errors:?}");
    let strict = format!(
        "#[event(name = \"a\", version = 3)] #[serde(default)] struct A {{ {changed} a: u16, #[event(added = 2)] b: u8 }}"
    );
    refuses(event, &strict, &["2: versions before 2 lack `a`"]);
}

#[test]
fn what_happens_to_a_field_happens_after_it_came_and_once_a_version() {
    let told = |attr: &str, expected: &[&str]| {
        refuses(
            event,
            &with(3, "upcast(from = 1, same), removed(field = \"z\", in = 3)", &format!("#[event({attr})] a: u8")),
            expected,
        );
    };
    told(
        "added = 3, default = 1, renamed(from = \"b\", in = 3)",
        &["3: `a` was added in version 3, so it cannot have been renamed in version 3"],
    );
    told(
        "added = 3, default = 1, changed(from = u8, in = 3, with = f)",
        &["3: `a` was added in version 3, so it cannot have been changed in version 3"],
    );
    told("renamed(from = \"b\", in = 3), renamed(from = \"c\", in = 3)", &["3: `a` is renamed twice in version 3"]);
    told(
        "changed(from = u8, in = 3, with = f), changed(from = u16, in = 3, with = g)",
        &["3: `a` is changed twice in version 3"],
    );
    told("renamed(from = \"a\", in = 3)", &["\"a\": the field is stored as `a` from version 3 on too"]);
    refuses(
        event,
        &with(3, "oldest = 2", "#[serde(skip)] #[event(added = 3)] a: Option<u8>"),
        &["3: serde skips `a`, so no payload tells of it: remove `added`"],
    );
}

#[test]
fn what_was_removed_was_there() {
    refuses(
        event,
        &with(3, "upcast(from = 1, same), removed(field = \"a\", in = 3, added = 3)", ""),
        &["3: `a` is gone in version 3, so it cannot have been added in version 3"],
    );
    refuses(
        event,
        &with(2, "removed(field = \"a\", in = 2, default = 5)", ""),
        &["5: say which type the removed field had: add `from = Type`"],
    );
}

#[test]
fn no_version_has_two_fields_of_one_name() {
    for (version, keys, fields, expected) in [
        (1, "", "#[serde(rename = \"b\")] a: u8, b: u8", "b: in version 1 two fields are stored as `b`"),
        (1, "", "a_b: u8, #[serde(rename = \"a_b\")] c: u8", "c: in version 1 two fields are stored as `a_b`"),
        (
            2,
            "",
            "a: u8, #[event(renamed(from = \"a\", in = 2))] b: u8",
            "\"a\": in version 1 two fields are stored as `a`",
        ),
        (
            2,
            "",
            "#[event(renamed(from = \"b\", in = 2))] a: u8, b: u8",
            "\"b\": in version 1 two fields are stored as `b`",
        ),
        (2, "removed(field = \"a\", in = 2)", "a: u8", "\"a\": in version 1 two fields are stored as `a`"),
        (
            3,
            "removed(field = \"b\", in = 3), removed(field = \"b\", in = 2)",
            "",
            "\"b\": in version 1 two fields are stored as `b`",
        ),
    ] {
        refuses(event, &with(version, keys, fields), &[expected]);
    }
    let camel = "#[event(name = \"a\", version = 2)] #[serde(rename_all = \"camelCase\")] struct A { #[event(renamed(from = \"fooBar\", in = 2))] a: u8, foo_bar: u8 }";
    refuses(event, camel, &["\"fooBar\": in version 1 two fields are stored as `fooBar`"]);
    accepts(event, &with(1, "", "a: u8, #[serde(flatten, rename = \"a\")] b: B, #[serde(skip, rename = \"a\")] c: u8"));
}

#[test]
fn fields_that_serde_does_not_write_have_no_history() {
    for key in ["transparent", "from = \"B\", into = \"B\"", "remote = \"B\""] {
        let input = format!(
            "#[event(name = \"a\", version = 2)] #[serde({key})] struct A {{ #[event(renamed(from = \"b\", in = 2))] a: u8 }}"
        );
        refuses(event, &input, &["2: serde writes this struct as something else than its fields"]);
    }
}

#[test]
fn a_misspelt_key_is_the_one_mistake() {
    for (field, expected) in [
        (
            "aded = 2",
            "aded: unknown key; did you mean `added`? #[event(..)] on a field takes: added, default, renamed, changed",
        ),
        ("renamed(form = \"b\", in = 2)", "form: unknown key; did you mean `from`? renamed(..) takes: from, in"),
        (
            "changed(in = 2, from = u8, wiht = f)",
            "wiht: unknown key; did you mean `with`? changed(..) takes: in, from, with, back",
        ),
        ("renamed(from = \"b\")", "renamed(from = \"b\"): a new name says which was stored before"),
        ("changed(in = 2, from = u8)", "changed(in = 2, from = u8): a new type says since when"),
        ("added = \"2\"", "\"2\": expected integer literal"),
        ("tag = 2", "tag: `tag` is reserved"),
    ] {
        let errors = errors_of(event, &with(2, "upcast(from = 1, same)", &format!("#[event({field})] a: u8")));
        assert!(errors.len() == 1 && errors[0].starts_with(expected), "{field}: {errors:?}");
    }
    for (keys, expected) in [
        (
            "removed(feild = \"b\", in = 2)",
            "feild: unknown key; did you mean `field`? removed(..) takes: field, in, added, from, default",
        ),
        ("removed(field = \"b\")", "removed(field = \"b\"): a removed field says its stored name"),
        ("upcast(from = 1, smae)", "smae: unknown key; did you mean `same`?"),
        (
            "upcast(from = 1, same, with = f)",
            "upcast(from = 1, same, with = f): a step says what it reads and what takes it",
        ),
    ] {
        refuses(event, &with(2, keys, ""), &[expected]);
    }
}

#[test]
fn ten_mistakes_are_ten_errors() {
    let fields =
        "#[event(added = 7)] a: u8, #[event(default = 1)] b: u8, #[event(added = 3)] c: u8, #[event(nonsense)] d: u8,
                  #[event(changed(in = 4, from = u8, with = f), changed(in = 4, from = u8, with = f))] e: u8";
    refuses(
        event,
        &with(5, "removed(field = \"x\", in = 4, default = 1)", fields),
        &[
            "nonsense: unknown key",
            "7: `added` names version 7",
            "5: nothing says how version 1 becomes version 2",
            "5: nothing says how version 4 becomes version 5",
            "7: versions before 7 lack `a`",
            "default: `default` is for payloads",
            "3: versions before 3 lack `c`",
            "4: `e` is changed twice in version 4",
            "1: say which type the removed field had",
        ],
    );
}
