//! Ours and what it is held against: operations of tasks, their times, and what rounds say of them.

use std::future::Future;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use tokio::sync::{Mutex, OwnedMutexGuard};

use super::scenario::Round;

/// Tells how many bytes were allocated so far, in the program that counts them.
pub static ALLOCATED: OnceLock<fn() -> u64> = OnceLock::new();

fn allocated() -> Option<u64> {
    ALLOCATED.get().map(|allocated| allocated())
}

/// Operations of one task, one behind the other until the round is over: an iterator over their numbers.
pub struct Laps {
    until: Instant,
    began: Instant,
    operations: u64,
    nanos: Histogram<u64>,
}

/// One for each task.
pub type Connections<C> = Vec<Arc<Mutex<C>>>;

/// To one percent, and up to a minute.
fn histogram() -> Histogram<u64> {
    Histogram::new_with_bounds(1, 60_000_000_000, 2).expect("bounds of a histogram")
}

impl Laps {
    fn new(until: Instant) -> Self {
        Self { until, began: Instant::now(), operations: 0, nanos: histogram() }
    }
}

impl Iterator for Laps {
    type Item = u64;

    /// One look at the clock ends an operation and begins the next. There is one operation in every round.
    fn next(&mut self) -> Option<u64> {
        let now = Instant::now();
        if self.operations > 0 {
            self.nanos.saturating_record((now - self.began).as_nanos() as u64);
            if now >= self.until {
                return None;
            }
        }
        self.began = now;
        self.operations += 1;
        Some(self.operations - 1)
    }
}

/// What all tasks of one side did in one round.
pub struct Done {
    pub operations: u64,
    elapsed: Duration,
    bytes: Option<u64>,
    nanos: Histogram<u64>,
}

impl Done {
    /// Operations whose times were taken in another way.
    pub fn of(times: &[Duration]) -> Self {
        let mut nanos = histogram();
        times.iter().for_each(|time| nanos.saturating_record(time.as_nanos() as u64));
        Self { operations: times.len() as u64, elapsed: times.iter().sum(), bytes: None, nanos }
    }
}

/// Runs as many tasks beside each other until the round is over.
pub async fn tasks<F>(round: Round, count: usize, work: impl Fn(usize, Laps) -> F) -> Done
where
    F: Future<Output = Laps> + Send + 'static,
{
    let mut nanos = histogram();
    let mut operations = 0;
    let start = Instant::now();
    let laps: Vec<Laps> = (0..count).map(|_| Laps::new(start + round.length)).collect();
    let before = allocated();
    let running: Vec<_> = laps.into_iter().enumerate().map(|(task, laps)| tokio::spawn(work(task, laps))).collect();
    let mut finished = Vec::with_capacity(count);
    for task in running {
        finished.push(task.await.expect("a task of the benchmark"));
    }
    let (elapsed, after) = (start.elapsed(), allocated());
    for laps in finished {
        operations += laps.operations;
        nanos.add(laps.nanos).expect("histograms of one kind");
    }
    Done { operations, elapsed, bytes: before.zip(after).map(|(before, after)| after - before), nanos }
}

/// What a round says of a side.
#[derive(Clone, Copy)]
enum Figure {
    /// Operations a second.
    Rate,
    /// Milliseconds that such a part of the operations is done in.
    Quantile(f64),
}

pub struct Side {
    figure: Figure,
    /// One for each round that is measured.
    pub figures: Vec<f64>,
    /// The times of all its operations, where they were taken.
    pub nanos: Histogram<u64>,
    /// Operations in all rounds, with the one that is not measured.
    pub operations: u64,
    pub bytes_each: Option<f64>,
}

impl Side {
    fn new(figure: Figure) -> Self {
        Self { figure, figures: Vec::new(), nanos: histogram(), operations: 0, bytes_each: None }
    }

    pub fn rate() -> Self {
        Self::new(Figure::Rate)
    }

    pub fn quantile(quantile: f64) -> Self {
        Self::new(Figure::Quantile(quantile))
    }

    /// Not measured, but given.
    pub fn limit(limit: f64) -> Self {
        Self { figures: vec![limit], ..Self::rate() }
    }

    pub fn add(&mut self, round: Round, done: &Done) {
        self.operations += done.operations;
        if !round.is_measured {
            return;
        }
        self.figures.push(match self.figure {
            Figure::Rate => done.operations as f64 / done.elapsed.as_secs_f64(),
            Figure::Quantile(quantile) => done.nanos.value_at_quantile(quantile) as f64 / 1e6,
        });
        self.nanos.add(&done.nanos).expect("histograms of one kind");
        self.bytes_each = done.bytes.map(|bytes| bytes as f64 / done.operations as f64);
    }

    /// Runs as many tasks beside each other until the round is over.
    pub async fn tasks<F>(&mut self, round: Round, count: usize, work: impl Fn(usize, Laps) -> F)
    where
        F: Future<Output = Laps> + Send + 'static,
    {
        let done = tasks(round, count, work).await;
        self.add(round, &done);
    }

    /// Runs a task for each connection, which nobody else has meanwhile.
    pub async fn on<C, F>(
        &mut self,
        round: Round,
        connections: &[Arc<Mutex<C>>],
        work: impl Fn(OwnedMutexGuard<C>, usize, Laps) -> F,
    ) where
        F: Future<Output = Laps> + Send + 'static,
    {
        let of = |task: usize| connections[task].clone().try_lock_owned().expect("a connection that is free");
        self.tasks(round, connections.len(), |task, laps| work(of(task), task, laps)).await;
    }

    /// Does work that is so many operations, once.
    pub async fn whole(&mut self, round: Round, operations: usize, work: impl Future<Output = ()>) {
        let (before, start) = (allocated(), Instant::now());
        work.await;
        let (elapsed, after) = (start.elapsed(), allocated());
        let bytes = before.zip(after).map(|(before, after)| after - before);
        self.add(round, &Done { operations: operations as u64, elapsed, bytes, nanos: histogram() });
    }

    pub fn push(&mut self, round: Round, figure: f64) {
        if round.is_measured {
            self.figures.push(figure);
        }
    }

    fn median(&self) -> f64 {
        let mut figures = self.figures.clone();
        figures.sort_by(f64::total_cmp);
        figures[figures.len() / 2]
    }
}

pub struct Sides {
    pub ours: Side,
    pub raw: Side,
    /// What is shown beside both, by its name.
    pub others: Vec<(&'static str, Side)>,
}

impl Sides {
    pub fn rates() -> Self {
        Self::of(Side::rate(), Side::rate())
    }

    pub fn of(ours: Side, raw: Side) -> Self {
        Self { ours, raw, others: Vec::new() }
    }

    /// What cannot be measured on this machine.
    pub fn unknown() -> Self {
        Self::rates()
    }
}

/// The one with the greatest median.
pub fn best(sides: Vec<Side>) -> Side {
    sides.into_iter().max_by(|one, other| one.median().total_cmp(&other.median())).expect("a side")
}
