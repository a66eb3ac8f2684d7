//! Commands with what this process knows: on one aggregate, and on many whose states are cached.

use super::command::{beside, side};
use crate::measure::{Bound, Rounds, Scale, Scenario};

pub fn all() -> Vec<Scenario> {
    let scenario =
        |name, tasks, bound, run| Scenario { name, store: "postgres", tasks, unit: "commands/s", bound, run };
    vec![
        scenario("hot", 8, Bound::RateAtLeast(4.5), |scale| Box::pin(hot(scale, 8))),
        scenario("hot", 256, Bound::RateAtLeast(22.0), |scale| Box::pin(hot(scale, 256))),
        scenario("warm", 1, Bound::RateAtLeast(1.4), |scale| Box::pin(warm(scale, 1, &[1]))),
        scenario("warm", 8, Bound::RateAtLeast(1.4), |scale| Box::pin(warm(scale, 8, &[8]))),
        scenario("warm", 32, Bound::RateAtLeast(3.5), |scale| Box::pin(warm(scale, 32, &[32]))),
        scenario("warm", 256, Bound::RateAtLeast(5.0), |scale| Box::pin(warm(scale, 256, &[8, 16, 32]))),
    ]
}

/// One aggregate for all tasks, beside one task by hand, which has no conflicts, on streams that stay short.
async fn hot(scale: &Scale, tasks: usize) -> Rounds {
    let (database, accounts) = side(8).await;
    beside(scale, &database, &accounts, (tasks, |_, _, _| "hot".to_owned()), 1, &[1]).await
}

/// One aggregate for each task, beside as many by hand on streams that stay short.
async fn warm(scale: &Scale, tasks: usize, raw_tasks: &[usize]) -> Rounds {
    let (database, accounts) = side(8).await;
    beside(scale, &database, &accounts, (tasks, |_, task, _| task.to_string()), 1, raw_tasks).await
}
