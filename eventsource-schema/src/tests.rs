//! Tables: what is read, what is refused, what differs.

use crate::*;

fn field(name: &'static str, shape: &'static Shape) -> Field {
    Field { name, optional: false, flatten: false, shape }
}

const I64: &Shape = &Shape::Text("i64");
const STRING: &Shape = &Shape::Text("string");

fn object(fields: Vec<Field>, strict: bool) -> Shape {
    Shape::Struct(Box::leak(Box::new(Struct { fields: fields.leak(), strict })))
}

#[test]
fn a_shape_is_written_as_the_table_of_the_crate_says() {
    let nested: &Shape = Box::leak(Box::new(object(vec![field("z", STRING), field("a", I64)], false)));
    let flat = Field { flatten: true, ..field("-", nested) };
    let rest = Field { flatten: true, ..field("-", &Shape::Map { key: STRING, value: I64 }) };
    let optional = Field { optional: true, ..field("o p", I64) };
    let variants: &'static [Variant] =
        &[Variant { name: "B", payload: Some(I64) }, Variant { name: "A", payload: None }];
    let shapes = [
        (Shape::Option(I64), "i64?"),
        (Shape::Option(&Shape::Option(I64)), "i64??"),
        (Shape::Newtype(&Shape::Option(I64)), "i64?"),
        (Shape::Array(I64, 120), "[i64; 120]"),
        (Shape::Tuple(&[I64, &Shape::List(STRING)]), "(i64, [string])"),
        (object(vec![], true), "strict {}"),
        (
            object(vec![field("m", I64), flat, rest, optional], false),
            "{ a: i64, m: i64, \"o p\"?: i64, z: string, ..map<string, i64> }",
        ),
        (object(vec![field("q\"\\\n", I64), field("käse", I64)], false), "{ \"käse\": i64, \"q\\\"\\\\\\x0a\": i64 }"),
        (Shape::Enum { tagging: Tagging::External, variants }, "enum { A, B: i64 }"),
        (Shape::Enum { tagging: Tagging::Internal("t"), variants }, "enum(tag \"t\") { A, B: i64 }"),
        (
            Shape::Enum { tagging: Tagging::Adjacent("t", "c"), variants },
            "enum(tag \"t\", content \"c\") { A, B: i64 }",
        ),
        (Shape::Enum { tagging: Tagging::Untagged, variants }, "enum(untagged) { i64, null }"),
        (Shape::Enum { tagging: Tagging::External, variants: &[] }, "enum {}"),
    ];
    for (shape, expected) in shapes {
        assert_eq!(text(&shape), expected);
        let of_text = fingerprint_of_text;
        assert_eq!(fingerprint(&shape), of_text(expected));
        assert!(![of_text(&format!("{expected} ")), of_text("")].contains(&of_text(expected)));
        assert!(expected.contains("??") || check_shape(expected).is_ok(), "{:?}", check_shape(expected));
    }
}

#[test]
fn what_is_no_shape_is_refused() {
    for (text, expected) in [
        ("", "expected a shape, found the end"),
        ("i65", "`i65` is no shape"),
        ("unknown(Money)", "`unknown(Money)` is no shape"),
        ("{ a: i64", "expected `,` or `}`, found the end"),
        ("{ a }", "expected `:` and a shape"),
        ("{ a: i64 b: i64 }", "expected `,` or `}`, found `b: i64 }`"),
        ("{ a: i64, a: u8 }", "`a` stands in one shape twice"),
        ("[{ x: (enum { A, A }) }]", "`A` stands in one shape twice"),
        ("[i64; 3", "expected ], found the end"),
        ("i64]", "a shape ends before `]`"),
        ("map<string>", "a map has keys and values"),
        ("enum(tga \"t\") {}", "expected tag, found `tga"),
        ("\"i64", "expected a shape"),
        ("i64\nu8", "a shape stands on one line"),
    ] {
        let found = check_shape(text).unwrap_err();
        assert!(found.starts_with(expected), "{text}: {found}");
    }
    for text in
        ["^Node?", "[^Node]", "string(any-thing.2)", "strict { \"a b\"?: [enum(untagged) { i8, null }]? }", "()"]
    {
        assert_eq!(check_shape(text), Ok(()), "{text}");
    }
}

const GOOD: &str = "format 1\nevent a.b\n  read by a\n  version 1\n    x: i64\nend\n";

#[test]
fn a_lock_is_read_strictly_and_every_wrong_line_is_told() {
    assert!(Lock::parse(GOOD).is_ok());
    assert!(Lock::parse(&GOOD.replace('\n', "\r\n")).is_ok());
    let wrong = [
        ("x: i64", "x: i65", "5: `i65` is no shape"),
        ("x: i64", "x: i64\n    x: i64", "6: field `x` stands here a second time"),
        ("x: i64", "x i64", "5: expected `name: shape`"),
        ("x: i64", "  x: i64", "5: a line is indented by"),
        ("    x: i64\nend", "    x: i64\n  version 1\nend", "6: version 1 of `a.b` stands here a second time"),
        (
            "    x: i64\nend",
            "    x: i64\nevent a.b\n  version 2\n    y: u8\nend",
            "6: event `a.b` stands here a second time",
        ),
        ("version 1", "version 0", "4: expected `version NUMBER`"),
        ("version 1", "version one", "4: expected `version NUMBER`"),
        ("read by a", "read by a\n  read by a", "4: `a` stands here a second time"),
        ("format 1", "format 2", "1: this lock has format 2"),
        ("format 1\n", "", "1: the first line of a lock is `format 1`"),
        ("end\n", "", "6: the file is cut off"),
        ("end\n", "end\nevent c\n", "7: nothing may stand behind `end`"),
        ("event a.b\n", "", "2: this line stands below no line of an event"),
        ("  version 1\n", "", "4: this line stands below no line of a version"),
        ("event a.b", "events a.b", "2: expected `event NAME` or `end`"),
        ("format 1", "<<<<<<< HEAD\nformat 1", "1: unresolved merge conflict"),
        ("    x: i64", "=======", "5: unresolved merge conflict"),
    ];
    for (from, to, expected) in wrong {
        let errors = Lock::parse(&GOOD.replacen(from, to, 1)).unwrap_err();
        assert_eq!(errors.len(), 1, "{to}: {errors:?}");
        assert!(errors[0].to_string().starts_with(expected), "{to}: {}", errors[0]);
    }
    let errors = Lock::parse("format 1\nevent a\n  version 1\n    x: i65\n    y\nfoo\nend\n").unwrap_err();
    assert_eq!(errors.iter().map(|error| error.line).collect::<Vec<_>>(), [4, 5, 6]);
    assert_eq!(Lock::parse("").unwrap_err().len(), 1);
    for cut in 1..GOOD.len() - 1 {
        assert!(Lock::parse(&GOOD[..cut]).is_err(), "{}", &GOOD[..cut]);
    }
}

/// The lines of a diff, or nothing.
fn changes(old: &str, new: &str) -> String {
    let mut buffer = vec![0; 4096];
    let diff = diff(old, new, "at", &mut buffer);
    if diff.is_change() { diff.text().to_owned() } else { String::new() }
}

#[test]
fn every_difference_has_its_path() {
    for (old, new, expected) in [
        ("{ a: i64, b: u8 }", "{ b: u8, a: i64 }", ""),
        ("{ a: i64 }", "{ a: i64, b?: u8 }", ""),
        ("[{ a: i64 }]", "[{ a: i64, b?: u8 }]", ""),
        ("enum { A, B }", "enum { B, A }", ""),
        ("{ a: i64 }", "{ a: u64 }", "at.a: locked as `i64`, now `u64`"),
        ("{ a: i64 }", "{ a?: i64? }", "at.a: locked as `i64`, now `i64?`"),
        ("{ a: i64 }", "{ a?: i64 }", "at.a: was always there, and may be absent now"),
        ("{ a?: i64 }", "{ a: i64 }", "at.a: may be absent in old events, and is required now"),
        (
            "{ a: i64 }",
            "{ b: i64 }",
            "at.a: field was removed or renamed\nat.b: is a new required field, which old events lack",
        ),
        ("strict { a: i64 }", "strict { a: i64, b?: u8 }", "at.b: is a new field, which older programs refuse"),
        ("{ a: i64 }", "strict { a: i64 }", "at: now refuses unknown fields"),
        ("enum { A }", "enum { A, B }", "at::B: variant was added"),
        ("enum { A }", "enum { A: i64 }", "at::A: held no value, and holds one now"),
        ("enum { A: { x: [i64] } }", "enum { A: { x: [u8] } }", "at::A.x[]: locked as `i64`, now `u8`"),
        ("enum { A }", "enum(tag \"t\") { A }", "at: locked as `enum { A }`, now `enum(tag \"t\") { A }`"),
        (
            "enum(untagged) { i8, u8 }",
            "enum(untagged) { u8, i8 }",
            "at: locked as `enum(untagged) { i8, u8 }`, now `enum(untagged) { u8, i8 }`",
        ),
        ("[i64; 2]", "[i64; 3]", "at: locked as `[i64; 2]`, now `[i64; 3]`"),
        ("[i64; 2]", "[u64; 2]", "at[]: locked as `i64`, now `u64`"),
        ("(i64, u8)", "(i64, u16)", "at.1: locked as `u8`, now `u16`"),
        ("(i64, u8)", "(i64)", "at: locked as `(i64, u8)`, now `(i64)`"),
        ("map<string, i64>", "map<u8, u64>", "at[key]: locked as `string`, now `u8`\nat[]: locked as `i64`, now `u64`"),
        ("{ a: i64, ..json }", "{ a: i64 }", "at...: field was removed or renamed"),
        ("^Node", "^Leaf", "at: locked as `^Node`, now `^Leaf`"),
        ("{ a: { b: i64 }? }", "{ a: { b: u64 }? }", "at.a.b: locked as `i64`, now `u64`"),
    ] {
        assert_eq!(changes(old, new), expected, "{old} → {new}");
        assert_eq!(changes(old, old), "");
    }
}

#[test]
fn a_reader_may_accept_more_than_was_stored() {
    let reads = |old: &str, new: &str| {
        let mut buffer = vec![0; 4096];
        !reads(old, new, "", &mut buffer).is_change()
    };
    for (old, new) in [
        ("i32", "i64"),
        ("u32", "i64"),
        ("u8", "u128"),
        ("f32", "f64"),
        ("i64", "i64?"),
        ("i32?", "i64?"),
        ("string(uuid)", "string"),
        ("{ a: i64 }", "json"),
        ("{ a: i64 }", "{ a?: i64? }"),
        ("strict { a: i64 }", "{ a: i64 }"),
        ("[enum { A }]", "[enum { A, B: i64 }]"),
    ] {
        assert!(reads(old, new), "{old} → {new}");
        assert!(!reads(new, old), "{new} → {old}");
    }
    for (old, new) in [("u64", "i64"), ("i64", "u128"), ("i64", "f64"), ("string", "string(uuid)"), ("i64?", "i128")] {
        assert!(!reads(old, new), "{old} → {new}");
    }
}

fn event(name: &str, version: u32, fields: &[(&str, bool, &str)]) -> Report {
    let fields = fields.iter().map(|(name, optional, shape)| {
        ((*name).to_owned(), LockedField { optional: *optional, shape: (*shape).to_owned() })
    });
    let shape = LockedVersion { strict: false, fields: fields.collect() };
    Report::Event(EventReport {
        module: "bank::events".into(),
        name: name.into(),
        aliases: vec!["a.old".into()],
        version,
        written: version,
        oldest: 1,
        steps: vec![StepKind::Raw.step(1), StepKind::Declarative.step(2)],
        shapes: [(version, shape)].into(),
    })
}

#[test]
fn what_is_locked_stays_as_it_is() {
    let mut lock = Lock::default();
    let outcome = |lock: &mut Lock, report: &Report| lock.merge(report).remove(0).2;
    assert_eq!(outcome(&mut lock, &event("a.b", 3, &[("x", false, "i64")])), Merged::Added);
    assert_eq!(outcome(&mut lock, &event("a.b", 3, &[("x", false, "i64")])), Merged::Unchanged);
    let extended = outcome(&mut lock, &event("a.b", 3, &[("x", false, "i64"), ("y", true, "u8?")]));
    assert_eq!(extended, Merged::Extended("y: is a new field that may be absent".into()));
    let before = lock.clone();
    assert!(matches!(outcome(&mut lock, &event("a.b", 3, &[("x", false, "u64")])), Merged::Stale(_)));
    assert_eq!(lock, before);
    assert_eq!(outcome(&mut lock, &event("a.b", 4, &[("x", false, "u64")])), Merged::Added);
    assert_eq!(Lock::parse(&lock.to_string()).unwrap(), lock);
    // A struct of before only reads, and may accept more.
    assert!(lock.merge(&event("a.b", 3, &[("x", false, "i128")])).is_empty());
}

#[test]
fn reports_and_locks_come_back_as_they_were_written() {
    let reader = Report::Reader(ReaderReport {
        module: "bank".into(),
        name: "account".into(),
        reads: vec!["a.b".into(), "c".into()],
        retired: vec!["d".into()],
    });
    for report in
        [event("a.b", 3, &[("o p", true, "{ \"k v\": i64 }"), ("q\"\\\n", false, "i64")]), event("a", 1, &[]), reader]
    {
        let text = report.to_string();
        assert_eq!(Report::parse(&text).unwrap(), report, "{text}");
        assert!(Report::parse(&text[..text.len() / 2]).is_err());
    }
    assert!(Report::parse("event a\ncolour red\nshapes\nformat 1\nend\n").unwrap_err().contains("colour"));
}

#[test]
fn a_message_that_does_not_fit_is_cut_and_the_changes_are_counted_all_the_same() {
    let mut buffer = [0; 24];
    let found = diff("{ äää: i64 }", "{ b: i64 }", "at", &mut buffer);
    assert!(found.is_change() && found.text().len() <= 24);
    let long = format!("{{ {}: i64 }}", "ä".repeat(400));
    let mut buffer = [0; 8192];
    assert!(diff(&long, "i64", &"p".repeat(400), &mut buffer).text().contains(" …`, now `i64`"));
}
