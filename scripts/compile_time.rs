//! What the derives and the lock cost while compiling: 200 events with 8 fields and 400 locked versions, beside the same
//! structs with serde alone, and beside what nobody can do without: a second struct for the older version, by hand.
//! `scripts/compile-time`
//!
//! The packages are written to `target/compile-time` and checked in turns; the figures are medians of seconds.
//! `full` is a check of the crate after `cargo clean -p`, its dependencies built; `incremental` one after a comment.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

const EVENTS: usize = 200;
const ROUNDS: usize = 5;

const TYPES: &str = r#"
#[derive(DERIVE)] pub enum Currency { Eur, Usd }
#[derive(DERIVE)] pub struct Money { pub minor: i64, pub currency: Currency }
#[derive(DERIVE)] pub struct Tax { pub code: String, pub amount: Money }
#[derive(DERIVE)] pub struct Line { pub text: String, pub amount: Money, pub taxes: Vec<Tax> }
"#;

const BY_HAND: &str = r#"
#[derive(Deserialize)]
struct EnV1 {
    id: u64,
    owner: String,
    amount: Money,
    lines: Vec<Line>,
    labels: BTreeMap<String, i64>,
    span: (u32, u32),
    note: Option<String>,
}

impl From<EnV1> for En {
    fn from(old: EnV1) -> Self {
        let EnV1 { id, owner, amount, lines, labels, span, note } = old;
        Self { id, holder: owner, amount, lines, labels, span, note, channel: "unknown".into() }
    }
}
"#;

const MONEY: &str = "{ currency: enum { Eur, Usd }, minor: i64 }";

/// A package, and its bounds: how many times longer than with serde alone.
struct Package {
    name: &'static str,
    title: &'static str,
    full_bound: f64,
    incremental_bound: f64,
}

const PACKAGES: [Package; 4] = [
    Package { name: "serde-only", title: "serde only", full_bound: 1.0, incremental_bound: 1.0 },
    Package {
        name: "by-hand",
        title: "serde only, older versions by hand",
        full_bound: f64::INFINITY,
        incremental_bound: f64::INFINITY,
    },
    Package { name: "derive", title: "+ `DomainEvent`", full_bound: 1.9, incremental_bound: f64::INFINITY },
    Package { name: "locked", title: "+ `events.lock`", full_bound: 2.3, incremental_bound: 2.4 },
];

fn main() {
    let root = std::env::current_dir().expect("it runs in the repository");
    let folder = root.join("target/compile-time");
    write(
        &folder.join("Cargo.toml"),
        "[workspace]\nmembers = [\"*\"]\nexclude = [\"target\"]\nresolver = \"3\"\n[profile.dev]\ndebug = 0\n",
    );
    let _ = fs::copy(root.join("Cargo.lock"), folder.join("Cargo.lock"));
    for package in &PACKAGES {
        let dependency = match has_events(package.name) {
            true => format!("eventsource = {{ path = {root:?} }}\n"),
            false => String::new(),
        };
        let manifest = format!(
            "[package]\nname = \"{}\"\nversion = \"0.0.0\"\nedition = \"2024\"\n\n[dependencies]\n{dependency}\
             serde = {{ version = \"1\", features = [\"derive\"] }}\n",
            package.name
        );
        write(&folder.join(package.name).join("Cargo.toml"), &manifest);
        write(&folder.join(package.name).join("src/lib.rs"), &source(package.name));
    }
    write(&folder.join("locked/events.lock"), &lock());

    let mut full = [const { Vec::new() }; 4];
    let mut incremental = [const { Vec::new() }; 4];
    // The first round builds the dependencies too, and does not count.
    for round in 0..=ROUNDS {
        for (at, package) in PACKAGES.iter().enumerate() {
            cargo(&folder, &["clean", "--quiet", "-p", package.name]);
            let seconds = timed(&folder, package.name);
            let file = folder.join(package.name).join("src/lib.rs");
            write(&file, &format!("{}// round {round}\n", source(package.name)));
            let after_comment = timed(&folder, package.name);
            if round > 0 {
                full[at].push(seconds);
                incremental[at].push(after_comment);
            }
        }
    }
    let (full, incremental) = (full.map(median), incremental.map(median));
    println!("| `cargo check` of {EVENTS} events, {} locked versions | full | | incremental | |", 2 * EVENTS);
    println!("|---|---|---|---|---|");
    let mut is_kept = true;
    for (at, package) in PACKAGES.iter().enumerate() {
        let ratios = (full[at] / full[0], incremental[at] / incremental[0]);
        let Package { title, .. } = package;
        println!("| {title} | {:.2} s | {:.2} | {:.2} s | {:.2} |", full[at], ratios.0, incremental[at], ratios.1);
        is_kept &= ratios.0 <= package.full_bound && ratios.1 <= package.incremental_bound;
    }
    println!("\nthe bounds are {}", if is_kept { "kept" } else { "not kept" });
    if std::env::args().any(|argument| argument == "--check") && !is_kept {
        std::process::exit(1);
    }
}

fn has_events(package: &str) -> bool {
    matches!(package, "derive" | "locked")
}

/// Version 2 of each event has a renamed field and a new one.
fn source(package: &str) -> String {
    let has_events = has_events(package);
    let uses = match package {
        "locked" => "use eventsource::{DomainEvent, EventSchema};\neventsource::schema_lock!();\n",
        "derive" => "use eventsource::{DomainEvent, EventSchema};\n",
        _ => "",
    };
    let nested = if has_events { "EventSchema, Serialize, Deserialize" } else { "Serialize, Deserialize" };
    let mut text = format!("use std::collections::BTreeMap;\nuse serde::{{Deserialize, Serialize}};\n{uses}");
    text += &TYPES.replace("DERIVE", nested);
    for n in 0..EVENTS {
        let (derive, renamed, added) = match has_events {
            true => (
                format!("#[derive(DomainEvent, Serialize, Deserialize)]\n#[event(name = \"thing.e{n}\", version = 2)]"),
                "#[event(renamed(from = \"owner\", in = 2))] ",
                "#[event(added = 2, default = \"unknown\")] ",
            ),
            false => ("#[derive(Serialize, Deserialize)]".to_owned(), "", ""),
        };
        let _ = write!(
            text,
            "\n{derive}\npub struct E{n} {{\n    pub id: u64,\n    {renamed}pub holder: String,\n    pub amount: Money,\n    \
             pub lines: Vec<Line>,\n    pub labels: BTreeMap<String, i64>,\n    pub span: (u32, u32),\n    \
             pub note: Option<String>,\n    {added}pub channel: String,\n}}\n"
        );
        if package == "by-hand" {
            text += &BY_HAND.replace("En", &format!("E{n}"));
        }
    }
    text
}

fn lock() -> String {
    let mut names: Vec<_> = (0..EVENTS).map(|n| format!("thing.e{n}")).collect();
    names.sort();
    let mut text = "format 1\n".to_owned();
    let line = format!("{{ amount: {MONEY}, taxes: [{{ amount: {MONEY}, code: string }}], text: string }}");
    for name in names {
        let fields = |first: &str, third: &str, last: &str| {
            format!(
                "    amount: {MONEY}\n{first}{third}    id: u64\n    labels: map<string, i64>\n    lines: [{line}]\n    \
                 note?: string?\n{last}    span: (u32, u32)\n"
            )
        };
        let _ = write!(
            text,
            "\nevent {name}\n  version 1\n{}  version 2\n{}",
            fields("", "", "    owner: string\n"),
            fields("    channel: string\n", "    holder: string\n", ""),
        );
    }
    text + "\nend\n"
}

fn write(path: &PathBuf, text: &str) {
    fs::create_dir_all(path.parent().expect("it is in a folder")).expect("a folder can be made");
    fs::write(path, text).expect("a file can be written");
}

fn cargo(folder: &Path, arguments: &[&str]) {
    let mut cargo = Command::new("cargo");
    cargo.current_dir(folder).args(arguments).env("CARGO_TARGET_DIR", folder.join("target")).stdin(Stdio::null());
    assert!(cargo.status().expect("cargo can be run").success(), "cargo {arguments:?} failed");
}

fn timed(folder: &Path, package: &str) -> f64 {
    let start = Instant::now();
    cargo(folder, &["check", "--quiet", "--offline", "-p", package]);
    start.elapsed().as_secs_f64()
}

fn median(mut seconds: Vec<f64>) -> f64 {
    seconds.sort_by(f64::total_cmp);
    seconds[seconds.len() / 2]
}
