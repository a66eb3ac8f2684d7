//! A package with a lock and a crate beside it, written out anew for each change.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde_json::Value;

/// A type of another crate, inside of the events.
pub(super) const SHARED: &str = r#"
use eventsource::EventSchema;
use serde::{Deserialize, Serialize};

#[derive(EventSchema, Serialize, Deserialize, Default)]
pub enum Currency { #[default] EUR, USD }

#[derive(EventSchema, Serialize, Deserialize)]
#[derive(Default)]
pub struct Money { pub minor: i64, pub currency: Currency }

/// A type that nobody has described.
#[derive(Serialize, Deserialize)]
pub struct Secret { pub hash: u64 }
"#;

pub(super) const BANK: &str = r#"
use eventsource::{Aggregate, Apply, DomainEvent};
use serde::{Deserialize, Serialize};
use shared::Money;

eventsource::schema_lock!();

#[derive(DomainEvent, Serialize, Deserialize)]
#[event(name = "account.opened", version = 1)]
pub struct Opened { pub owner: String, pub note: Option<String> }

#[derive(DomainEvent, Serialize, Deserialize)]
#[event(name = "account.deposited", version = 2, previous = DepositedV1)]
pub struct Deposited { pub amount: Money, pub channel: String }

#[derive(DomainEvent, Deserialize)]
#[event(name = "account.deposited", version = 1)]
pub struct DepositedV1 { pub cents: i64 }

impl From<DepositedV1> for Deposited {
    fn from(old: DepositedV1) -> Self {
        let _ = old.cents;
        Self { amount: Money::default(), channel: "unknown".into() }
    }
}

#[derive(Aggregate, Default, Clone)]
#[aggregate(name = "account", events(Opened, Deposited))]
pub struct Account { pub minor: i64 }

impl Apply<Opened> for Account { fn apply(&mut self, _: &Opened) {} }
impl Apply<Deposited> for Account { fn apply(&mut self, _: &Deposited) { self.minor += 1 } }
"#;

pub(super) const LOCK: &str = "\
# What is stored of each event, in each version. Written by `cargo eventsource lock`: commit it, edit nothing.
format 1

event account.deposited
  read by account
  version 1
    cents: i64
  version 2
    amount: { currency: enum { EUR, USD }, minor: i64 }
    channel: string

event account.opened
  read by account
  version 1
    note?: string?
    owner: string

end
";

/// The workspace of a test, alone in its folder while it lives.
pub(super) struct Workspace {
    root: PathBuf,
    _alone: MutexGuard<'static, ()>,
}

static ALONE: Mutex<()> = Mutex::new(());

const REPOSITORY: &str = env!("CARGO_MANIFEST_DIR");

impl Workspace {
    /// A workspace without a package. The space in its path is meant.
    pub(super) fn new() -> Self {
        let alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
        let root = Path::new(env!("CARGO_TARGET_TMPDIR")).join("lock fixtures");
        let _ = fs::remove_dir_all(&root);
        let workspace = Self { root, _alone: alone };
        workspace.write("Cargo.toml", "[workspace]\nmembers = [\"*\"]\nresolver = \"3\"\n[profile.dev]\ndebug = 0\n");
        fs::copy(Path::new(REPOSITORY).join("Cargo.lock"), workspace.path("Cargo.lock")).unwrap();
        workspace
    }

    /// Adds a package of this name that holds the types of another crate.
    pub(super) fn add_shared(&self, name: &str, text: &str) {
        self.write(&format!("{name}/Cargo.toml"), &manifest(name, ""));
        self.write(&format!("{name}/src/lib.rs"), text);
    }

    /// Adds a package of this name with a lock.
    pub(super) fn add_bank(&self, name: &str, shared: &str, text: &str, lock: &str) {
        let dependency = format!("shared = {{ package = \"{shared}\", path = \"../{shared}\" }}\n");
        self.write(&format!("{name}/Cargo.toml"), &manifest(name, &dependency));
        self.write(&format!("{name}/src/lib.rs"), text);
        self.write(&format!("{name}/events.lock"), lock);
    }

    pub(super) fn path(&self, file: &str) -> PathBuf {
        self.root.join(file)
    }

    pub(super) fn write(&self, file: &str, text: &str) {
        let path = self.path(file);
        // An equal file keeps its time, so that cargo need not look at it again.
        if fs::read_to_string(&path).is_ok_and(|old| old == text) {
            return;
        }
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
    }

    /// Runs cargo. All workspaces share what they build.
    pub(super) fn cargo(&self, arguments: &[&str], environment: &[(&str, &Path)]) -> Output {
        let mut command = Command::new(env!("CARGO"));
        command
            .current_dir(&self.root)
            .args(arguments)
            .env("CARGO_NET_OFFLINE", "true")
            .envs(environment.iter().copied());
        command.env("CARGO_TARGET_DIR", Path::new(env!("CARGO_TARGET_TMPDIR")).join("lock-target"));
        for name in ["RUSTFLAGS", "CARGO_ENCODED_RUSTFLAGS", "RUSTC_WRAPPER"] {
            command.env_remove(name);
        }
        command.output().unwrap()
    }

    /// Every error of `cargo check`, as `file: token: message`.
    pub(super) fn errors(&self) -> Vec<String> {
        self.check().errors
    }

    /// What `cargo check` says of the packages.
    pub(super) fn check(&self) -> Checked {
        let arguments = ["check", "--workspace", "--lib", "--bins", "--keep-going", "--message-format=json"];
        let output = self.cargo(&arguments, &[]);
        let stdout = String::from_utf8_lossy(&output.stdout).into_owned();
        let messages: Vec<Value> = stdout.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
        let errors: Vec<_> = messages.iter().filter_map(error).collect();
        let rendered = messages.iter().filter(|message| error(message).is_some());
        let rendered =
            rendered.filter_map(|message| message["message"]["rendered"].as_str().map(str::to_owned)).collect();
        let whole = messages.iter().filter(|message| message["reason"] == "compiler-artifact");
        let whole = whole.filter_map(|message| Some(message["target"]["name"].as_str()?.replace('_', "-"))).collect();
        assert_eq!(output.status.success(), errors.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
        Checked { errors, rendered, whole }
    }
}

/// What `cargo check` has said.
pub(super) struct Checked {
    /// As `file: token: message`.
    pub(super) errors: Vec<String>,
    /// As people see them.
    pub(super) rendered: Vec<String>,
    /// The crates that compile.
    pub(super) whole: BTreeSet<String>,
}

fn manifest(name: &str, dependencies: &str) -> String {
    format!(
        "[package]\nname = \"{name}\"\nversion = \"0.0.0\"\nedition = \"2024\"\n\n[dependencies]\n\
         eventsource = {{ path = {REPOSITORY:?} }}\nserde = {{ version = \"1\", features = [\"derive\"] }}\n{dependencies}"
    )
}

fn error(message: &Value) -> Option<String> {
    let message = &message["message"];
    let text = message["message"].as_str()?;
    if message["level"] != "error" || text.starts_with("aborting due to") {
        return None;
    }
    let span = message["spans"].as_array()?.iter().find(|span| span["is_primary"] == true);
    let Some(span) = span else { return Some(text.to_owned()) };
    let line = &span["text"][0];
    let place = |key: &str| line[key].as_u64().unwrap_or(1) as usize - 1;
    let line_text = line["text"].as_str().unwrap_or_default();
    let token = line_text.get(place("highlight_start")..place("highlight_end")).unwrap_or_default();
    let text = text.strip_prefix("evaluation panicked: ").unwrap_or(text);
    Some(format!("{}: {token}: {text}", span["file_name"].as_str()?))
}
