//! What was measured: medians, the bound, and how both are written for programs.

use std::time::Duration;

use hdrhistogram::Histogram;
use serde_json::{Value, json};

use super::scenario::{Bound, Scenario, store_of};
use super::sides::{Side, Sides};

/// What the rounds of one side come to.
pub struct Summary {
    pub median: f64,
    pub least: f64,
    pub greatest: f64,
    /// Milliseconds of p50, p99 and p99.9.
    pub latency: Option<[f64; 3]>,
    pub bytes_each: Option<f64>,
}

impl Summary {
    /// `None` if nothing was measured.
    fn of(mut side: Side) -> Option<Self> {
        side.figures.sort_by(f64::total_cmp);
        let (least, greatest) = (*side.figures.first()?, *side.figures.last()?);
        let median = side.figures[side.figures.len() / 2];
        Some(Self { median, least, greatest, latency: latency(&side.nanos), bytes_each: side.bytes_each })
    }

    fn json(&self) -> Value {
        let latency = self.latency.map(|[p50, p99, p999]| json!({ "p50": p50, "p99": p99, "p99.9": p999 }));
        json!({
            "median": self.median, "least": self.least, "greatest": self.greatest,
            "latency_ms": latency, "bytes_each": self.bytes_each,
        })
    }
}

fn latency(nanos: &Histogram<u64>) -> Option<[f64; 3]> {
    (!nanos.is_empty()).then(|| [0.5, 0.99, 0.999].map(|quantile| nanos.value_at_quantile(quantile) as f64 / 1e6))
}

pub struct Measured {
    pub name: String,
    pub unit: &'static str,
    pub beside: &'static str,
    pub ours: Summary,
    pub raw: Summary,
    pub others: Vec<(&'static str, Summary)>,
    pub ratio: f64,
    pub bound: Bound,
    /// What the scenario took as a whole.
    took: Duration,
}

impl Measured {
    /// `None` if this machine cannot measure it.
    pub fn new(scenario: &Scenario, sides: Sides, took: Duration) -> Option<Self> {
        let (ours, raw) = (Summary::of(sides.ours)?, Summary::of(sides.raw)?);
        let others = sides.others.into_iter().filter_map(|(name, side)| Some((name, Summary::of(side)?))).collect();
        let Scenario { ref name, unit, beside, bound, .. } = *scenario;
        let ratio = ours.median / raw.median;
        Some(Self { name: name.clone(), unit, beside, ours, raw, others, ratio, bound, took })
    }

    pub fn store(&self) -> &str {
        store_of(&self.name)
    }

    pub fn is_missed(&self) -> bool {
        match self.bound {
            Bound::AtLeast(bound) => self.ratio < bound,
            Bound::AtMost(bound) => self.ratio > bound,
            Bound::Unsaid => false,
        }
    }

    pub fn has_bound(&self) -> bool {
        !matches!(self.bound, Bound::Unsaid)
    }

    pub fn json(&self) -> Value {
        let others = self.others.iter().map(|(name, side)| ((*name).to_owned(), side.json()));
        let (at_least, at_most) = match self.bound {
            Bound::AtLeast(bound) => (Some(bound), None),
            Bound::AtMost(bound) => (None, Some(bound)),
            Bound::Unsaid => (None, None),
        };
        json!({
            "scenario": self.name, "unit": self.unit, "beside": self.beside, "ours": self.ours.json(),
            "raw": self.raw.json(), "others": others.collect::<serde_json::Map<_, _>>(), "ratio": self.ratio,
            "at_least": at_least, "at_most": at_most, "holds": !self.is_missed(),
            "seconds": self.took.as_secs_f64(),
        })
    }

    /// Takes over what the program that counts bytes has found.
    pub fn add_bytes(&mut self, counted: &[Value]) {
        let of = |side: &str| {
            let same = counted.iter().find(|scenario| scenario["scenario"] == self.name.as_str());
            same.and_then(|scenario| scenario[side]["bytes_each"].as_f64())
        };
        let (ours, raw) = (of("ours"), of("raw"));
        (self.ours.bytes_each, self.raw.bytes_each) = (ours, raw);
    }
}
