//! What is counted of commands for the facade of the crate `metrics`; nothing without the feature.

use crate::folding::aggregate::Aggregate;

/// The names under which it is counted are never changed: dashboards and alarms are made of them. The table in
/// [`Repository`](super::repository::Repository) lists them.
#[derive(Clone, Copy, Debug)]
pub(super) enum Count {
    Command,
    Attempt,
    Conflict,
    Cached,
    Loaded,
}

/// Counts one.
#[cfg(feature = "metrics")]
pub(super) fn count<A: Aggregate>(what: Count) {
    use metrics::{Level, Metadata};

    const METADATA: Metadata<'_> = Metadata::new(module_path!(), Level::INFO, Some(module_path!()));
    let key = match what {
        Count::Command => Keys::<A>::COMMAND,
        Count::Attempt => Keys::<A>::ATTEMPT,
        Count::Conflict => Keys::<A>::CONFLICT,
        Count::Cached => Keys::<A>::CACHED,
        Count::Loaded => Keys::<A>::LOADED,
    };
    metrics::with_recorder(|recorder| recorder.register_counter(key, &METADATA)).increment(1);
}

#[cfg(not(feature = "metrics"))]
pub(super) fn count<A: Aggregate>(_: Count) {}

/// Made by the compiler for each aggregate, with its label: they are asked for in every command.
#[cfg(feature = "metrics")]
struct Keys<A>(std::marker::PhantomData<A>);

#[cfg(feature = "metrics")]
impl<A: Aggregate> Keys<A> {
    const COMMAND: &metrics::Key = &Self::named("eventsource_commands_total");
    const ATTEMPT: &metrics::Key = &Self::named("eventsource_command_attempts_total");
    const CONFLICT: &metrics::Key = &Self::named("eventsource_command_conflicts_total");
    const CACHED: &metrics::Key = &Self::named("eventsource_command_cached_states_total");
    const LOADED: &metrics::Key = &Self::named("eventsource_command_loaded_states_total");

    const fn named(name: &'static str) -> metrics::Key {
        metrics::Key::from_static_parts(name, const { &[metrics::Label::from_static_parts("aggregate", A::NAME)] })
    }
}
