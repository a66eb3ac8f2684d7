//! A rule: a sentence, and how to see whether a store, or what else there are rules for, breaks it.

use std::fmt;
use std::time::Duration;

use futures::future::BoxFuture;

use crate::words::error::StoreError;
use crate::words::name::NameError;

use super::fixture::Fixture;

/// Whoever has not answered by then hangs.
const TIME_FOR_A_RULE: Duration = Duration::from_secs(300);

type Run<F> = for<'f> fn(&'f F) -> BoxFuture<'f, Checked>;

/// One promise: of a store, or of what else a fixture of the type `F` holds.
#[non_exhaustive]
pub struct Rule<F = Fixture> {
    /// The promise, as a sentence in the form of a test's name.
    pub name: &'static str,
    run: Run<F>,
}

impl<F> Copy for Rule<F> {}

impl<F> Clone for Rule<F> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<F: Send + Sync + 'static> Rule<F> {
    pub(super) const fn new(name: &'static str, run: Run<F>) -> Self {
        Self { name, run }
    }

    /// Runs the rule on what is fresh and empty; the error says how it is broken.
    ///
    /// Whoever panics, or gives no answer within 5 minutes, breaks the rule.
    pub async fn check(&self, fixture: F) -> Result<(), String> {
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

impl<F> fmt::Debug for Rule<F> {
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
        rules!(for super::fixture::Fixture: $($rule),*);
    };
    (for $fixture:ty: $($rule:ident),* $(,)?) => {
        pub(super) fn rules() -> Vec<$crate::testing::conformance::rule::Rule<$fixture>> {
            vec![$($crate::testing::conformance::rule::Rule::new(stringify!($rule), |fixture| Box::pin($rule(fixture)))),*]
        }
    };
}
