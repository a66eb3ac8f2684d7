//! A git repository with packages that store events. All of them share what they build.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::SystemTime;

use serde_json::Value;
use tempfile::TempDir;

/// A package with one event, which an aggregate reads.
pub(crate) const BANK: &str = r#"
use eventsource::{Aggregate, Apply, DomainEvent};
use serde::{Deserialize, Serialize};

#[derive(DomainEvent, Serialize, Deserialize)]
#[event(name = "account.opened", version = 1)]
pub struct Opened { pub owner: String }

#[derive(Aggregate, Default, Clone)]
#[aggregate(name = "account", events(Opened))]
pub struct Account;

impl Apply<Opened> for Account { fn apply(&mut self, _: &Opened) {} }
"#;

/// What is locked of it.
pub(crate) const LOCK: &str = "\
# What is stored of each event, in each version. Written by `cargo eventsource lock`: commit it, edit nothing.
format 1

event account.opened
  read by account
  version 1
    owner: string

end
";

/// What is recorded of it.
pub(crate) const GOLDEN: [(&str, &str); 4] = [
    ("v1.full.as-v1.json", "{\"owner\":\"text\"}\n"),
    ("v1.full.json", "{\"owner\":\"text\"}\n"),
    ("v1.minimal.as-v1.json", "{\"owner\":\"\"}\n"),
    ("v1.minimal.json", "{\"owner\":\"\"}\n"),
];

/// The second version of its event.
pub(crate) const SECOND: &str = r#"
#[derive(DomainEvent, Serialize, Deserialize)]
#[event(name = "account.opened", version = 2, previous = OpenedV1)]
pub struct Opened { pub owner: String, pub branch: u16 }

#[derive(DomainEvent, Serialize, Deserialize)]
#[event(name = "account.opened", version = 1)]
pub struct OpenedV1 { pub owner: String }

impl From<OpenedV1> for Opened { fn from(old: OpenedV1) -> Self { Self { owner: old.owner, branch: 0 } } }
impl From<&Opened> for OpenedV1 { fn from(new: &Opened) -> Self { Self { owner: new.owner.clone() } } }
"#;

/// The package after its event got a second version.
pub(crate) fn second() -> String {
    let (head, rest) = BANK.split_once("#[derive(DomainEvent").unwrap();
    let (_, tail) = rest.split_once("pub struct Opened { pub owner: String }\n").unwrap();
    format!("{head}{SECOND}{tail}")
}

pub(crate) struct Repository {
    folder: TempDir,
}

/// What the program answered.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Repository {
    /// A repository whose one package is committed with its lock.
    pub(crate) fn with_bank() -> Self {
        let repository = Self::new();
        // A workspace of its own, whatever stands in the folders above.
        repository.write("Cargo.toml", &format!("{}{PROFILE}\n[workspace]\n", manifest("bank")));
        repository.write("src/lib.rs", BANK);
        repository.write("events.lock", LOCK);
        GOLDEN.iter().for_each(|(file, text)| repository.write(&format!("events/golden/account.opened/{file}"), text));
        repository.commit();
        repository
    }

    /// An empty repository. The space in its path is meant.
    pub(crate) fn new() -> Self {
        let repository = Self { folder: tempfile::Builder::new().prefix("event source").tempdir().unwrap() };
        let lock = Path::new(env!("CARGO_MANIFEST_DIR")).join("../Cargo.lock");
        fs::copy(lock, repository.path("Cargo.lock")).unwrap();
        repository.git(&["init", "--quiet", "--initial-branch=main"]);
        repository
    }

    pub(crate) fn path(&self, file: &str) -> PathBuf {
        self.folder.path().canonicalize().unwrap().join(file)
    }

    pub(crate) fn write(&self, file: &str, text: &str) {
        let path = self.path(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    pub(crate) fn read(&self, file: &str) -> String {
        fs::read_to_string(self.path(file)).unwrap()
    }

    pub(crate) fn commit(&self) {
        self.git(&["add", "--all"]);
        self.git(&["-c", "user.name=x", "-c", "user.email=x", "commit", "--quiet", "--message=x"]);
    }

    pub(crate) fn git(&self, arguments: &[&str]) {
        let output = Command::new("git").arg("-C").arg(self.path("")).args(arguments).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }

    /// The files below a folder, each with its text.
    pub(crate) fn files(&self, folder: &str) -> Vec<(String, String)> {
        let entries = fs::read_dir(self.path(folder)).into_iter().flatten();
        let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names.into_iter().map(|name| (name.clone(), self.read(&format!("{folder}/{name}")))).collect()
    }

    /// Runs the tests of the package.
    pub(crate) fn test(&self) -> Answer {
        // What is built is shared, and cargo takes the package of one repository for the other's: nobody builds meanwhile,
        // and what was built is older than this source. The program keeps to itself in the same way.
        let scratch = built().join("eventsource");
        fs::create_dir_all(&scratch).unwrap();
        let alone = fs::File::create(scratch.join("alone")).unwrap();
        alone.lock().unwrap();
        let source = fs::File::options().append(true).open(self.path("src/lib.rs")).unwrap();
        source.set_modified(SystemTime::now()).unwrap();
        self.answer(Command::new(env!("CARGO")).current_dir(self.path("")).args(["test", "--lib"]))
    }

    /// Runs `cargo eventsource` with these arguments, at the root.
    pub(crate) fn run(&self, arguments: &[&str]) -> Answer {
        self.run_in("", arguments)
    }

    pub(crate) fn run_in(&self, folder: &str, arguments: &[&str]) -> Answer {
        let mut command = Command::new(env!("CARGO_BIN_EXE_cargo-eventsource"));
        self.answer(command.current_dir(self.path(folder)).arg("eventsource").args(arguments))
    }

    fn answer(&self, command: &mut Command) -> Answer {
        command.env("CARGO_NET_OFFLINE", "true");
        command.env("CARGO_TARGET_DIR", built());
        for name in ["RUSTFLAGS", "CARGO_ENCODED_RUSTFLAGS", "RUSTC_WRAPPER", "CLICOLOR_FORCE"] {
            command.env_remove(name);
        }
        let output = command.output().unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let code = output.status.code().unwrap();
        Answer { code, stdout: text(&output.stdout), stderr: text(&output.stderr) }
    }
}

/// What all repositories build. It is that of the facade's tests of the lock too, so that nothing is built twice.
fn built() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("lock-target")
}

impl Answer {
    /// Demands an exit code.
    pub(crate) fn code(self, expected: i32) -> Self {
        assert_eq!(self.code, expected, "{}\n{}", self.stdout, self.stderr);
        self
    }

    pub(crate) fn json(&self) -> Value {
        let json: Value = serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {}", self.stdout));
        assert_eq!(json["ok"], self.code == 0);
        json
    }

    /// Each of what is told below this key, as `event version word`.
    pub(crate) fn told(&self, key: &str) -> Vec<String> {
        let json = self.json();
        let line = |each: &Value| {
            let version = each["version"].as_u64().map(|version| format!(" {version}")).unwrap_or_default();
            let word = each["change"].as_str().or(each["compatible"].as_str()).unwrap();
            format!("{}{version} {word}", each["event"].as_str().unwrap())
        };
        json[key].as_array().unwrap_or_else(|| panic!("no {key}: {json}")).iter().map(line).collect()
    }
}

pub(crate) const PROFILE: &str = "\n[profile.dev]\ndebug = 0\n";

pub(crate) fn manifest(name: &str) -> String {
    let facade = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize().unwrap();
    format!(
        "[package]\nname = \"{name}\"\nversion = \"0.0.0\"\nedition = \"2024\"\n\n[dependencies]\n\
         eventsource = {{ path = {facade:?} }}\nserde = {{ version = \"1\", features = [\"derive\"] }}\nserde_json = \"1\"\n"
    )
}
