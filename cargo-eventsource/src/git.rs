//! What git has at a revision. A revision that cannot be read is an error, never an empty one.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use crate::failure::Failure;

/// As many files are named to git at once.
const ARGUMENTS: usize = 200;

/// A commit that is known to be there.
#[derive(Debug)]
pub(crate) struct Revision {
    /// As it was named.
    pub(crate) name: String,
    commit: String,
    /// The folder of the whole repository.
    top: String,
}

impl Revision {
    /// Finds a revision in the repository of a folder.
    pub(crate) fn find(folder: &Path, name: &str) -> Result<Self, Failure> {
        let top = git(folder, &["rev-parse", "--show-toplevel"])
            .map_err(|error| Failure::Input(format!("`{name}` cannot be read from git: {error}")))?;
        let commit = git(folder, &["rev-parse", "--verify", "--end-of-options", &format!("{name}^{{commit}}")]);
        let commit = commit.map_err(|error| {
            Failure::Input(format!(
                "git does not know `{name}`, so nobody knows what is released: {error}\n\
                 name another revision, fetch it (a shallow clone has no other branches), \
                 or for `origin/HEAD`: git remote set-head origin --auto"
            ))
        })?;
        Ok(Self { name: name.to_owned(), commit: commit.trim().to_owned(), top: top.trim_end().to_owned() })
    }

    /// The paths of all locks, from the top of the repository.
    pub(crate) fn locks(&self) -> Result<Vec<String>, Failure> {
        let is_lock = |path: &String| {
            let name = path.rsplit('/').next().unwrap_or_default();
            name.starts_with("events.") && name.ends_with(".lock") || name == "events.lock"
        };
        Ok(self.files()?.into_keys().filter(is_lock).collect())
    }

    /// What is recorded beside the lock of this path, each with what git calls its content.
    pub(crate) fn golden(&self, lock: &str) -> Result<BTreeMap<String, String>, Failure> {
        let folder = golden_folder(lock);
        let within = |(path, content): (String, String)| Some((path.strip_prefix(&folder)?.to_owned(), content));
        Ok(self.files()?.into_iter().filter_map(within).collect())
    }

    /// Every file, from the top of the repository, and what git calls its content.
    fn files(&self) -> Result<BTreeMap<String, String>, Failure> {
        let top = Path::new(&self.top);
        let files = git(top, &["ls-tree", "-r", "-z", "--full-tree", &self.commit]);
        let files = files.map_err(|error| Failure::Input(format!("`{}`: {error}", self.name)))?;
        let file = |line: &str| {
            let (about, path) = line.split_once('\t')?;
            Some((path.to_owned(), about.rsplit(' ').next()?.to_owned()))
        };
        Ok(files.split('\0').filter_map(file).collect())
    }

    /// What of these is recorded here beside the lock of this path, each with what git would call its content.
    pub(crate) fn golden_here(&self, lock: &Path, files: &[String]) -> Result<BTreeMap<String, String>, Failure> {
        let folder = golden_folder(&self.path(lock).unwrap_or_else(|| lock.to_string_lossy().into_owned()));
        let here: Vec<_> = files.iter().filter(|file| self.is_here(&format!("{folder}{file}"))).collect();
        let mut contents = BTreeMap::new();
        for some in here.chunks(ARGUMENTS) {
            let paths: Vec<_> = some.iter().map(|file| format!("{folder}{file}")).collect();
            let arguments: Vec<_> = ["hash-object", "--"].into_iter().chain(paths.iter().map(String::as_str)).collect();
            let said = git(Path::new(&self.top), &arguments).map_err(Failure::Input)?;
            contents.extend(some.iter().map(|file| (*file).clone()).zip(said.lines().map(str::to_owned)));
        }
        Ok(contents)
    }

    /// A file by its path from the top of the repository.
    pub(crate) fn read(&self, path: &str) -> Result<String, Failure> {
        let top = Path::new(&self.top);
        git(top, &["cat-file", "blob", &format!("{}:{path}", self.commit)])
            .map_err(|error| Failure::Input(format!("`{path}` at `{}`: {error}", self.name)))
    }

    /// A path of the work tree, from the top of the repository.
    pub(crate) fn path(&self, path: &Path) -> Option<String> {
        let top = std::fs::canonicalize(&self.top).ok()?;
        let folder = std::fs::canonicalize(path.parent()?).ok()?;
        let path = folder.strip_prefix(top).ok()?.join(path.file_name()?);
        Some(path.to_str()?.replace('\\', "/"))
    }

    /// Where a path from the top stands in the work tree.
    pub(crate) fn is_here(&self, path: &str) -> bool {
        Path::new(&self.top).join(path).is_file()
    }
}

/// Where payloads are recorded, as seen from where the lock's path begins.
fn golden_folder(lock: &str) -> String {
    format!("{}/golden/", lock.strip_suffix(".lock").unwrap_or(lock))
}

fn git(folder: &Path, arguments: &[&str]) -> Result<String, String> {
    let output = Command::new("git").arg("-C").arg(folder).args(arguments).output();
    let output = output.map_err(|error| format!("git cannot be run: {error}"))?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).trim_end().to_owned());
    }
    String::from_utf8(output.stdout).map_err(|error| error.to_string())
}
