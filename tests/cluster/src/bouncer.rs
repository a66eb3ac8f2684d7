//! pgbouncer in front of a cluster.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::time::{Duration, Instant};

use crate::cluster::ROLE;
use crate::directory::Directory;
use crate::guard::Guard;
use crate::settings::Settings;
use crate::{Cluster, Error, binaries, random};

const LOG: &str = "log";
const PORT_ATTEMPTS: usize = 5;
const PATIENCE: Duration = Duration::from_secs(20);
const LOOK_EVERY: Duration = Duration::from_millis(5);
/// What its log says of a start that went well, of a port that is taken, and of any start that failed.
const UP: &str = "process up";
const PORT_TAKEN: &str = "Address already in use";
const FAILED: &str = "FATAL";

const PREPARED: &str = "max_prepared_statements";
const PREPARED_SINCE: (u32, u32) = (1, 21);

/// As people run it, except that one user may have many databases.
const DEFAULTS: [(&str, &str); 9] = [
    ("listen_addr", "127.0.0.1"),
    ("unix_socket_dir", ""),
    ("auth_type", "scram-sha-256"),
    ("auth_file", "users"),
    ("pool_mode", "transaction"),
    ("default_pool_size", "20"),
    ("max_client_conn", "1000"),
    // sqlx asks for it at the start of each connection, and pgbouncer refuses what it does not know.
    ("ignore_startup_parameters", "extra_float_digits"),
    ("server_lifetime", "3600"),
];

/// `$1` is pgbouncer, `$2` the directory. It holds nothing that could be lost, and which of the other signals ends it
/// at once depends on its version.
const RUN: &str = r#"
cd "$2" || exit
"$1" pgbouncer.ini </dev/null >>log 2>&1 &
read -r _
kill -s KILL $!
wait
cd /
rm -rf "$2""#;

/// A pgbouncer in transaction mode: stopped, and its directory removed, when this value or the process ends.
#[derive(Debug)]
pub struct PgBouncer {
    // Dropped in this order: it stops before its directory goes.
    _guard: Guard,
    directory: Directory,
    port: u16,
    password: String,
}

/// What a [`PgBouncer`] shall be like.
#[derive(Debug, Clone)]
pub struct PgBouncerBuilder {
    settings: Settings,
}

impl PgBouncerBuilder {
    /// Sets a line of the section `[pgbouncer]`, such as `default_pool_size`.
    #[must_use]
    pub fn setting(mut self, name: &str, value: &str) -> PgBouncerBuilder {
        self.settings.set(name, value);
        self
    }

    /// Lets clients use that many named prepared statements; older ones than 1.21 do not start with it.
    #[must_use]
    pub fn max_prepared_statements(self, count: u32) -> PgBouncerBuilder {
        self.setting(PREPARED, &count.to_string())
    }

    /// Starts it in front of all databases of the cluster; blocks until it listens.
    pub fn start(self, cluster: &Cluster) -> Result<PgBouncer, Error> {
        let (program, version) = binaries::pgbouncer()?;
        if version < PREPARED_SINCE && self.settings.has(PREPARED) {
            return Err(Error::new(format!(
                "{PREPARED} needs pgbouncer {PREPARED_SINCE:?}, and this one is {version:?}"
            )));
        }
        for _ in 1..PORT_ATTEMPTS {
            match self.start_once(cluster, &program) {
                Err(error) if error.to_string().contains(PORT_TAKEN) => {}
                done => return done,
            }
        }
        self.start_once(cluster, &program)
    }

    fn start_once(&self, cluster: &Cluster, program: &Path) -> Result<PgBouncer, Error> {
        let directory = Directory::create(&std::env::temp_dir(), "eventsource-pgbouncer")?;
        let (port, password) = (random::free_port()?, cluster.password().to_owned());
        let server = cluster.address();
        let databases = format!("[databases]\n* = host={} port={}\n\n[pgbouncer]\n", server.ip(), server.port());
        let settings = self.settings.lines(|name, value| format!("{name} = {value}"));
        directory.write("users", &format!("\"{ROLE}\" \"{password}\"\n"))?;
        directory.write("pgbouncer.ini", &format!("{databases}{settings}listen_port = {port}\n"))?;
        let guard = Guard::start(&directory, RUN, &[program, directory.path()])?;
        let bouncer = PgBouncer { _guard: guard, directory, port, password };
        bouncer.wait_until_up().map(|()| bouncer)
    }
}

const LEFT_OUT: &str = "EVENTSOURCE_WITHOUT_PGBOUNCER";

impl PgBouncer {
    /// Begins with transaction mode and a pool of 20 connections for each database.
    pub fn builder() -> PgBouncerBuilder {
        PgBouncerBuilder { settings: Settings::new(&DEFAULTS) }
    }

    /// Whether tests shall do without: `EVENTSOURCE_WITHOUT_PGBOUNCER` is set, as `scripts/test` does where pgbouncer can
    /// neither be found nor installed. It says so on standard error, because what is not tested must be seen.
    pub fn is_left_out() -> bool {
        let left_out = std::env::var_os(LEFT_OUT).is_some();
        if left_out {
            let mut stderr = std::io::stderr();
            let _ = std::io::Write::write_fmt(&mut stderr, format_args!("skipped: {LEFT_OUT} is set\n"));
        }
        left_out
    }

    /// The first two numbers of the version of the pgbouncer that would be started.
    pub fn installed_version() -> Result<(u32, u32), Error> {
        binaries::pgbouncer().map(|(_, version)| version)
    }

    /// The URL of a database of the cluster, through this pgbouncer.
    pub fn url(&self, database: &str) -> String {
        format!("postgres://{ROLE}:{}@{}/{database}", self.password, self.address())
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.port).into()
    }

    /// All that it has logged so far.
    pub fn log(&self) -> String {
        self.directory.read(LOG)
    }

    /// Its log is asked and not its port: on that somebody else may listen.
    fn wait_until_up(&self) -> Result<(), Error> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let log = self.log();
            if log.contains(UP) {
                return Ok(());
            }
            if log.contains(FAILED) || Instant::now() > deadline {
                return Err(Error::new(format!("pgbouncer did not start; its log:\n{log}")));
            }
            std::thread::sleep(LOOK_EVERY);
        }
    }
}
