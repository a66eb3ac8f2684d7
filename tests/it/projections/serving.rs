//! What readers of the stable name see while a view changes.

use eventsource::{Fold, Projections, Recorded, View, ViewReader, ViewStore};

use super::things::*;

/// What became of the balances: other columns, another version.
#[derive(View, Clone, Debug, PartialEq)]
#[view(name = "balances", version = 2, events(Moved))]
struct Turnover {
    #[view(key = stream)]
    account: String,
    sum: i64,
}

impl Fold<Moved> for Turnover {
    fn fold(account: &String, row: Option<Self>, moved: &Recorded<Moved>) -> Option<Self> {
        let sum = row.map_or(0, |row| row.sum) + moved.event.cents.abs();
        Some(Self { account: account.clone(), sum })
    }
}

/// The same version in other columns.
#[derive(View, Clone, Debug, PartialEq)]
#[view(name = "balances", version = 1, events(Moved))]
struct Movements {
    #[view(key = stream)]
    account: String,
    movements: i64,
}

impl Fold<Moved> for Movements {
    fn fold(account: &String, row: Option<Self>, _: &Recorded<Moved>) -> Option<Self> {
        Some(Self { account: account.clone(), movements: row.map_or(0, |row| row.movements) + 1 })
    }
}

async fn serving(store: &impl ViewStore) -> Option<u32> {
    let held = store.held_views("balances").await.unwrap();
    let mut serving = held.into_iter().filter(|held| held.serving).map(|held| held.version);
    let one = serving.next();
    assert_eq!(serving.next(), None, "two serve");
    one
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_new_version_serves_when_it_has_caught_up_and_an_old_program_does_not_take_the_name_back() {
    on_each(async |store| {
        let mut expected = Expected::default();
        expected.append_round(&store).await;
        let old = Running::start(balances(&store));
        until("the old one serves", async || serving(&store).await == Some(1)).await;
        let new = Running::start(Projections::new(&store).view::<Turnover>());
        until("the new one serves", async || serving(&store).await == Some(2)).await;
        // The old one stays up to date for those who still read it.
        expected.append_round(&store).await;
        expected.is_reached(&store).await;
        old.stop().await.unwrap();
        let again = Running::start(balances(&store));
        expected.append_round(&store).await;
        expected.is_reached(&store).await;
        until("it has caught up", async || again.status().activity == eventsource::Activity::Live).await;
        assert_eq!(serving(&store).await, Some(2));
        let turnovers = ViewReader::<Turnover>::new(store.clone());
        until("the new one is up to date too", async || {
            turnovers.list().page().await.unwrap().rows.iter().map(|row| row.sum).sum::<i64>() > 0
        })
        .await;
        again.stop().await.unwrap();
        new.stop().await.unwrap();
        let old = store.held_views("balances").await.unwrap().remove(0);
        store.drop_view(&old).await.unwrap();
        assert_eq!(store.held_views("balances").await.unwrap().len(), 1);
        assert_eq!(Turnover::TABLE.version, 2);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn other_columns_of_the_same_version_serve_too_and_an_old_program_does_not_take_the_name_back() {
    on_each(async |store| {
        let serving = async || {
            let held = store.held_views("balances").await.unwrap();
            held.into_iter().find(|held| held.serving).map(|held| held.fingerprint)
        };
        let (old, new) = (Balance::TABLE.fingerprint(), Movements::TABLE.fingerprint());
        // Whichever was made later is the newer one, not the one with the greater fingerprint.
        for (first, second, was, is) in [
            (balances(&store), Projections::new(&store).view::<Movements>(), old, new),
            (Projections::new(&store).view::<Movements>(), balances(&store), new, old),
        ] {
            append(&store, 1, vec![moved(5)]).await;
            let first = Running::start(first);
            until("the first one serves", async || serving().await == Some(was)).await;
            let second = Running::start(second);
            until("the second one serves", async || serving().await == Some(is)).await;
            first.stop().await.unwrap();
            let again = Running::start(if was == old {
                balances(&store)
            } else {
                Projections::new(&store).view::<Movements>()
            });
            until("it has caught up", async || again.status().activity == eventsource::Activity::Live).await;
            assert_eq!(serving().await, Some(is));
            again.stop().await.unwrap();
            second.stop().await.unwrap();
            let held = store.held_views("balances").await.unwrap();
            store.drop_view(held.iter().find(|held| !held.serving).unwrap()).await.unwrap();
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_view_that_is_shut_down_as_soon_as_it_has_everything_serves() {
    on_each(async |store| {
        append(&store, 1, vec![moved(5)]).await;
        let running = Running::start(balances(&store));
        // Before it has looked whether that is all.
        until("the event is handled", async || running.status().handled == 1).await;
        running.stop().await.unwrap();
        assert_eq!(serving(&store).await, Some(1));
    })
    .await;
}
