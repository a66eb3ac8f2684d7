//! Examples of this package, as programs that tests run.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{LazyLock, Mutex, PoisonError};
use std::time::SystemTime;

static BUILT: LazyLock<Mutex<HashMap<String, PathBuf>>> = LazyLock::new(Mutex::default);

/// The built example. `cargo test` builds it; `cargo test --test it` does not, so then it is built here.
pub(crate) fn program(name: &str) -> PathBuf {
    let mut built = BUILT.lock().unwrap_or_else(PoisonError::into_inner);
    built.entry(name.to_owned()).or_insert_with(|| up_to_date(name)).clone()
}

fn up_to_date(name: &str) -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let profile = test.parent().unwrap().parent().unwrap();
    let program = profile.join("examples").join(format!("{name}{}", std::env::consts::EXE_SUFFIX));
    if modified(&program).is_none_or(|built| newest_source() > built) {
        let mut build = Command::new(env!("CARGO"));
        build.args(["build", "--quiet", "--example", name]).current_dir(env!("CARGO_MANIFEST_DIR"));
        build.arg("--target-dir").arg(profile.parent().unwrap());
        // What the cargo that runs this test says of the package would make the other one build many crates anew.
        for (name, _) in std::env::vars_os() {
            let text = name.to_string_lossy();
            if text.starts_with("CARGO_PKG_") || text.starts_with("CARGO_MANIFEST_") {
                build.env_remove(&name);
            }
        }
        if profile.ends_with("release") {
            build.arg("--release");
        }
        assert!(build.status().unwrap().success(), "the example does not build");
    }
    program
}

fn modified(path: &Path) -> Option<SystemTime> {
    path.metadata().and_then(|metadata| metadata.modified()).ok()
}

/// When something was changed last of which the programs are made.
fn newest_source() -> SystemTime {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let crates = ["axum", "core", "derive", "inbox", "postgres", "rabbitmq", "schema", "sqlite"];
    let mut folders = Vec::from(crates.map(|name| root.join(format!("eventsource-{name}/src"))));
    folders.extend([root.join("src"), root.join("examples")]);
    let mut newest = modified(&root.join("events.bank.lock")).unwrap_or(SystemTime::UNIX_EPOCH);
    while let Some(folder) = folders.pop() {
        for entry in folder.read_dir().unwrap().map(|entry| entry.unwrap().path()) {
            match entry.is_dir() {
                true => folders.push(entry),
                false => newest = newest.max(modified(&entry).unwrap_or(newest)),
            }
        }
    }
    newest
}
