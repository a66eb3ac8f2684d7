//! Whether what is there is what some order of the acknowledged commands makes, and what was told was so.

use std::collections::{BTreeSet, HashMap};

use eventsource::InlineStore;

use super::again::{check_keys, check_states, check_views};
use super::domain::Ask;
use super::journal::{End, Journal, Line, Place};
use super::log::{Event, Log};
use super::model::{Model, asked, is_allowed};
use super::order::check_order;
use super::plan::{Operation, Plan, What};

pub(super) async fn judge<S: InlineStore + Clone>(
    store: &S,
    plan: Plan,
    journal: &Journal,
    receipts: Option<Vec<String>>,
) {
    let log = Log::read(store).await;
    let model = Model::of(&log);
    let operations: HashMap<String, Operation> =
        plan.all().into_iter().map(|operation| (operation.tag.clone(), operation)).collect();
    let lines = journal.lines();
    let stored = Stored::of(&log);
    let done = stored.check_operations(&model, &operations, &lines);
    stored.check_transfers(&model, &log);
    check_order(&model, &operations, &lines);
    if let Some(receipts) = receipts {
        let within = |tag: &&String| matches!(operations[*tag].what, What::Within { .. });
        assert_eq!(receipts, done.iter().filter(within).cloned().collect::<Vec<_>>(), "rows of the user, and events");
    }
    check_states(store, &model).await;
    check_views(store, &model).await;
    check_keys(store, &operations, &lines).await;
    assert_eq!(Log::read(store).await.0.len(), log.0.len(), "what was repeated was stored again");
}

/// The events of accounts and the first ones of transfers, by who has stored them.
struct Stored<'l>(HashMap<String, Vec<&'l Event>>);

impl<'l> Stored<'l> {
    fn of(log: &'l Log) -> Self {
        let mut stored = HashMap::<String, Vec<&Event>>::new();
        for event in &log.0 {
            let by = match &*event.name {
                "transfer.requested" => event.stream["transfer-".len()..].to_owned(),
                _ if event.is_of_account() => event.tag().to_owned(),
                _ => continue,
            };
            stored.entry(by).or_default().push(event);
        }
        Self(stored)
    }

    fn by(&self, tag: &str) -> &[&'l Event] {
        self.0.get(tag).map_or(&[], |events| events)
    }

    /// Each is there once where that was said, at most once where nobody knows, and else not at all. Answers which are there.
    fn check_operations(
        &self,
        model: &Model,
        operations: &HashMap<String, Operation>,
        lines: &[Line],
    ) -> BTreeSet<String> {
        let mut ends = HashMap::<&str, Option<&End>>::new();
        for line in lines {
            match line {
                Line::Began(tag) => drop(ends.entry(tag).or_insert(None)),
                Line::Ended(tag, end) => {
                    let before = ends.insert(tag, Some(end));
                    assert!(matches!(before, Some(None)), "{tag} had {before:?} before {end:?}");
                }
                Line::Done(_) => {}
            }
        }
        assert_eq!(ends.len(), operations.len(), "not everything was tried");
        let mut done = BTreeSet::new();
        for (tag, operation) in operations {
            let end = ends[&**tag];
            let places = self.places(operation, model);
            match end {
                Some(End::Stored { places: told, sums }) => {
                    let there = places.as_ref().unwrap_or_else(|| panic!("{operation:?} is lost: {end:?}"));
                    assert_eq!(told, there, "{operation:?}");
                    if let Some(sums) = sums {
                        let state = model.state(&there[0].stream, there[0].version);
                        assert_eq!(*sums, state, "the state after {operation:?} at {there:?}");
                    }
                }
                // Whoever was killed was not told.
                Some(End::Unknown) | None => {}
                Some(_) => assert!(places.is_none(), "{operation:?} had {end:?}, and is at {places:?}"),
            }
            if places.is_some() {
                done.insert(tag.clone());
            }
        }
        for tag in self.0.keys().filter(|tag| !operations.contains_key(*tag)) {
            // What follows from transfers is looked at with these.
            assert!(tag.contains('.'), "nobody has sent {:?}", self.0[tag]);
        }
        done
    }

    /// Where it is, if it is there; then it must be there as a whole, once, behind a state that allows it.
    fn places(&self, operation: &Operation, model: &Model) -> Option<Vec<Place>> {
        let there = self.by(&operation.tag);
        if there.is_empty() {
            return None;
        }
        let mut left: Vec<_> = there.to_vec();
        let place = |(stream, wanted): (String, Vec<_>)| {
            let (here, others): (Vec<_>, Vec<_>) = left.drain(..).partition(|event| event.stream == stream);
            left = others;
            let found: Vec<_> =
                here.iter().map(|event| (&*event.name, event.schema_version, event.data.clone())).collect();
            assert_eq!(found, wanted, "{operation:?} is {there:?}");
            let (first, last) = (here[0], here[here.len() - 1]);
            assert_eq!(last.version - first.version + 1, here.len() as u64, "{operation:?} was torn apart: {here:?}");
            if first.is_of_account() {
                let state = model.state(&stream, first.version - 1);
                assert!(operation.is_allowed(state), "{operation:?} was done at {first:?}, behind {state:?}");
            }
            Place { stream, events: here.len() as u64, version: last.version, position: last.position }
        };
        let places = operation.wanted().into_iter().map(place).collect();
        assert!(left.is_empty(), "{operation:?} is {there:?}");
        Some(places)
    }

    /// Each command of a transfer was carried out once, and what came of it is recorded.
    fn check_transfers(&self, model: &Model, log: &Log) {
        for (id, story) in log.transfers() {
            let requested = &story[0].data;
            let account = |side: &str| format!("account-{}", requested[side].as_str().unwrap());
            let cents = requested["cents"].as_i64().unwrap();
            let steps = [
                ("out", "from", Ask::Withdraw(cents)),
                ("in", "to", Ask::Deposit(cents, 1)),
                ("back", "from", Ask::PutBack(cents)),
            ];
            let mut moved = Vec::new();
            for (step, side, ask) in steps {
                let tag = format!("{id}.{step}");
                let [event] = self.by(&tag) else {
                    assert!(self.by(&tag).is_empty(), "done twice: {:?}", self.by(&tag));
                    continue;
                };
                let is = (&*event.name, event.schema_version, event.data.clone());
                assert_eq!((&event.stream, vec![is]), (&account(side), asked(&ask, &tag)));
                let state = model.state(&event.stream, event.version - 1);
                assert!(is_allowed(&ask, state), "{event:?} behind {state:?}");
                moved.push(step);
            }
            let names: Vec<_> = story.iter().map(|event| event.name.trim_start_matches("transfer.")).collect();
            let wanted: &[&str] = match names[..] {
                ["requested", "refused"] => &[],
                ["requested", "taken", "arrived"] => &["out", "in"],
                ["requested", "taken", "bounced", "returned"] => &["out", "back"],
                _ => panic!("transfer {id} is {story:?}"),
            };
            assert_eq!(moved, wanted, "transfer {id} is {names:?}");
            // Whoever was refused stood, at some moment in between, where that was right.
            let refused = match names[..] {
                ["requested", "refused"] => Some(("from", Ask::Withdraw(cents), 1)),
                ["requested", "taken", "bounced", ..] => Some(("to", Ask::Deposit(cents, 1), 2)),
                _ => None,
            };
            if let Some((side, ask, at)) = refused {
                let stream = account(side);
                let version =
                    |position| log.0.iter().filter(|event| event.stream == stream && event.position < position).count();
                let between = version(story[at - 1].position)..=version(story[at].position);
                let states = &model.states(&stream)[between];
                assert!(states.iter().any(|state| !is_allowed(&ask, *state)), "{story:?} was refused: {states:?}");
            }
        }
    }
}
