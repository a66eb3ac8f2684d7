//! Whether what is there is what some order of the acknowledged commands makes, and what was told was so.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use eventsource::{ExecuteOptions, InlineStore, InlineViews, Projections, Repository, Version, View, ViewReader};

use super::domain::{Account, Ask, Asked, Kept, Projected, Replayed, Sums};
use super::journal::{End, Journal, Line, Place};
use super::log::{Event, Log};
use super::model::{Model, asked, is_allowed};
use super::plan::{Operation, Plan, What};

/// Commands with keys that are sent once more.
const REPEATED: usize = 40;

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
                let version = |position| {
                    log.0.iter().filter(|event| event.stream == stream && event.position < position).count()
                };
                let between = version(story[at - 1].position)..=version(story[at].position);
                let states = &model.states(&stream)[between];
                assert!(states.iter().any(|state| !is_allowed(&ask, *state)), "{story:?} was refused: {states:?}");
            }
        }
    }
}

/// Nobody is told less than what somebody was told before it asked.
fn check_order(model: &Model, operations: &HashMap<String, Operation>, lines: &[Line]) {
    // Of each stream; of its row, only what was stored together with it.
    let (mut told, mut told_of_row) = (HashMap::<String, u64>::new(), HashMap::<String, u64>::new());
    let mut when_it_began = HashMap::<&str, (HashMap<String, u64>, u64)>::new();
    for line in lines {
        let (tag, end) = match line {
            Line::Began(tag) => {
                let of_row = told_of_row.get(&operations[tag].stream()).copied().unwrap_or(0);
                when_it_began.entry(tag).or_insert_with(|| (told.clone(), of_row));
                continue;
            }
            Line::Ended(tag, end) => (tag, end),
            Line::Done(_) => continue,
        };
        let operation = &operations[tag];
        let (before, row_before) = &when_it_began[&**tag];
        let stream = operation.stream();
        let before = |stream: &str| before.get(stream).copied().unwrap_or(0);
        let is_row = matches!(operation.what, What::Row);
        let mut tell = |stream: &str, version: u64| {
            let told = told.entry(stream.to_owned()).or_default();
            *told = version.max(*told);
        };
        match end {
            End::Stored { places, .. } => {
                for Place { stream, version, events, .. } in places {
                    let stands = before(stream);
                    assert!(version - events >= stands, "{operation:?} at {version}, when {stands} was known");
                    tell(stream, *version);
                    let is_in_row = operation.way.is_kept() && !matches!(operation.what, What::Within { .. });
                    if is_in_row {
                        let of_row = told_of_row.entry(stream.clone()).or_default();
                        *of_row = (*version).max(*of_row);
                    }
                }
            }
            End::Refused(sums) | End::Nothing { sums, .. } | End::Seen { sums, .. } => {
                let same = |state: &Sums| match is_row {
                    true => (state.cents, state.facts, state.trace) == (sums.cents, sums.facts, sums.trace),
                    false => state == sums,
                };
                // Facts are counted in it, so no two are the same.
                let version = model.states(&stream).iter().position(same);
                let version = version.unwrap_or_else(|| panic!("{operation:?} was told {end:?}, which never was")) as u64;
                let stands = match operation.what {
                    What::LoadCached => 0,
                    What::Row => *row_before,
                    _ => before(&stream),
                };
                assert!(version >= stands, "{operation:?} was told {end:?} of {version}, when {stands} was known");
                match end {
                    End::Refused(_) | End::Nothing { .. } => {
                        assert!(!operation.is_allowed(*sums), "{operation:?} had {end:?} at {version}");
                    }
                    End::Seen { version: said, .. } => assert_eq!(version, *said, "{operation:?} was told {end:?}"),
                    _ => {}
                }
                if let End::Nothing { version: said, .. } = end {
                    assert_eq!(version, *said, "{operation:?} was told {end:?}");
                }
                tell(&stream, version);
                if is_row {
                    let of_row = told_of_row.entry(stream).or_default();
                    *of_row = version.max(*of_row);
                }
            }
            End::Undone | End::Unknown => {}
        }
    }
}

/// By snapshots, without them, and as of every version.
async fn check_states<S: InlineStore + Clone>(store: &S, model: &Model) {
    let accounts = Repository::<Account>::new(store.clone());
    let replayed = Repository::<Replayed>::new(store.clone());
    for (stream, states) in model.accounts() {
        let (id, last) = (&stream["account-".len()..], states.len() as u64 - 1);
        let loaded = accounts.load(id).await.unwrap();
        assert_eq!((loaded.version, loaded.state.sums), (Version(last), states[last as usize]), "{stream}");
        let loaded = replayed.load(id).await.unwrap();
        assert_eq!((loaded.version, loaded.state.sums), (Version(last), states[last as usize]), "{stream} anew");
        for version in (0..=last).rev().step_by(7) {
            let loaded = accounts.load_at(id, Version(version)).await.unwrap();
            assert_eq!((loaded.version, loaded.state.sums), (Version(version), states[version as usize]), "{stream}");
        }
    }
}

/// Whether it is kept inline or projected, folded when it happened or now, it is the same.
async fn check_views<S: InlineStore + Clone>(store: &S, model: &Model) {
    // What was appended past it is folded first.
    InlineViews::new(store.clone()).add::<Account, Kept>().start().await.unwrap();
    let mut kept = BTreeMap::new();
    for row in ViewReader::<Kept>::inline(store.clone()).list().page().await.unwrap().rows {
        let Kept { account, version, cents, facts, trace } = row;
        kept.insert(account, (version, cents, facts, trace));
    }
    let mut projected = BTreeMap::new();
    for row in ViewReader::<Projected>::new(store.clone()).list().page().await.unwrap().rows {
        let Projected { account, version, cents, facts, trace } = row;
        projected.insert(account, (version, cents, facts, trace));
    }
    let rows = model.accounts().map(|(stream, states)| {
        let Sums { cents, facts, trace, .. } = states[states.len() - 1];
        (stream["account-".len()..].to_owned(), (Version(states.len() as u64 - 1), cents, facts, trace))
    });
    let wanted: BTreeMap<_, _> = rows.collect();
    assert_eq!(kept, wanted, "the inline view");
    assert_eq!(projected, wanted, "the projected view");
    is_rebuilt_alike::<Kept, S>(store).await;
    is_rebuilt_alike::<Projected, S>(store).await;
}

async fn is_rebuilt_alike<V: View, S: InlineStore + Clone>(store: &S) {
    let mut differences = Vec::new();
    let compared = Projections::new(store).refold::<V>(|difference| differences.push(difference.clone())).await;
    assert!(compared.unwrap().is_equal(), "{differences:#?}");
}

/// What was acknowledged under a key is answered as it was then, and not done again.
async fn check_keys<S: InlineStore + Clone>(store: &S, operations: &HashMap<String, Operation>, lines: &[Line]) {
    let cached = Repository::<Account>::new(store.clone());
    let directly = Repository::<Account>::new(store.clone()).without_cache();
    let mut sent = 0;
    for line in lines {
        let Line::Ended(tag, End::Stored { places, sums: Some(sums) }) = line else { continue };
        let operation = &operations[tag];
        let (true, What::Ask(ask)) = (operation.is_keyed, &operation.what) else { continue };
        let accounts = if sent % 2 == 0 { &cached } else { &directly };
        let asked = Asked { ask: ask.clone(), tag: tag.clone() };
        let options = ExecuteOptions::new().command_key(tag);
        let again = accounts.handle_with(&operation.account.to_string(), options, asked).await.unwrap();
        assert!(again.repeated, "{operation:?} was done again");
        assert_eq!((again.version, again.position.0), (Version(places[0].version), places[0].position));
        assert_eq!(again.state.sums, *sums, "{operation:?}");
        sent += 1;
        if sent == REPEATED {
            return;
        }
    }
}
