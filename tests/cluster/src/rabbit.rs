//! A private RabbitMQ that lives no longer than this process.

use std::fs::File;
use std::net::{Ipv4Addr, SocketAddr};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use crate::directory::{Directory, run};
use crate::guard::Guard;
use crate::{Error, binaries, random};

const USER: &str = "tests";
const LOG: &str = "log";
/// What the server says before it can log.
const SAID: &str = "said";
const STARTED: &str = "Server startup complete";
/// Between the look for a free port and its use, somebody else may take it.
const ATTEMPTS: usize = 3;
const PORT_TAKEN: &str = "eaddrinuse";
/// It starts in three seconds on an idle machine.
const PATIENCE: Duration = Duration::from_secs(120);
const LOOK_EVERY: Duration = Duration::from_millis(20);
const OWN_GROUP: i32 = 0;

/// `$1` is the directory, `$2` the port of epmd, in which Erlang notes the names of its nodes: nothing is shared with other
/// servers of the machine. In turns, because the server may still be starting.
const WATCH: &str = r#"
cd "$1" || exit
epmd -port "$2" -address 127.0.0.1 </dev/null >/dev/null 2>&1 &
epmd=$!
read -r _
cd /
for turn in 1 2 3 4 5; do
    [ -e "$1/group" ] && kill -s KILL -- "-$(cat "$1/group")"
    rm -rf "$1" && break
    sleep 0.2
done
kill -s KILL "$epmd"
wait"#;

/// The group is noted before there is a server, by whoever becomes it; if its directory is gone already, it ends there.
const BECOME: &str = r#"echo $$ >group && exec "$1""#;

/// `$1` is the group.
const KILL: &str = r#"kill -s KILL -- "-$1""#;

/// A throw-away RabbitMQ server: killed, and its directory removed, when this value or the process ends.
#[derive(Debug)]
pub struct RabbitMq {
    // Dropped in this order: the server ends before its directory goes.
    _guard: Guard,
    server: Mutex<Option<Child>>,
    directory: Directory,
    program: PathBuf,
    ports: Ports,
    password: String,
}

#[derive(Debug, Clone, Copy)]
struct Ports {
    amqp: u16,
    epmd: u16,
    nodes: u16,
}

impl RabbitMq {
    /// The one server that all tests of this process share, started by whoever asks first; blocks until it runs.
    pub fn shared() -> Result<&'static RabbitMq, Error> {
        // Statics are not dropped: its guard sees the end of the process.
        static SHARED: OnceLock<Result<RabbitMq, Error>> = OnceLock::new();
        SHARED.get_or_init(RabbitMq::new).as_ref().map_err(Error::clone)
    }

    /// Makes and starts one; blocks for some seconds.
    pub fn new() -> Result<RabbitMq, Error> {
        for _ in 1..ATTEMPTS {
            match RabbitMq::new_once() {
                Err(error) if error.to_string().contains(PORT_TAKEN) => {}
                done => return done,
            }
        }
        RabbitMq::new_once()
    }

    fn new_once() -> Result<RabbitMq, Error> {
        let program = binaries::rabbitmq()?;
        let directory = Directory::create(&std::env::temp_dir(), "eventsource-rabbitmq")?;
        let ports = Ports { amqp: random::free_port()?, epmd: random::free_port()?, nodes: random::free_port()? };
        let password = random::hex() + &random::hex();
        directory.write("enabled_plugins", "[].\n")?;
        directory.write("advanced.config", "[].\n")?;
        directory.write("environment", "")?;
        directory.write(LOG, "")?;
        directory.write(
            "rabbitmq.conf",
            &format!(
                "listeners.tcp.1 = 127.0.0.1:{}\ndefault_user = {USER}\ndefault_pass = {password}\n\
                 disk_free_limit.absolute = 1MB\nlog.file.level = info\n",
                ports.amqp
            ),
        )?;
        // From here on nothing is left behind, whenever this process is killed.
        let arguments = [directory.path().display().to_string(), ports.epmd.to_string()];
        let guard = Guard::start(&directory, WATCH, &arguments)?;
        let rabbit = RabbitMq { _guard: guard, server: Mutex::default(), directory, program, ports, password };
        rabbit.start().map(|()| rabbit)
    }

    /// The URL of its virtual host `/`, with name and password of its administrator.
    pub fn url(&self) -> String {
        self.url_at(self.address())
    }

    /// The same, reached at another address.
    pub fn url_at(&self, address: SocketAddr) -> String {
        format!("amqp://{USER}:{}@{address}/%2f", self.password)
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.ports.amqp).into()
    }

    /// Where all that belongs to it listens, the server itself first.
    pub fn addresses(&self) -> [SocketAddr; 3] {
        let Ports { amqp, epmd, nodes } = self.ports;
        [amqp, epmd, nodes].map(|port| (Ipv4Addr::LOCALHOST, port).into())
    }

    /// The directory that holds all of this server.
    pub fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// All that it has logged so far.
    pub fn log(&self) -> String {
        self.directory.read(LOG)
    }

    /// Starts it again after it was killed, with the same port and data; blocks until it answers.
    pub fn start(&self) -> Result<(), Error> {
        let mut server = self.server();
        let starts = self.starts();
        let mut process = self.command()?.spawn().map_err(Error::while_doing("could not run /bin/sh"))?;
        let deadline = Instant::now() + PATIENCE;
        let failed = loop {
            if self.starts() > starts {
                *server = Some(process);
                return Ok(());
            }
            match process.try_wait() {
                Ok(None) if Instant::now() > deadline => break format!("not within {PATIENCE:?}"),
                Ok(None) => std::thread::sleep(LOOK_EVERY),
                Ok(Some(status)) => break status.to_string(),
                Err(error) => break error.to_string(),
            }
        };
        *server = Some(process);
        drop(server);
        let _ = self.kill();
        let (said, log) = (self.directory.read(SAID), self.log());
        Err(Error::new(format!("RabbitMQ did not start: {failed}\nit said:\n{said}\nits log:\n{log}")))
    }

    /// Kills it (SIGKILL), with all of its processes: what it has not written is lost.
    pub fn kill(&self) -> Result<(), Error> {
        let Some(mut process) = self.server().take() else { return Ok(()) };
        let killed = run(self.directory.command("/bin/sh").args(["-c", KILL, "kill", &process.id().to_string()]));
        // Its own process is the first of the group; it may have ended before, and taken the others with it.
        let _ = process.wait();
        killed
    }

    fn server(&self) -> MutexGuard<'_, Option<Child>> {
        self.server.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How often it has said that it has started.
    fn starts(&self) -> usize {
        self.log().matches(STARTED).count()
    }

    /// It sees no setting of the caller, and none of the machine.
    fn command(&self) -> Result<Command, Error> {
        let at = |name: &str| self.directory.path().join(name);
        let said = self.directory.write(SAID, "")?;
        let said = File::options().append(true).open(said).map_err(Error::while_doing("could not open a file"))?;
        let copy = said.try_clone().map_err(Error::while_doing("could not open a file"))?;
        let mut command = self.directory.command("/bin/sh");
        command.args(["-c", BECOME, "rabbitmq"]).arg(&self.program).process_group(OWN_GROUP).stdout(said).stderr(copy);
        command.stdin(Stdio::null()).env_clear().env("LC_ALL", "C.UTF-8").env("HOME", self.directory.path());
        if let Some(path) = std::env::var_os("PATH") {
            command.env("PATH", path);
        }
        command
            .env("ERL_EPMD_ADDRESS", "127.0.0.1")
            .env("ERL_EPMD_PORT", self.ports.epmd.to_string())
            .env("RABBITMQ_DIST_PORT", self.ports.nodes.to_string())
            .env("RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS", "-kernel inet_dist_use_interface {127,0,0,1}")
            .env("RABBITMQ_NODENAME", format!("eventsource{}@localhost", self.ports.amqp))
            .env("RABBITMQ_CONF_ENV_FILE", at("environment"))
            .env("RABBITMQ_CONFIG_FILE", at("rabbitmq.conf"))
            .env("RABBITMQ_ADVANCED_CONFIG_FILE", at("advanced.config"))
            .env("RABBITMQ_ENABLED_PLUGINS_FILE", at("enabled_plugins"))
            .env("RABBITMQ_GENERATED_CONFIG_DIR", at("generated"))
            .env("RABBITMQ_MNESIA_BASE", at("data"))
            .env("RABBITMQ_LOG_BASE", at("logs"))
            .env("RABBITMQ_LOGS", at(LOG));
        Ok(command)
    }
}
