//! Processes that are killed while their servers run.

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use eventsource_test_cluster::{Cluster, PgBouncer};

/// Set for the child.
pub(crate) const CHILD: &str = "EVENTSOURCE_TEST_CLUSTER_CHILD";
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// Not a test by itself: what the child of the test below does, until it is killed.
#[test]
fn child_that_owns_servers_until_it_is_killed() {
    if std::env::var_os(CHILD).is_none() {
        return;
    }
    let cluster = Cluster::builder().start().unwrap();
    let bouncer = PgBouncer::builder().start(&cluster).unwrap();
    owns(cluster.directory(), &[cluster.address(), bouncer.address()]);
}

#[test]
fn a_killed_owner_leaves_neither_servers_nor_directories() {
    if PgBouncer::is_left_out() {
        return;
    }
    kill_owner("killed::child_that_owns_servers_until_it_is_killed");
}

/// Tells the parent, and waits to be killed.
pub(crate) fn owns(directory: &Path, addresses: &[SocketAddr]) {
    let addresses: Vec<String> = addresses.iter().map(ToString::to_string).collect();
    let said = format!("owns {} {}\n", directory.display(), addresses.join(" "));
    std::io::stderr().write_all(said.as_bytes()).unwrap();
    thread::sleep(PATIENCE);
}

/// Kills a child that owns servers, and sees that they are gone.
pub(crate) fn kill_owner(child: &str) {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", child, "--nocapture"])
        .env(CHILD, "1")
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines().map(|line| line.unwrap());
    let said = lines.find(|line| line.starts_with("owns ")).expect("the child said nothing");
    let [_, directory, addresses @ ..] = &said.split(' ').collect::<Vec<_>>()[..] else { panic!("{said}") };
    for address in addresses {
        TcpStream::connect(address).unwrap();
    }
    child.kill().unwrap();
    child.wait().unwrap();
    // Nobody holds what the child printed to: a reader of it would wait for them.
    assert_eq!(lines.count(), 0);
    eventually("the directory is gone", || !Path::new(directory).exists());
    for address in addresses {
        eventually(&format!("the server at {address} is gone"), || TcpStream::connect(address).is_err());
    }
}

pub(crate) fn eventually(what: &str, holds: impl Fn() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !holds() {
        assert!(Instant::now() < deadline, "{what}: not within {PATIENCE:?}");
        thread::sleep(Duration::from_millis(10));
    }
}
