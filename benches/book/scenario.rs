//! What a scenario is, and how much of it is measured.

use std::fmt;
use std::future::Future;
use std::time::Duration;

use futures::FutureExt;
use futures::future::BoxFuture;

use super::sides::Sides;

/// What ours must reach, divided by what it is held against.
#[derive(Clone, Copy)]
pub enum Bound {
    AtLeast(f64),
    AtMost(f64),
    /// Nobody has said what it must reach.
    Unsaid,
}

pub struct Scenario {
    /// `store/work@tasks`; without tasks where there is one.
    pub name: String,
    pub unit: &'static str,
    pub bound: Bound,
    /// What ours is held against.
    pub beside: &'static str,
    /// Whether it is asked how many bytes one operation allocates.
    pub is_counted: bool,
    pub run: Box<dyn Fn(Scale) -> BoxFuture<'static, Sides>>,
}

impl Scenario {
    pub fn new<F: Future<Output = Sides> + Send + 'static>(
        name: impl Into<String>,
        unit: &'static str,
        bound: Bound,
        beside: &'static str,
        run: impl Fn(Scale) -> F + 'static,
    ) -> Self {
        let run = Box::new(move |scale| run(scale).boxed());
        Self { name: name.into(), unit, bound, beside, is_counted: false, run }
    }

    pub fn counted(self) -> Self {
        Self { is_counted: true, ..self }
    }

    pub fn store(&self) -> &str {
        store_of(&self.name)
    }
}

/// The store in the name of a scenario.
pub fn store_of(name: &str) -> &str {
    name.split('/').next().unwrap_or_default()
}

/// How much is measured.
#[derive(Clone, Copy)]
pub struct Scale {
    rounds: usize,
    /// How long one side has in one round, where operations are repeated until the time is over.
    length: Duration,
    /// How many events are read or folded, where a round is one pass over all of them.
    pub replayed: usize,
}

/// One turn of all sides. In the first, connections are made and statements prepared: it is not measured.
#[derive(Clone, Copy)]
pub struct Round {
    pub number: usize,
    pub length: Duration,
    pub is_measured: bool,
}

impl Scale {
    pub const FULL: Self = Self { rounds: 9, length: Duration::from_millis(500), replayed: 200_000 };
    pub const QUICK: Self = Self { rounds: 3, length: Duration::from_millis(200), replayed: 100_000 };
    /// For bytes, which hardly differ from round to round.
    pub const COUNTED: Self = Self { rounds: 1, length: Duration::from_millis(50), replayed: 5_000 };
    /// Every line of code once, for the tests.
    pub const ONCE: Self = Self { rounds: 1, length: Duration::ZERO, replayed: 1_000 };

    pub fn rounds(&self) -> impl Iterator<Item = Round> + use<> {
        let Self { rounds, length, .. } = *self;
        (0..=rounds).map(move |number| {
            let is_measured = number > 0;
            Round { number, length: if is_measured { length } else { length / 4 }, is_measured }
        })
    }
}

impl fmt::Display for Scale {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { rounds, length, replayed } = self;
        write!(f, "{rounds} of {length:?} for each side; {replayed} events where a round reads or folds all of them")
    }
}
