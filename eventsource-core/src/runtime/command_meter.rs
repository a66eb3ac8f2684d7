//! What is counted of commands for the facade of the crate `metrics`; nothing without the feature.

/// One name each, never changed: dashboards and alarms are made of them. The table in
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
pub(super) fn count(what: Count, aggregate: &'static str) {
    let name = match what {
        Count::Command => "eventsource_commands_total",
        Count::Attempt => "eventsource_command_attempts_total",
        Count::Conflict => "eventsource_command_conflicts_total",
        Count::Cached => "eventsource_command_cached_states_total",
        Count::Loaded => "eventsource_command_loaded_states_total",
    };
    metrics::counter!(name, "aggregate" => aggregate).increment(1);
}

#[cfg(not(feature = "metrics"))]
pub(super) fn count(_: Count, _: &'static str) {}
