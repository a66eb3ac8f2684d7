//! Asks a program what it stores: cargo builds its tests while `EVENTSOURCE_LOCK` is set, and each derive has left one.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::PathBuf;
use std::process::Stdio;

use eventsource_schema::{Golden, Report};

use crate::arguments::Selection;
use crate::failure::Failure;
use crate::workspace::{Workspace, cargo};

/// The names of the tests begin so.
const TESTS: &str = "__eventsource_lock_";

/// What is said for one lock.
#[derive(Debug, Default)]
pub(crate) struct Said {
    pub(crate) reports: Vec<Report>,
    pub(crate) golden: Vec<Golden>,
}

/// What the chosen packages say of their events, by the path of the lock. `examples` are asked besides those targets
/// that have a lock of their own.
pub(crate) fn ask(
    workspace: &Workspace,
    selection: &Selection,
    examples: &[String],
) -> Result<BTreeMap<PathBuf, Said>, Failure> {
    let targets = targets(workspace, examples)?;
    if targets.is_empty() {
        return Ok(BTreeMap::new());
    }
    let scratch = workspace.scratch();
    let reports = workspace.reports();
    let tell = |error: std::io::Error| Failure::Input(format!("{}: {error}", reports.display()));
    fs::create_dir_all(&scratch).map_err(tell)?;
    // Two of these at a time would take each other's reports. The lock is released when the file is closed.
    let alone = File::create(scratch.join("alone")).map_err(tell)?;
    alone.lock().map_err(tell)?;
    if reports.exists() {
        fs::remove_dir_all(&reports).map_err(tell)?;
    }
    fs::create_dir(&reports).map_err(tell)?;

    let mut test = cargo(selection, "test");
    for package in &workspace.packages {
        test.args(["--package", &package.id]);
    }
    test.args(targets).args(selection.of_build()).args(["--no-fail-fast", "--", TESTS]);
    // Only what fails is of interest on stdout; the progress on stderr is shown as it comes.
    let output = test.env("EVENTSOURCE_LOCK", &reports).stderr(Stdio::inherit()).output();
    let output = output.map_err(|error| Failure::Cargo(format!("cargo cannot be run: {error}")))?;
    if !output.status.success() {
        anstream::eprint!("{}", String::from_utf8_lossy(&output.stdout));
        return Err(Failure::Cargo("the program cannot be asked what it stores: cargo's words are above".to_owned()));
    }
    let mut by_lock: BTreeMap<PathBuf, Said> = BTreeMap::new();
    for (lock, report) in Report::collect(&reports).map_err(Failure::Input)? {
        if !report.is_of_a_test() {
            by_lock.entry(lock).or_default().reports.push(report);
        }
    }
    for (lock, golden) in Golden::collect(&reports).map_err(Failure::Input)? {
        // An event of a test alone has no report here, and so no payloads.
        let said = by_lock.get_mut(&lock).filter(|said| said.stores(&golden.event));
        said.into_iter().for_each(|said| said.golden.push(golden.clone()));
    }
    Ok(by_lock)
}

impl Said {
    fn stores(&self, name: &str) -> bool {
        let names = self.reports.iter().filter_map(|report| match report {
            Report::Event(event) => Some(event),
            Report::Reader(_) => None,
        });
        names.into_iter().any(|event| event.name == name || event.aliases.iter().any(|alias| alias == name))
    }
}

/// The targets whose events are stored: libraries and programs, and any other that has a lock.
///
/// An example is mostly there to be read, and its events are gone when it ends; a lock for each would be noise.
fn targets(workspace: &Workspace, examples: &[String]) -> Result<Vec<String>, Failure> {
    let mut arguments = Vec::new();
    let all = || workspace.packages.iter().flat_map(|package| package.targets.iter().map(move |each| (package, each)));
    if all().any(|(_, target)| target.is_library()) {
        arguments.push("--lib".to_owned());
    }
    if all().any(|(_, target)| target.is("bin")) {
        arguments.push("--bins".to_owned());
    }
    for (package, target) in all() {
        for kind in ["example", "test", "bench"].iter().filter(|kind| target.is(kind)) {
            let has_lock = package.folder().join(target.own_lock()).is_file();
            if has_lock || (*kind == "example" && examples.contains(&target.name)) {
                arguments.push(format!("--{kind}={}", target.name));
            }
        }
    }
    let is_known = |name: &&String| all().any(|(_, target)| target.is("example") && target.name == **name);
    match examples.iter().find(|name| !is_known(name)) {
        Some(unknown) => Err(Failure::Input(format!("there is no example `{unknown}` in the chosen packages"))),
        None => Ok(arguments),
    }
}
