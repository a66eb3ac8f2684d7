//! A rule: a sentence, and how to see whether a store breaks it.

use std::fmt;
use std::time::Duration;

use futures::future::BoxFuture;

use crate::words::error::StoreError;
use crate::words::name::NameError;

use super::fixture::Fixture;

/// A store that has not answered by then hangs.
const TIME_FOR_A_RULE: Duration = Duration::from_secs(300);

type Run = for<'f> fn(&'f Fixture) -> BoxFuture<'f, Checked>;

/// One promise of a store.
#[derive(Clone, Copy)]
#[non_exhaustive]
pub struct Rule {
    /// The promise, as a sentence in the form of a test's name.
    pub name: &'static str,
    run: Run,
}

impl Rule {
    pub(super) const fn new(name: &'static str, run: Run) -> Self {
        Self { name, run }
    }

    /// Runs the rule on a fresh, empty store; the error says how it is broken.
    ///
    /// A store that panics, or gives no answer within 5 minutes, breaks the rule.
    pub async fn check(&self, fixture: Fixture) -> Result<(), String> {
        let run = self.run;
        let mut task = tokio::spawn(async move { run(&fixture).await });
        match tokio::time::timeout(TIME_FOR_A_RULE, &mut task).await {
            Ok(Ok(checked)) => checked.map_err(|Broken(reason)| reason),
            Ok(Err(panic)) => Err(format!("it panicked: {panic}")),
            Err(_) => {
                task.abort();
                Err(format!("no answer within {TIME_FOR_A_RULE:?}"))
            }
        }
    }
}

impl fmt::Debug for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Rule({})", self.name)
    }
}

/// What a rule finds.
pub(super) type Checked<T = ()> = Result<T, Broken>;

/// How a rule is broken.
#[derive(Debug)]
pub(super) struct Broken(pub(super) String);

impl From<StoreError> for Broken {
    fn from(error: StoreError) -> Self {
        Self(format!("the store failed: {error}"))
    }
}

impl From<NameError> for Broken {
    fn from(error: NameError) -> Self {
        Self(format!("a name was refused: {error}"))
    }
}

/// The rule is broken unless this holds.
macro_rules! ensure {
    ($holds:expr, $($reason:tt)+) => {
        if !$holds {
            return Err($crate::testing::conformance::rule::Broken(format!($($reason)+)));
        }
    };
}

/// The rule is broken unless the first is the second.
macro_rules! ensure_eq {
    ($is:expr, $should:expr, $($what:tt)+) => {
        match (&$is, &$should) {
            (is, should) => ensure!(is == should, "{}: {is:?}, not {should:?}", format_args!($($what)+)),
        }
    };
}

/// The rules of a theme, named as their functions are.
macro_rules! rules {
    ($($rule:ident),* $(,)?) => {
        pub(super) fn rules() -> Vec<$crate::testing::conformance::rule::Rule> {
            vec![$($crate::testing::conformance::rule::Rule::new(stringify!($rule), |fixture| Box::pin($rule(fixture)))),*]
        }
    };
}
