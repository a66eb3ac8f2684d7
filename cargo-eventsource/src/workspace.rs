//! The packages that are meant, as cargo understands it.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde::Deserialize;

use crate::arguments::Selection;
use crate::failure::Failure;

/// What cargo says of a workspace, as far as it is needed here.
#[derive(Debug, Deserialize)]
pub(crate) struct Workspace {
    #[serde(rename = "workspace_root")]
    pub(crate) root: PathBuf,
    target_directory: PathBuf,
    pub(crate) packages: Vec<Package>,
    workspace_default_members: Vec<String>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Package {
    pub(crate) id: String,
    pub(crate) name: String,
    manifest_path: PathBuf,
    pub(crate) targets: Vec<Target>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Target {
    pub(crate) kind: Vec<String>,
    pub(crate) name: String,
    pub(crate) src_path: PathBuf,
}

impl Workspace {
    /// The workspace with the chosen packages alone.
    pub(crate) fn find(selection: &Selection) -> Result<Self, Failure> {
        let mut metadata = cargo(selection, "metadata");
        metadata.args(["--format-version=1", "--no-deps"]).args(selection.offline.then_some("--offline"));
        let mut workspace: Self = serde_json::from_str(&run(metadata)?)
            .map_err(|error| Failure::Input(format!("the answer of `cargo metadata` is not understood: {error}")))?;
        let mut locate = cargo(selection, "locate-project");
        let here = PathBuf::from(run(locate.arg("--message-format=plain"))?.trim_end());

        let names: Vec<_> = workspace.packages.iter().map(|package| package.name.clone()).collect();
        if let Some(unknown) = selection.package.iter().find(|name| !names.contains(name)) {
            return Err(Failure::Input(format!("there is no package `{unknown}` here, but {}", names.join(", "))));
        }
        let is_root = here == workspace.root.join("Cargo.toml");
        workspace.packages.retain(|package| match selection {
            Selection { workspace: true, .. } => true,
            Selection { package: names, .. } if !names.is_empty() => names.contains(&package.name),
            _ if is_root => workspace.workspace_default_members.contains(&package.id),
            _ => package.manifest_path == here,
        });
        Ok(workspace)
    }

    /// A path as it is shown: from the root of the workspace.
    pub(crate) fn shown(&self, path: &Path) -> String {
        path.strip_prefix(&self.root).unwrap_or(path).display().to_string()
    }

    /// A folder of this tool's own among what cargo builds.
    pub(crate) fn scratch(&self) -> PathBuf {
        self.target_directory.join("eventsource")
    }

    /// A folder for reports, always the same one for this workspace, because cargo compiles again what was told of another.
    /// That is what keeps two checkouts apart that share what they build: cargo takes the packages of one for the other's.
    pub(crate) fn reports(&self) -> PathBuf {
        let mut hasher = DefaultHasher::new();
        self.root.hash(&mut hasher);
        self.scratch().join(format!("reports-{:016x}", hasher.finish()))
    }
}

impl Package {
    pub(crate) fn folder(&self) -> &Path {
        self.manifest_path.parent().unwrap_or(&self.manifest_path)
    }
}

impl Target {
    pub(crate) fn is(&self, kind: &str) -> bool {
        self.kind.iter().any(|each| each == kind)
    }

    /// A library of any kind, as `--lib` means it.
    pub(crate) fn is_library(&self) -> bool {
        self.kind.iter().any(|kind| kind.ends_with("lib") || kind == "proc-macro")
    }

    /// The lock that it may have for itself.
    pub(crate) fn own_lock(&self) -> String {
        format!("events.{}.lock", self.name.replace('-', "_"))
    }
}

/// A command of the cargo that called this program.
pub(crate) fn cargo(selection: &Selection, command: &str) -> Command {
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.arg(command);
    if let Some(path) = &selection.manifest_path {
        cargo.arg("--manifest-path").arg(path);
    }
    cargo
}

/// Runs cargo for what it answers; what it complains of goes to stderr.
fn run(mut command: impl std::borrow::BorrowMut<Command>) -> Result<String, Failure> {
    let tell = |error: String| Failure::Cargo(format!("cargo cannot be run: {error}"));
    let output = command.borrow_mut().stderr(Stdio::inherit()).output().map_err(|error| tell(error.to_string()))?;
    if !output.status.success() {
        return Err(Failure::Cargo("cargo finds no workspace here".to_owned()));
    }
    String::from_utf8(output.stdout).map_err(|error| tell(error.to_string()))
}
