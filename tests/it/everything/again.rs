//! What the framework answers in the end, when everything is asked for once more.

use std::collections::{BTreeMap, HashMap};

use eventsource::{ExecuteOptions, InlineStore, InlineViews, Projections, Repository, Version, View, ViewReader};

use super::domain::{Account, Asked, Kept, Projected, Replayed, Sums};
use super::journal::{End, Line};
use super::model::Model;
use super::plan::{Operation, What};

/// Commands with keys that are sent once more.
const REPEATED: usize = 40;
const STREAMS: usize = 100;

/// By snapshots, without them, and as of every version.
pub(super) async fn check_states<S: InlineStore + Clone>(store: &S, model: &Model) {
    let accounts = Repository::<Account>::new(store.clone());
    let replayed = Repository::<Replayed>::new(store.clone());
    let snapshots = accounts.check_snapshots(STREAMS).await.unwrap();
    assert!(snapshots.different.is_empty(), "{snapshots:?}");
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
pub(super) async fn check_views<S: InlineStore + Clone>(store: &S, model: &Model) {
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
pub(super) async fn check_keys<S: InlineStore + Clone>(
    store: &S,
    operations: &HashMap<String, Operation>,
    lines: &[Line],
) {
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
