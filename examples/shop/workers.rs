//! Those who work, killed and started again: processes where others find what they work with, tasks where it is in memory.

use std::collections::BTreeMap;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use eventsource::BoxError;
use tokio::task::JoinHandle;

use super::dice::Dice;
use super::site::{LEASE, Role, Site, work};

/// Who has just come waits for a lease. Killed at that, they would never do anything.
const BEGINS: Duration = LEASE.saturating_add(Duration::from_millis(200));

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
        let running = match self.site.is_found_by_others(role) {
            true => Running::Process(spawn(role, &self.site)?),
            false => Running::Task(tokio::spawn(work(role, self.site.clone()))),
        };
        self.at_work.insert(role, Worker { running, since: Instant::now() });
        Ok(())
    }

    /// Kills one of them, wherever it is in its work, and starts it again.
    pub(crate) async fn kill_one(&mut self, dice: &mut Dice) -> Result<(), BoxError> {
        let can_be = |(role, worker): (&Role, &Worker)| {
            (!role.has_a_lease() || worker.since.elapsed() > BEGINS).then_some(*role)
        };
        let candidates: Vec<Role> = self.at_work.iter().filter_map(can_be).collect();
        if candidates.is_empty() {
            return Ok(());
        }
        let role = candidates[dice.roll(candidates.len() as u64) as usize];
        if let Some(Worker { running, .. }) = self.at_work.remove(&role) {
            running.kill().await;
        }
        *self.killed.entry(role).or_default() += 1;
        self.start(role)
    }

    /// Starts those again who have ended by themselves.
    pub(crate) fn look_after(&mut self) -> Result<(), BoxError> {
        let has_ended = |(role, worker): (&Role, &mut Worker)| match worker.running.has_ended() {
            Ok(true) => Some(Ok(*role)),
            Ok(false) => None,
            Err(error) => Some(Err(error)),
        };
        let ended: Vec<Role> = self.at_work.iter_mut().filter_map(has_ended).collect::<Result<_, _>>()?;
        ended.into_iter().try_for_each(|role| self.start(role))
    }

    pub(crate) async fn kill_all(&mut self) {
        for Worker { running, .. } in std::mem::take(&mut self.at_work).into_values() {
            running.kill().await;
        }
    }

    /// Whom it has hit, and how often.
    pub(crate) fn told(&self) -> String {
        let told = self.killed.iter().map(|(role, times)| match self.site.is_found_by_others(*role) {
            true => format!("{} {times}", role.name()),
            false => format!("{} {times} (a task)", role.name()),
        });
        told.collect::<Vec<_>>().join(", ")
    }
}

/// This program once more.
fn spawn(role: Role, site: &Site) -> Result<Child, BoxError> {
    let address = site.store.address().unwrap_or_else(|| "memory:".to_owned());
    let mut program = Command::new(std::env::current_exe()?);
    program.args(["--as", role.name(), "--store", &address, "--services"]).arg(&site.services);
    if let Some(exchange) = site.broker.exchange() {
        program.args(["--exchange", exchange]);
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

    fn has_ended(&mut self) -> Result<bool, BoxError> {
        Ok(match self {
            Self::Process(child) => child.try_wait()?.is_some(),
            Self::Task(task) => task.is_finished(),
        })
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.end();
    }
}
