//! What guards the events of the crate that is being compiled: its lock, if it has one. The only place of the derives
//! that looks at files and the environment; all others are told.

use std::collections::HashMap;
use std::env;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use eventsource_schema::{Lock, LockError};

/// While it is set, nothing is compared: `cargo eventsource` asks the program what it stores.
pub(crate) const VARIABLE: &str = "EVENTSOURCE_LOCK";

/// What guards the events of a crate.
#[derive(Clone, Debug, Default)]
pub(crate) enum Guard {
    /// There is no lock, so shapes need not be known.
    #[default]
    Nothing,
    /// The program is asked for its shapes, which belong into this file.
    Asked { path: String },
    /// A lock.
    Lock { path: String, lock: Arc<Lock> },
    /// A lock that cannot be read, which was not said yet.
    Broken { path: String, message: String },
}

impl Guard {
    /// The guard of the crate that is being compiled.
    pub(crate) fn find() -> Self {
        let Some(path) = lock_path() else { return Self::Nothing };
        let shown = path.display().to_string();
        if env::var_os(VARIABLE).is_some() {
            return Self::Asked { path: shown };
        }
        if !path.is_file() {
            return Self::Nothing;
        }
        match read(&path) {
            Ok(lock) => Self::Lock { path: shown, lock },
            Err(message) if is_news(&path) => Self::Broken { path: shown, message },
            Err(_) => Self::Nothing,
        }
    }

    /// Whether every stored shape must be known.
    pub(crate) fn is_strict(&self) -> bool {
        matches!(self, Self::Asked { .. } | Self::Lock { .. })
    }
}

/// Where the lock of this crate is, or would be.
///
/// A package has one, for its library and its programs. Any other target may have one of its own.
pub(crate) fn lock_path() -> Option<PathBuf> {
    // Outside of a compiler, which is in unit tests, there is nothing to guard.
    if !proc_macro::is_available() || is_documentation() {
        return None;
    }
    let folder = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR")?);
    let own = folder.join(format!("events.{}.lock", env::var("CARGO_CRATE_NAME").unwrap_or_default()));
    if own.is_file() {
        return Some(own);
    }
    match target(&folder) {
        Target::Product => Some(folder.join("events.lock")),
        Target::Example => Some(own),
        Target::Test => None,
    }
}

/// The lock that this crate should have and has not, unless it comes from a registry or is being asked.
pub(crate) fn missing() -> Option<String> {
    let path = lock_path()?;
    let folder = path.parent()?;
    // cargo leaves these in what it unpacks, vendors or checks out.
    let is_foreign = [".cargo-ok", ".cargo-checksum.json"].iter().any(|file| folder.join(file).exists());
    let is_fine = path.is_file() || is_foreign || env::var_os(VARIABLE).is_some();
    (!is_fine).then(|| path.file_name().unwrap_or_default().to_string_lossy().into_owned())
}

/// What kind of crate is being compiled.
enum Target {
    /// The library, or a program.
    Product,
    Example,
    /// A test, a benchmark, an example of the documentation, or a build script.
    Test,
}

fn target(folder: &Path) -> Target {
    let is_set = |name| env::var_os(name).is_some();
    // cargo sets the first for tests and benchmarks alone, and rustdoc the second for its examples.
    if is_set("CARGO_TARGET_TMPDIR") || is_set("UNSTABLE_RUSTDOC_TEST_PATH") {
        return Target::Test;
    }
    if env::var("CARGO_CRATE_NAME").is_ok_and(|name| name == "build_script_build") {
        return Target::Test;
    }
    let file = proc_macro::Span::call_site().local_file().map(|file| env::current_dir().unwrap_or_default().join(file));
    let below = |part| file.as_ref().is_some_and(|file| file.starts_with(folder.join(part)));
    if below("examples") { Target::Example } else { Target::Product }
}

/// Documentation is built from items, so an error about their bodies would be the only one.
fn is_documentation() -> bool {
    let program = env::args_os().next().map(PathBuf::from);
    program.and_then(|path| path.file_stem().map(|stem| stem.to_string_lossy().contains("rustdoc"))).unwrap_or_default()
}

type Cache<T> = Mutex<Option<HashMap<PathBuf, T>>>;

/// A lock, or why there is none, and how old the file was.
type Found = (Option<SystemTime>, Result<Arc<Lock>, String>);

/// Each derive of a crate reads the same lock.
static READ: Cache<Found> = Mutex::new(None);

fn read(path: &Path) -> Result<Arc<Lock>, String> {
    let modified = path.metadata().and_then(|metadata| metadata.modified()).ok();
    let mut cache = READ.lock().unwrap_or_else(PoisonError::into_inner);
    let cache = cache.get_or_insert_default();
    if let Some((at, lock)) = cache.get(path)
        && *at == modified
        && modified.is_some()
    {
        return lock.clone();
    }
    let lock = parse(path).map(Arc::new);
    cache.insert(path.to_owned(), (modified, lock.clone()));
    lock
}

fn parse(path: &Path) -> Result<Lock, String> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let text = std::fs::read_to_string(path).map_err(|error| format!("{name}: {error}"))?;
    Lock::parse(&text).map_err(|errors| {
        let lines: Vec<_> = errors.iter().map(|error: &LockError| format!("{name}:{error}")).collect();
        lines.join("\n")
    })
}

/// A lock that cannot be read is one mistake, however many events it guards.
fn is_news(path: &Path) -> bool {
    static TOLD: Cache<()> = Mutex::new(None);
    TOLD.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert_default().insert(path.to_owned(), ()).is_none()
}
