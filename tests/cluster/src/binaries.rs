//! Finds the programs of PostgreSQL, pgbouncer and RabbitMQ where packages put them.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::Error;

/// Folders of versions: where they are, how the name of each begins. The programs are in `bin` below.
const VERSIONED: [(&str, &str); 4] = [
    ("/usr/lib/postgresql", ""),
    ("/opt/homebrew/opt", "postgresql"),
    ("/usr/local/opt", "postgresql"),
    ("/usr", "pgsql-"),
];
const NEEDED: [&str; 3] = ["postgres", "initdb", "pg_ctl"];
/// Debian has pgbouncer where the PATH of ordinary users does not lead.
const BESIDE_PATH: [&str; 4] = ["/usr/sbin", "/usr/local/sbin", "/opt/homebrew/bin", "/usr/local/bin"];

const NO_SERVER: &str = "\
no PostgreSQL server (postgres, initdb, pg_ctl) is on PATH or where packages put it; run scripts/test, or install it:
  Debian, Ubuntu   apt-get install postgresql
  Fedora, RHEL     dnf install postgresql-server
  macOS            brew install postgresql@17
tests that only need a database also take DATABASE_URL, a server of yours and a role that may create databases";
const NO_BOUNCER: &str = "\
no pgbouncer is on PATH or where packages put it; run scripts/test, or install it:
  apt-get install pgbouncer, dnf install pgbouncer, or brew install pgbouncer";
/// Before PATH: what Debian has there runs the server as a user of its own.
const RABBITS: [&str; 3] = ["/usr/lib/rabbitmq/bin", "/opt/homebrew/opt/rabbitmq/sbin", "/usr/local/opt/rabbitmq/sbin"];
const NO_RABBIT: &str = "\
no RabbitMQ (rabbitmq-server) is where packages put it or on PATH; run scripts/test, or install it:
  apt-get install rabbitmq-server, dnf install rabbitmq-server, or brew install rabbitmq";

/// The programs of one PostgreSQL.
#[derive(Debug)]
pub(crate) struct Binaries {
    folder: PathBuf,
    major: u32,
}

impl Binaries {
    /// The PostgreSQL on PATH, else the newest of the places of packages.
    pub(crate) fn find() -> Result<Binaries, Error> {
        let places = path().into_iter().map(followed).chain(VERSIONED.iter().flat_map(|(at, name)| versions(at, name)));
        let complete = |folder: &PathBuf| NEEDED.iter().all(|name| folder.join(name).is_file());
        let folder = places.into_iter().find(complete).ok_or_else(|| Error::new(NO_SERVER))?;
        let major = number(&version(&folder.join("postgres"))?, "(PostgreSQL)")?;
        Ok(Binaries { folder, major })
    }

    pub(crate) fn major(&self) -> u32 {
        self.major
    }

    /// Some packages have the clients (psql, pg_dump) elsewhere, on PATH.
    pub(crate) fn program(&self, name: &str) -> PathBuf {
        let here = self.folder.join(name);
        if here.is_file() { here } else { PathBuf::from(name) }
    }
}

/// pgbouncer, and the first two numbers of its version.
pub(crate) fn pgbouncer() -> Result<(PathBuf, (u32, u32)), Error> {
    let places = path().into_iter().chain(BESIDE_PATH.map(PathBuf::from));
    let found = places.map(|folder| folder.join("pgbouncer")).find(|program| program.is_file());
    let program = found.ok_or_else(|| Error::new(NO_BOUNCER))?;
    let said = version(&program)?;
    let major = number(&said, "PgBouncer")?;
    let minor = number(&said, &format!("PgBouncer {major}."))?;
    Ok((program, (major, minor)))
}

/// RabbitMQ's program.
pub(crate) fn rabbitmq() -> Result<PathBuf, Error> {
    let places = RABBITS.map(PathBuf::from).into_iter().chain(path());
    let found = places.map(|folder| folder.join("rabbitmq-server")).find(|program| program.is_file());
    found.ok_or_else(|| Error::new(NO_RABBIT))
}

fn path() -> Vec<PathBuf> {
    std::env::var_os("PATH").map(|path| std::env::split_paths(&path).collect()).unwrap_or_default()
}

/// Where the `postgres` of a folder really is, if it is a link: the other programs are there as well.
fn followed(folder: PathBuf) -> PathBuf {
    let real = folder.join("postgres").canonicalize().ok();
    real.and_then(|program| program.parent().map(Path::to_owned)).unwrap_or(folder)
}

/// The `bin` of each version in a folder, newest first.
fn versions(folder: &str, prefix: &str) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let mut found: Vec<(u32, PathBuf)> = entries
        .filter_map(|entry| {
            let name = entry.file_name().into_string().ok()?;
            let version = name.strip_prefix(prefix)?.trim_start_matches('@');
            // Homebrew's unversioned name is a link to one of the others.
            Some((version.split('.').next()?.parse().ok()?, entry.path().join("bin")))
        })
        .collect();
    found.sort_by_key(|(version, _)| std::cmp::Reverse(*version));
    found.into_iter().map(|(_, bin)| bin).collect()
}

fn version(program: &Path) -> Result<String, Error> {
    let asked = Command::new(program).arg("--version").output();
    let output = asked.map_err(Error::while_doing(format!("could not run {}", program.display())))?;
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// The number that follows a word.
fn number(said: &str, word: &str) -> Result<u32, Error> {
    let after = said.split_once(word).map(|(_, after)| after.trim_start()).unwrap_or_default();
    let digits = after.split(|c: char| !c.is_ascii_digit()).next().unwrap_or_default();
    digits.parse().map_err(|_| Error::new(format!("no version number in {said:?}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_out_of_what_programs_say() {
        assert_eq!(number("postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)", "(PostgreSQL)").unwrap(), 15);
        assert_eq!(number("postgres (PostgreSQL) 19devel", "(PostgreSQL)").unwrap(), 19);
        assert_eq!(number("PgBouncer 1.18.0\nlibevent 2.1.12", "PgBouncer 1.").unwrap(), 18);
        assert!(number("nothing", "PgBouncer").is_err());
    }
}
