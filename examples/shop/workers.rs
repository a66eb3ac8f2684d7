//! Those who work, killed and started again: as processes, or as tasks of this one if they need the broker that is in it.

use std::collections::BTreeMap;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use eventsource::BoxError;
use tokio::task::JoinHandle;
use uuid::Uuid;

use super::broker::{Broker, URL};
use super::site::{Role, Site, work};
use super::store::Store;

/// From one kill to the next, in milliseconds, at most.
const PAUSE: u64 = 300;

pub(crate) struct Workers {
    site: Site,
    at_work: BTreeMap<Role, Worker>,
    killed: BTreeMap<Role, u32>,
}

struct Worker {
    running: Running,
    since: Instant,
}

enum Running {
    Process(Child),
    Task(JoinHandle<Result<(), BoxError>>),
}

impl Workers {
    pub(crate) fn new(site: Site) -> Self {
        Self { site, at_work: BTreeMap::new(), killed: BTreeMap::new() }
    }

    pub(crate) fn start(&mut self, role: Role) -> Result<(), BoxError> {
        let running = match (role, &self.site.broker) {
            (Role::Relay | Role::Billing | Role::Mail, Broker::Memory { .. }) => {
                Running::Task(tokio::spawn(work(role, self.site.clone())))
            }
            _ => Running::Process(spawn(role, &self.site)?),
        };
        self.at_work.insert(role, Worker { running, since: Instant::now() });
        Ok(())
    }

    /// Kills so many, whoever it hits, wherever they are in their work, and starts them again.
    pub(crate) async fn kill(&mut self, times: u32) -> Result<(), BoxError> {
        for _ in 0..times {
            tokio::time::sleep(Duration::from_millis(roll(PAUSE))).await;
            self.check().await?;
            let begun = self.at_work.iter().filter(|(role, worker)| worker.since.elapsed() >= role.begins_within());
            let begun: Vec<Role> = begun.map(|(role, _)| *role).collect();
            // Services always have.
            let role = begun[roll(begun.len() as u64) as usize];
            if let Some(worker) = self.at_work.remove(&role) {
                worker.running.kill().await;
            }
            self.start(role)?;
            *self.killed.entry(role).or_default() += 1;
        }
        Ok(())
    }

    /// Fails if somebody has ended without being killed.
    pub(crate) async fn check(&mut self) -> Result<(), BoxError> {
        for (role, worker) in &mut self.at_work {
            if let Some(why) = worker.running.has_ended().await? {
                return Err(format!("{} has ended: {why}", role.name()).into());
            }
        }
        Ok(())
    }

    pub(crate) async fn kill_all(&mut self) {
        for worker in std::mem::take(&mut self.at_work).into_values() {
            worker.running.kill().await;
        }
    }

    /// Whom it has hit, and how often.
    pub(crate) fn killed(&self) -> String {
        let killed = self.killed.iter().map(|(role, times)| format!("{} {times}", role.name()));
        killed.collect::<Vec<_>>().join(", ")
    }
}

/// Chance enough: below `sides`.
fn roll(sides: u64) -> u64 {
    u64::from(Uuid::now_v7().as_u64_pair().1 as u32) % sides
}

/// This program once more.
fn spawn(role: Role, site: &Site) -> Result<Child, BoxError> {
    let mut program = Command::new(std::env::current_exe()?);
    program.args(["--as", &role.name(), "--folder"]).arg(&site.folder);
    if let Store::Postgres(url) = &site.store {
        program.args(["--postgres", url]);
    }
    if let Broker::Rabbit(rabbit) = &site.broker {
        program.args(["--exchange", &rabbit.exchange]).env(URL, &rabbit.url);
    }
    // It ends when its stdin does, which is when this process ends.
    Ok(program.stdin(Stdio::piped()).stdout(Stdio::null()).spawn()?)
}

impl Running {
    async fn kill(mut self) {
        self.end();
        if let Self::Task(task) = &mut self {
            // Its end is awaited, so that what it held is free.
            let _ = task.await;
        }
    }

    fn end(&mut self) {
        match self {
            Self::Process(child) => {
                let _ = child.kill();
                let _ = child.wait();
            }
            Self::Task(task) => task.abort(),
        }
    }

    /// And why, if it has.
    async fn has_ended(&mut self) -> Result<Option<String>, BoxError> {
        Ok(match self {
            Self::Process(child) => child.try_wait()?.map(|status| status.to_string()),
            Self::Task(task) if task.is_finished() => Some(format!("{:?}", task.await)),
            Self::Task(_) => None,
        })
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.end();
    }
}
