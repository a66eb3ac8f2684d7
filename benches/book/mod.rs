//! The book of benchmarks.

// A binary has no callers, and its output is the point.
#![allow(clippy::print_stdout, clippy::print_stderr, missing_docs, unreachable_pub)]

mod by_hand;
mod delivery;
mod domain;
mod footprint;
mod measured;
mod memory;
mod owner;
mod page;
mod postgres;
mod processes;
mod projections;
mod scenario;
mod sides;
mod sqlite;
mod system;
mod view_rows;
mod work;

use std::process::{Command, ExitCode};
use std::time::Instant;

use serde_json::{Value, json};
use tokio::runtime::{Builder, Runtime};

use measured::Measured;
use scenario::{Scale, Scenario};

/// `allocated` tells how many bytes were allocated so far, in the program that counts them and takes no times.
pub fn main(allocated: Option<fn() -> u64>) -> ExitCode {
    let arguments = Arguments::read();
    let runtime = Builder::new_multi_thread().enable_all().build().expect("a runtime");
    if arguments.hot_process {
        runtime.block_on(postgres::hot_process());
        return ExitCode::SUCCESS;
    }
    match (arguments.bench, allocated) {
        (true, Some(allocated)) => count(&arguments, &runtime, allocated),
        (true, None) => report(&arguments, &runtime),
        (false, None) => once(&runtime),
        (false, Some(_)) => ExitCode::SUCCESS,
    }
}

/// Cargo says so when it runs benchmarks, and does not when it runs tests.
const BENCH: &str = "--bench";

/// Whether something is measured; in tests, disks need not keep anything.
fn is_measuring() -> bool {
    std::env::args().any(|argument| argument == BENCH)
}

/// What the program that counts bytes leaves, in `target`.
const BYTES: &str = "allocations.json";

#[derive(Default)]
struct Arguments {
    bench: bool,
    quick: bool,
    long: bool,
    check: bool,
    list: bool,
    /// The Markdown page to be written.
    markdown: Option<String>,
    /// This program shall be one of two processes.
    hot_process: bool,
    /// Parts of names; all scenarios if there are none.
    parts: Vec<String>,
}

impl Arguments {
    fn read() -> Self {
        let mut read = Self::default();
        let mut arguments = std::env::args().skip(1);
        while let Some(argument) = arguments.next() {
            match argument.as_str() {
                BENCH => read.bench = true,
                "--quick" => read.quick = true,
                "--long" => read.long = true,
                "--check" => read.check = true,
                "--list" => read.list = true,
                "--markdown" => read.markdown = arguments.next(),
                postgres::HOT_PROCESS => read.hot_process = true,
                flag if flag.starts_with('-') => eprintln!("{flag} is unknown and does nothing"),
                part => read.parts.push(part.to_owned()),
            }
        }
        read
    }

    fn wanted(&self) -> impl Iterator<Item = Scenario> {
        let is_wanted = |scenario: &Scenario| {
            self.parts.is_empty() || self.parts.iter().any(|part| scenario.name.contains(part.as_str()))
        };
        scenarios(self.long).into_iter().filter(is_wanted)
    }
}

/// In the order of the page.
fn scenarios(long: bool) -> Vec<Scenario> {
    let mut all = memory::all();
    all.extend(sqlite::all());
    all.extend(postgres::all(long));
    // Those of all stores, each behind the others of its store.
    all.extend(
        [view_rows::all(), projections::all(), processes::all(), delivery::all(), footprint::all(long)]
            .into_iter()
            .flatten(),
    );
    // What the memory store leaves in the allocator would be taken for memory of those behind it.
    let order = ["sqlite", "postgres", "memory"];
    all.sort_by_key(|scenario| order.iter().position(|store| *store == scenario.store()));
    all
}

/// `None` if this machine cannot measure it.
fn run(runtime: &Runtime, scenario: &Scenario, scale: Scale) -> Option<Measured> {
    let start = Instant::now();
    // In a worker of the runtime, where the reader of a socket is woken without going from thread to thread.
    let sides = runtime.block_on(runtime.spawn((scenario.run)(scale))).expect("a scenario that does not panic");
    Measured::new(scenario, sides, start.elapsed())
}

/// Every scenario once, as short as can be: that it works, and loses nothing.
fn once(runtime: &Runtime) -> ExitCode {
    let all = scenarios(false);
    for scenario in &all {
        run(runtime, scenario, Scale::ONCE);
    }
    println!("{} scenarios work; `cargo bench --bench report` measures them", all.len());
    ExitCode::SUCCESS
}

/// Of operations whose bytes are of interest.
fn count(arguments: &Arguments, runtime: &Runtime, allocated: fn() -> u64) -> ExitCode {
    sides::ALLOCATED.set(allocated).expect("nobody has said so before");
    let scenarios = arguments.wanted().filter(|scenario| scenario.is_counted);
    let counted = scenarios.filter_map(|scenario| Some(run(runtime, &scenario, Scale::COUNTED)?.json()));
    write(BYTES, &counted.collect())
}

fn report(arguments: &Arguments, runtime: &Runtime) -> ExitCode {
    if arguments.list {
        arguments.wanted().for_each(|scenario| println!("{}", scenario.name));
        return ExitCode::SUCCESS;
    }
    let mut facts = system::facts();
    let (scale, start) = (if arguments.quick { Scale::QUICK } else { Scale::FULL }, Instant::now());
    facts.push(("rounds", scale.to_string()));
    let mut all = Vec::new();
    println!("{}", page::HEAD);
    for scenario in arguments.wanted() {
        match run(runtime, &scenario, scale) {
            Some(measured) => {
                println!("{}", page::row(&measured));
                all.push(measured);
            }
            None => println!("| {} | cannot be measured on this machine |", scenario.name),
        }
    }
    count_bytes(&arguments.parts, &mut all);
    println!();
    all.iter().filter_map(page::detail).for_each(|detail| println!("{detail}"));
    facts.extend(runtime.block_on(sqlite::facts()));
    facts.extend(runtime.block_on(postgres::facts()));
    let missed = all.iter().filter(|measured| measured.is_missed()).count();
    let minutes = start.elapsed().as_secs_f64() / 60.0;
    println!("\n{} scenarios in {minutes:.1} minutes, {missed} bounds missed; see target/report.json", all.len());
    if let Some(path) = &arguments.markdown
        && let Err(error) = write_page(path, &page::markdown(&facts, &all))
    {
        println!("{path} could not be written: {error}");
        return ExitCode::FAILURE;
    }
    let facts: serde_json::Map<String, Value> =
        facts.into_iter().map(|(name, fact)| (name.to_owned(), fact.into())).collect();
    let scenarios: Vec<Value> = all.iter().map(Measured::json).collect();
    let written = write("report.json", &json!({ "facts": facts, "scenarios": scenarios }));
    if arguments.check && missed > 0 { ExitCode::FAILURE } else { written }
}

fn write_page(path: &str, page: &str) -> std::io::Result<()> {
    if let Some(folder) = std::path::Path::new(path).parent() {
        std::fs::create_dir_all(folder)?;
    }
    std::fs::write(path, page)
}

/// Has the other program count the bytes of the same scenarios.
fn count_bytes(parts: &[String], all: &mut [Measured]) {
    println!("\ncounting bytes, by a program of its own");
    let mut cargo = Command::new(std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned()));
    cargo
        .args(["bench", "--quiet", "--bench", "allocations", "--"])
        .args(parts)
        .current_dir(env!("CARGO_MANIFEST_DIR"));
    // What the cargo that runs this program says of the package would make the other one build many crates anew.
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        if text.starts_with("CARGO_PKG_") || text.starts_with("CARGO_MANIFEST_") {
            cargo.env_remove(&name);
        }
    }
    let counted = match cargo.status() {
        Ok(status) if status.success() => system::in_target(BYTES).and_then(std::fs::read),
        Ok(status) => Err(std::io::Error::other(format!("it ended with {status}"))),
        Err(error) => Err(error),
    };
    match counted.map(|counted| serde_json::from_slice::<Vec<Value>>(&counted)) {
        Ok(Ok(counted)) => all.iter_mut().for_each(|measured| measured.add_bytes(&counted)),
        Ok(Err(error)) => println!("no bytes: {error}"),
        Err(error) => println!("no bytes: {error}"),
    }
}

fn write(name: &str, value: &Value) -> ExitCode {
    let written = system::in_target(name).and_then(|path| std::fs::write(path, format!("{value:#}\n")));
    match written {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            println!("target/{name} could not be written: {error}");
            ExitCode::FAILURE
        }
    }
}
