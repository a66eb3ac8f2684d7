//! A throw-away directory, and programs that run in it.

use std::fs::{self, DirBuilder, OpenOptions};
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::{Error, random};

/// PostgreSQL and pgbouncer refuse to run as root, so they run as one of these then.
const INSTEAD_OF_ROOT: [&str; 2] = ["postgres", "nobody"];
const ROOT: u32 = 0;
const PASSABLE_BY_OTHERS: u32 = 0o001;

/// Belongs to the user under whom the servers run, and nobody else may look into it.
#[derive(Debug)]
pub(crate) struct Directory {
    path: PathBuf,
    /// Where it is not the user of this process.
    account: Option<Account>,
}

#[derive(Debug, Clone, Copy)]
struct Account {
    uid: u32,
    gid: u32,
}

impl Directory {
    pub(crate) fn create(parent: &Path, prefix: &str) -> Result<Directory, Error> {
        let path = parent.join(format!("{prefix}-{}", random::hex()));
        let failed = || Error::while_doing::<std::io::Error>(format!("could not create {}", path.display()));
        DirBuilder::new().mode(0o700).create(&path).map_err(failed())?;
        // What this process makes belongs to its user: no system call beyond std is needed to ask who that is.
        let is_root = fs::metadata(&path).map_err(failed())?.uid() == ROOT;
        let mut directory = Directory { path: path.clone(), account: None };
        if is_root {
            let account = Account::instead_of_root()?;
            if !can_be_reached(parent) {
                let reason = "root's servers run as another user, who must be able to reach it: see TMPDIR";
                return Err(Error::new(format!("{} is closed to other users; {reason}", parent.display())));
            }
            chown(&path, Some(account.uid), Some(account.gid)).map_err(failed())?;
            directory.account = Some(account);
        }
        Ok(directory)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Writes a file that only the servers' user may read.
    pub(crate) fn write(&self, name: &str, text: &str) -> Result<PathBuf, Error> {
        let path = self.path.join(name);
        let written = OpenOptions::new().create(true).append(true).mode(0o600).open(&path).and_then(|mut file| {
            if let Some(account) = self.account {
                chown(&path, Some(account.uid), Some(account.gid))?;
            }
            file.write_all(text.as_bytes())
        });
        written.map_err(Error::while_doing(format!("could not write {}", path.display())))?;
        Ok(path)
    }

    /// The text of a file; none if there is no such file.
    pub(crate) fn read(&self, name: &str) -> String {
        fs::read(self.path.join(name)).map(|text| String::from_utf8_lossy(&text).into_owned()).unwrap_or_default()
    }

    /// A program that runs here, as the servers' user, and sees none of the caller's settings for PostgreSQL.
    pub(crate) fn command(&self, program: impl AsRef<Path>) -> Command {
        let mut command = Command::new(program.as_ref());
        command.current_dir(&self.path).stdin(Stdio::null()).env("LC_ALL", "C");
        for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("PG")) {
            command.env_remove(name);
        }
        if let Some(account) = self.account {
            // std gives up root's other groups with it.
            command.uid(account.uid).gid(account.gid);
        }
        command
    }
}

impl Drop for Directory {
    /// The guard has removed it already, unless only this process may write to the parent.
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.path);
    }
}

impl Account {
    fn instead_of_root() -> Result<Account, Error> {
        let accounts = INSTEAD_OF_ROOT.iter().filter_map(|name| Account::named(name));
        let missing = || Error::new(format!("servers refuse to run as root, and there is no user {INSTEAD_OF_ROOT:?}"));
        accounts.into_iter().next().ok_or_else(missing)
    }

    fn named(name: &str) -> Option<Account> {
        Some(Account { uid: id("-u", name)?, gid: id("-g", name)? })
    }
}

/// Whether all others may pass through all of a path.
fn can_be_reached(path: &Path) -> bool {
    let open = |folder: &Path| fs::metadata(folder).is_ok_and(|folder| folder.mode() & PASSABLE_BY_OTHERS != 0);
    path.canonicalize().is_ok_and(|path| path.ancestors().all(open))
}

fn id(which: &str, user: &str) -> Option<u32> {
    let output = Command::new("id").args([which, user]).output().ok()?;
    String::from_utf8(output.stdout).ok()?.trim().parse().ok()
}

/// Runs a program to its end; what it said becomes the error's text if it fails.
pub(crate) fn run(command: &mut Command) -> Result<(), Error> {
    let name = command.get_program().to_string_lossy().into_owned();
    let output = command.output().map_err(Error::while_doing(format!("could not run {name}")))?;
    if output.status.success() {
        return Ok(());
    }
    let said = [output.stderr, output.stdout].map(|text| String::from_utf8_lossy(&text).trim().to_owned()).join("\n");
    Err(Error::new(format!("{name} failed with {}:\n{said}", output.status)))
}
