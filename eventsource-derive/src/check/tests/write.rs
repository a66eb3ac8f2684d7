//! Which older version may be written.

use super::{accepts, event, refuses};

fn with(version: u32, keys: &str, fields: &str) -> String {
    format!("#[event(name = \"a.b\", version = {version}, {keys})] struct A {{ {fields} }}")
}

#[test]
fn an_older_version_may_be_written_where_every_step_has_a_way_back() {
    for (version, keys, fields) in [
        (2, "write = 1, previous = V1", ""),
        (4, "write = 3, upcast(from = 1, with = f), upcast(from = 2, with = f), upcast(from = 3, same)", ""),
        (2, "write = 1", "#[event(renamed(from = \"b\", in = 2))] a: u8, #[event(added = 2)] c: Option<u8>"),
        (2, "write = 1", "#[event(changed(in = 2, from = u8, with = f, back = g))] a: u16"),
        (
            3,
            "write = 2, removed(field = \"x\", in = 3, from = String, default = \"\")",
            "#[event(changed(in = 2, from = u8, with = f))] a: u16",
        ),
        (4, "write = 1, removed(field = \"x\", in = 4, added = 2)", "#[event(added = 3)] a: Option<u8>"),
    ] {
        accepts(event, &with(version, keys, fields));
    }
}

#[test]
fn what_cannot_be_written_is_said_with_the_way_out() {
    for (version, keys, fields, expected) in [
        (2, "write = 0, previous = V1", "", "0: versions start at 1"),
        (2, "write = 2, previous = V1", "", "2: `write` names an older version than 2"),
        (2, "write = 3, upcast(from = 1, same)", "", "3: `write` names an older version than 2"),
        (
            3,
            "oldest = 2, write = 1, upcast(from = 2, same)",
            "",
            "1: version 1 is written, but the oldest that is read is 2",
        ),
        (
            2,
            "write = 1, upcast(from = 1, with = f)",
            "",
            "1: version 1 is written, and a step on raw JSON has no way back: declare this step with attributes, \
             or with `previous` and `impl From<&A>` for that struct",
        ),
        (
            2,
            "write = 1",
            "#[event(changed(in = 2, from = Option<u8>, with = f))] a: HashMap<u8, u16>",
            "2: version 1 is written, so this needs a way back: add `back = path`, a fn(&HashMap<u8, u16>) -> Option<u8>",
        ),
        (
            3,
            "write = 1",
            "#[event(changed(in = 2, from = u8, with = f), changed(in = 3, from = u16, with = f, back = g))] a: u32",
            "2: version 1 is written, so this needs a way back: add `back = path`, a fn(&u16) -> u8",
        ),
        (
            2,
            "write = 1, removed(field = \"x\", in = 2)",
            "",
            "\"x\": version 1 is written, and its readers find `x` there: add `from = Type, default = ..`",
        ),
    ] {
        refuses(event, &with(version, keys, fields), &[expected]);
    }
}
