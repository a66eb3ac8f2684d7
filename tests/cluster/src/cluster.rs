//! A private PostgreSQL that lives no longer than this process.

use std::fs::File;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use crate::binaries::Binaries;
use crate::directory::{Directory, run};
use crate::guard::Guard;
use crate::settings::Settings;
use crate::{Error, random};

pub(crate) const ROLE: &str = "postgres";
const ADMIN_DATABASE: &str = "postgres";
const LOG: &str = "log";
const DATA: &str = "data";
/// Between the look for a free port and its use, somebody else may take it.
const PORT_ATTEMPTS: usize = 5;
const PORT_TAKEN: &str = "could not create any TCP/IP sockets";
const PATIENCE_SECONDS: &str = "60";

/// For many parallel tests on a small machine. fsync stays on: what it costs is a part of what is measured.
const DEFAULTS: [(&str, &str); 6] = [
    ("max_connections", "300"),
    ("shared_buffers", "128MB"),
    ("max_prepared_transactions", "10"),
    ("listen_addresses", "127.0.0.1"),
    // The path of a socket may have 107 bytes only, and temporary directories can be deeper than that.
    ("unix_socket_directories", ""),
    ("log_line_prefix", "%m [%p] %d "),
];

/// `$1` is pg_ctl, `$2` the data, `$3` the directory. In turns, because initdb or pg_ctl may still be at work.
const WATCH: &str = r#"
read -r _
for turn in 1 2 3 4 5; do
    "$1" stop -D "$2" -m immediate -t 30
    rm -rf "$3" && break
    sleep 0.2
done"#;

/// A throw-away PostgreSQL server: stopped, and its directory removed, when this value or the process ends.
#[derive(Debug)]
pub struct Cluster {
    // Dropped in this order: the server stops before its directory goes.
    _guard: Guard,
    directory: Directory,
    binaries: Binaries,
    port: u16,
    password: String,
}

/// What a [`Cluster`] shall be like.
#[derive(Debug, Clone)]
pub struct ClusterBuilder {
    settings: Settings,
    parent: PathBuf,
}

impl ClusterBuilder {
    /// Sets a line of postgresql.conf.
    #[must_use]
    pub fn setting(mut self, name: &str, value: &str) -> ClusterBuilder {
        self.settings.set(name, value);
        self
    }

    /// Says below which directory the cluster's own is made: the temporary one by default, `/dev/shm` for memory.
    ///
    /// If the caller is root, the servers' unprivileged user must be able to reach it.
    #[must_use]
    pub fn parent_dir(mut self, parent: impl Into<PathBuf>) -> ClusterBuilder {
        self.parent = parent.into();
        self
    }

    /// Makes and starts the cluster; blocks for about a second.
    pub fn start(self) -> Result<Cluster, Error> {
        let binaries = Binaries::find()?;
        let directory = Directory::create(&self.parent, "eventsource-postgres")?;
        let (data, pg_ctl) = (directory.path().join(DATA), binaries.program("pg_ctl"));
        // From here on nothing is left behind, whenever this process is killed.
        let guard = Guard::start(&directory, WATCH, &[pg_ctl.as_path(), &data, directory.path()])?;
        let password = random::hex() + &random::hex();
        let password_file = directory.write("password", &password)?;
        run(directory
            .command(binaries.program("initdb"))
            .args(["--locale=C", "--encoding=UTF8", "--auth=password", "--username", ROLE, "--pwfile"])
            .arg(&password_file)
            .arg("--pgdata")
            .arg(&data))?;
        let quoted = |name: &str, value: &str| format!("{name} = '{}'", value.replace('\'', "''"));
        directory.write("data/postgresql.conf", &self.settings.lines(quoted))?;
        let mut cluster = Cluster { _guard: guard, directory, binaries, port: random::free_port()?, password };
        let mut started = cluster.start();
        for _ in 1..PORT_ATTEMPTS {
            if started.is_ok() || !cluster.log().contains(PORT_TAKEN) {
                break;
            }
            cluster.port = random::free_port()?;
            started = cluster.start();
        }
        started.map(|()| cluster)
    }
}

impl Cluster {
    /// Begins with the settings for a test suite of many parallel tests.
    pub fn builder() -> ClusterBuilder {
        ClusterBuilder { settings: Settings::new(&DEFAULTS), parent: std::env::temp_dir() }
    }

    /// The one cluster that all tests of this process share, started by whoever asks first; blocks until it runs.
    pub fn shared() -> Result<&'static Cluster, Error> {
        // Statics are not dropped: its guard sees the end of the process.
        static SHARED: OnceLock<Result<Cluster, Error>> = OnceLock::new();
        SHARED.get_or_init(|| Cluster::builder().start()).as_ref().map_err(Error::clone)
    }

    /// The URL of a database of this cluster, with the superuser's name and password.
    pub fn url(&self, database: &str) -> String {
        format!("postgres://{ROLE}:{}@{}/{database}", self.password, self.address())
    }

    /// The URL of the database that every cluster has, for creating others.
    pub fn admin_url(&self) -> String {
        self.url(ADMIN_DATABASE)
    }

    /// Where the server listens.
    pub fn address(&self) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.port).into()
    }

    /// The port of 127.0.0.1 on which the server listens.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The directory that holds all of this cluster.
    pub fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// All that the server has logged so far.
    pub fn log(&self) -> String {
        self.directory.read(LOG)
    }

    /// The first number of the server's version.
    pub fn server_major(&self) -> u32 {
        self.binaries.major()
    }

    /// Starts the server again after a stop, with the same port and data; blocks until it answers.
    pub fn start(&self) -> Result<(), Error> {
        let log = self.directory.path().join(LOG);
        let mut command = self.pg_ctl("start");
        command.arg("-l").arg(log).arg("-o").arg(format!("-p {}", self.port));
        run(&mut command).map_err(|error| Error::new(format!("{error}\nits log:\n{}", self.log())))
    }

    /// Stops the server as a crash would: what was not committed is lost, and the next start recovers.
    pub fn stop_immediate(&self) -> Result<(), Error> {
        run(self.pg_ctl("stop").args(["-m", "immediate"]))
    }

    /// Stops the server in an orderly way, without waiting for its clients.
    pub fn stop_fast(&self) -> Result<(), Error> {
        run(self.pg_ctl("stop").args(["-m", "fast"]))
    }

    /// Stops the server in an orderly way and starts it again.
    pub fn restart(&self) -> Result<(), Error> {
        self.stop_fast()?;
        self.start()
    }

    /// Dumps a database with pg_dump, in the plain format, into a file that lives as long as this cluster.
    pub fn dump(&self, database: &str) -> Result<PathBuf, Error> {
        let path = self.directory.write(&format!("dump-{}.sql", random::hex()), "")?;
        run(self.client("pg_dump", database).arg("--file").arg(&path))?;
        Ok(path)
    }

    /// Plays a dump into a database with psql, and creates that database if there is none of this name.
    pub fn restore(&self, database: &str, file: &Path) -> Result<(), Error> {
        let create = format!(
            "SELECT 'CREATE DATABASE \"{database}\" TEMPLATE template0' \
             WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = '{database}') \\gexec\n"
        );
        let create = self.directory.write(&format!("create-{}.sql", random::hex()), &create)?;
        run(&mut self.psql(ADMIN_DATABASE, &create)?)?;
        run(&mut self.psql(database, file)?)
    }

    pub(crate) fn password(&self) -> &str {
        &self.password
    }

    fn pg_ctl(&self, verb: &str) -> Command {
        let mut command = self.directory.command(self.binaries.program("pg_ctl"));
        command.args([verb, "-w", "-t", PATIENCE_SECONDS, "-D"]).arg(self.directory.path().join(DATA));
        command
    }

    /// The file is opened here, because psql's user may not be able to.
    fn psql(&self, database: &str, file: &Path) -> Result<Command, Error> {
        let opened = File::open(file).map_err(Error::while_doing(format!("could not open {}", file.display())))?;
        let mut command = self.client("psql", database);
        command
            .args(["--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1", "--output=/dev/null", "--file=-"])
            .stdin(opened);
        Ok(command)
    }

    fn client(&self, program: &str, database: &str) -> Command {
        let mut command = self.directory.command(self.binaries.program(program));
        command.env("PGPASSWORD", &self.password).args(["-h", "127.0.0.1", "-U", ROLE, "-p"]);
        command.arg(self.port.to_string()).arg("--dbname").arg(database);
        command
    }
}
