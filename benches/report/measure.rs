//! Rounds, medians, bounds, and how they are shown.

use std::future::Future;
use std::pin::Pin;
use std::time::Instant;

use serde_json::{Value, json};

/// How much is measured.
pub struct Scale {
    /// Rounds of ours and raw, in turn.
    pub rounds: usize,
    /// Appends of one round, at one task.
    pub appends: usize,
    /// Loads of one round.
    pub loads: usize,
    /// Events in the store that is replayed.
    pub replayed: usize,
}

impl Scale {
    pub fn full() -> Self {
        Self { rounds: 9, appends: 4_000, loads: 400, replayed: 200_000 }
    }

    pub fn quick() -> Self {
        Self { rounds: 5, appends: 1_500, loads: 150, replayed: 200_000 }
    }
}

/// What a scenario must reach, as ours divided by raw.
#[derive(Clone, Copy)]
pub enum Bound {
    /// Of a rate: at least this much of the raw one.
    RateAtLeast(f64),
    /// Of a duration: at most this many times the raw one.
    TimeAtMost(f64),
    /// Of a duration: the raw one is at least this many times as long.
    TimesFaster(f64),
    /// Of a duration: at most the raw one and so much more.
    AtMostPlus(f64),
}

#[derive(Clone)]
pub struct Scenario {
    pub name: &'static str,
    pub store: &'static str,
    pub tasks: usize,
    pub unit: &'static str,
    pub bound: Bound,
    pub run: fn(&Scale) -> Pin<Box<dyn Future<Output = Rounds> + '_>>,
}

/// The figures of all rounds.
#[derive(Default)]
pub struct Rounds {
    pub ours: Vec<f64>,
    pub raw: Vec<f64>,
}

impl Rounds {
    /// `None` if this machine cannot measure it.
    pub fn judged(mut self, scenario: &Scenario) -> Option<Measured> {
        if self.ours.is_empty() || self.raw.is_empty() {
            return None;
        }
        let (ours, raw) = (Spread::of(&mut self.ours), Spread::of(&mut self.raw));
        let ratio = match scenario.bound {
            Bound::RateAtLeast(_) | Bound::TimeAtMost(_) => ours.median / raw.median,
            Bound::TimesFaster(_) => raw.median / ours.median,
            Bound::AtMostPlus(_) => ours.median - raw.median,
        };
        let (bound, holds, sign) = match scenario.bound {
            Bound::RateAtLeast(bound) | Bound::TimesFaster(bound) => (bound, ratio >= bound, '≥'),
            Bound::TimeAtMost(bound) | Bound::AtMostPlus(bound) => (bound, ratio <= bound, '≤'),
        };
        let Scenario { name, store, tasks, unit, .. } = *scenario;
        Some(Measured { name, store, tasks, unit, ours, raw, ratio, bound, sign, holds })
    }
}

/// Median, least and greatest of the rounds.
pub struct Spread {
    median: f64,
    least: f64,
    greatest: f64,
}

impl Spread {
    fn of(figures: &mut [f64]) -> Self {
        figures.sort_by(f64::total_cmp);
        Self { median: figures[figures.len() / 2], least: figures[0], greatest: figures[figures.len() - 1] }
    }

    fn show(&self) -> String {
        let digits = if self.median < 100.0 { 2 } else { 0 };
        format!("{:.digits$} ({:.digits$}–{:.digits$})", self.median, self.least, self.greatest)
    }
}

pub struct Measured {
    name: &'static str,
    store: &'static str,
    tasks: usize,
    unit: &'static str,
    ours: Spread,
    raw: Spread,
    ratio: f64,
    bound: f64,
    sign: char,
    pub holds: bool,
}

pub fn print_head() {
    println!("| scenario | store | tasks | ours | raw | unit | ratio | bound | |");
    println!("|---|---|---|---|---|---|---|---|---|");
}

impl Measured {
    pub fn print(&self) {
        let Self { name, store, tasks, unit, ratio, bound, sign, holds, .. } = self;
        let (ours, raw) = (self.ours.show(), self.raw.show());
        let verdict = if *holds { "holds" } else { "**missed**" };
        println!(
            "| {name} | {store} | {tasks} | {ours} | {raw} | {unit} | {ratio:.2}x | {sign} {bound}x | {verdict} |"
        );
    }

    fn json(&self) -> Value {
        json!({
            "scenario": self.name, "store": self.store, "tasks": self.tasks, "ours": self.ours.median,
            "raw": self.raw.median, "unit": self.unit, "ratio": self.ratio, "bound": self.bound, "holds": self.holds,
        })
    }
}

pub fn write_json(all: &[Measured]) -> std::io::Result<()> {
    let target = concat!(env!("CARGO_MANIFEST_DIR"), "/target");
    std::fs::create_dir_all(target)?;
    let all: Vec<Value> = all.iter().map(Measured::json).collect();
    std::fs::write(format!("{target}/report.json"), serde_json::to_string_pretty(&all)?)
}

/// Things done per second.
pub async fn rate(count: usize, work: impl Future<Output = ()>) -> f64 {
    let start = Instant::now();
    work.await;
    count as f64 / start.elapsed().as_secs_f64()
}

/// Microseconds that one of `count` repetitions takes.
pub async fn micros_each(count: usize, work: impl Future<Output = ()>) -> f64 {
    1e6 / rate(count, work).await
}

/// Where databases are put, if the environment says so.
pub fn folder_of_databases() -> Option<String> {
    std::env::var("EVENTSOURCE_BENCH_DIR").ok()
}

/// A folder on the same disk as the build, or in `EVENTSOURCE_BENCH_DIR`; gone when dropped.
pub fn folder() -> tempfile::TempDir {
    let target = concat!(env!("CARGO_MANIFEST_DIR"), "/target");
    let parent = folder_of_databases().unwrap_or_else(|| target.to_owned());
    tempfile::Builder::new().prefix("bench-").tempdir_in(parent).expect("a folder for the databases")
}

/// Makes the system count the greatest memory anew; false where it cannot.
pub fn forget_peak_memory() -> bool {
    std::fs::write("/proc/self/clear_refs", "5").is_ok()
}

/// The greatest memory of this process in MB, where the system tells.
pub fn peak_memory() -> Option<f64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    Some(line.trim().trim_end_matches(" kB").parse::<f64>().ok()? / 1024.0)
}
