//! What an event and an aggregate say of themselves when `cargo eventsource` asks.

use eventsource_schema::{EventReport, LockedVersion, ReaderReport, Report, Shape, StepKind};

use super::aggregate::Aggregate;
use super::domain_event::DomainEvent;
use super::event_set::EventSet;

/// Writes the report of an event; what an emitted test does. `older` holds the shapes of versions before the current.
pub fn report_event<E: DomainEvent>(lock: &str, module: &str, steps: &[(u32, &str)], older: &[(u32, &'static Shape)]) {
    let shapes = older.iter().copied().chain([(E::VERSION, E::__SHAPE)]);
    let shapes = shapes.map(|(version, shape)| match LockedVersion::of(shape) {
        Ok(locked) => (version, locked),
        Err(message) => panic!("event `{}` version {version}: {message}", E::NAME),
    });
    let steps = steps.iter().filter_map(|(from, kind)| StepKind::from_name(kind).map(|kind| kind.step(*from)));
    let report = EventReport {
        module: module.to_owned(),
        name: E::NAME.to_owned(),
        aliases: E::ALIASES.iter().map(|&alias| alias.to_owned()).collect(),
        version: E::VERSION,
        written: E::WRITTEN,
        oldest: E::OLDEST,
        steps: steps.collect(),
        shapes: shapes.collect(),
    };
    leave(lock, &Report::Event(report));
}

/// Writes the report of an aggregate; what an emitted test does.
pub fn report_aggregate<A: Aggregate>(lock: &str, module: &str) {
    let mut reads: Vec<String> = Vec::new();
    for event in A::Event::EVENTS {
        let names = std::iter::once(&event.name).chain(event.aliases).chain(event.split_sources);
        reads.extend(names.map(|&name| name.to_owned()));
    }
    let report = ReaderReport {
        module: module.to_owned(),
        name: A::NAME.to_owned(),
        reads,
        retired: A::Event::RETIRED.iter().map(|&name| name.to_owned()).collect(),
    };
    leave(lock, &Report::Reader(report));
}

fn leave(lock: &str, report: &Report) {
    if let Err(error) = report.leave(lock) {
        panic!("{error}");
    }
}
