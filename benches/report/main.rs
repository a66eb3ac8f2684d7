//! The numbers people ask for, each beside its raw counterpart in the same run.
//!
//! `cargo bench --bench report [-- SCENARIO…] [--quick] [--check]`: prints a table and writes
//! `target/report.json`. `--check` exits with 1 if a bound does not hold; `--quick` takes fewer rounds; `--long` adds
//! the scenarios with millions of rows.

// A binary has no callers, and its output is the point.
#![allow(clippy::print_stdout, missing_docs, unreachable_pub)]

mod delivery;
mod domain;
mod footprint;
mod measure;
mod postgres;
mod processes;
mod projections;
mod raw;
mod scenarios;
mod views;

use std::process::ExitCode;

use measure::Scale;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let has = |flag: &str| arguments.iter().any(|argument| argument == flag);
    // Cargo passes `--bench` when it runs benchmarks; `cargo test --benches` does not.
    if !has("--bench") {
        println!("run me with `cargo bench --bench report`");
        return ExitCode::SUCCESS;
    }
    let wanted: Vec<&String> = arguments.iter().filter(|argument| !argument.starts_with('-')).collect();
    let scale = if has("--quick") { Scale::quick() } else { Scale::full() };
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            println!("no runtime: {error}");
            return ExitCode::FAILURE;
        }
    };
    let mut all = Vec::new();
    measure::print_head();
    for scenario in [
        scenarios::all(),
        views::all(),
        projections::all(),
        processes::all(),
        delivery::all(),
        footprint::all(has("--long")),
        postgres::all(has("--long")),
    ]
    .concat()
    {
        // `append` is every scenario of that name, `append@256` those with so many tasks, `postgres` those of that store.
        let full_name = format!("{}@{}/{}", scenario.name, scenario.tasks, scenario.store);
        if !wanted.is_empty() && !wanted.iter().any(|name| full_name.contains(name.as_str())) {
            continue;
        }
        match runtime.block_on((scenario.run)(&scale)).judged(&scenario) {
            Some(measured) => {
                measured.print();
                all.push(measured);
            }
            None => println!("| {full_name} | cannot be measured on this machine | | | | | | | |"),
        }
    }
    if let Err(error) = measure::write_json(&all) {
        println!("target/report.json could not be written: {error}");
        return ExitCode::FAILURE;
    }
    let broken = all.iter().filter(|measured| !measured.holds).count();
    println!("\n{} scenarios, {broken} below their bound; see target/report.json", all.len());
    if has("--check") && broken > 0 { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}
