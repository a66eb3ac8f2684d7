//! Processes that are killed while their servers run.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use eventsource_test_cluster::{Cluster, PgBouncer};

/// Set for the child.
const CHILD: &str = "EVENTSOURCE_TEST_CLUSTER_CHILD";
const PATIENCE: Duration = Duration::from_secs(60);

/// Not a test by itself: what the child of the test below does, until it is killed.
#[test]
fn child_that_owns_servers_until_it_is_killed() {
    if std::env::var_os(CHILD).is_none() {
        return;
    }
    let cluster = Cluster::builder().start().unwrap();
    let bouncer = PgBouncer::builder().start(&cluster).unwrap();
    let said = format!("owns {} {} {}\n", cluster.directory().display(), cluster.address(), bouncer.address());
    std::io::stderr().write_all(said.as_bytes()).unwrap();
    thread::sleep(PATIENCE);
}

#[test]
fn a_killed_owner_leaves_neither_servers_nor_directories() {
    if PgBouncer::is_left_out() {
        return;
    }
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "killed::child_that_owns_servers_until_it_is_killed", "--nocapture"])
        .env(CHILD, "1")
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines().map(|line| line.unwrap());
    let said = lines.find(|line| line.starts_with("owns ")).expect("the child said nothing");
    let [_, directory, cluster, bouncer] = said.split(' ').collect::<Vec<_>>()[..] else { panic!("{said}") };
    TcpStream::connect(cluster).unwrap();
    TcpStream::connect(bouncer).unwrap();
    child.kill().unwrap();
    child.wait().unwrap();
    // Nobody holds what the child printed to: a reader of it would wait for them.
    assert_eq!(lines.count(), 0);
    eventually("the directory is gone", || !Path::new(directory).exists());
    eventually("the server is gone", || TcpStream::connect(cluster).is_err());
    eventually("pgbouncer is gone", || TcpStream::connect(bouncer).is_err());
}

fn eventually(what: &str, holds: impl Fn() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !holds() {
        assert!(Instant::now() < deadline, "{what}: not within {PATIENCE:?}");
        thread::sleep(Duration::from_millis(10));
    }
}
