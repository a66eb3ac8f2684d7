//! Process managers: aggregates whose own events are followed by commands to others.

pub(crate) mod acting;
mod fence;
pub(crate) mod manager;
mod noting;
pub(crate) mod order;
pub(crate) mod reacting;
pub(crate) mod reaction;
mod timers;

pub(super) use noting::Noting;
pub(super) use reacting::Reacting;
