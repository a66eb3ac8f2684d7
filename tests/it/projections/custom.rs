//! Projections of one's own: what they write and how far they have come is one transaction, whatever happens to it.

use std::sync::atomic::Ordering::SeqCst;
use std::time::Duration;

use eventsource::{
    Activity, BoxError, EventStore, Projection, Projections, Read, Recorded, TransactionalStore, ViewStore,
};

use super::tally::*;
use super::things::*;
use crate::wrapped::Fault;

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_projection_of_ones_own_counts_each_event_once_whatever_is_lost() {
    async fn test<S: ViewStore + TransactionalStore<Connection: Counting>>(side: Side<S>) {
        let mut expected = Expected::default();
        for _ in 0..30 {
            expected.append_round(&side.store).await;
        }
        for (round, batch) in [1, 7, 1_000].into_iter().cycle().take(9).enumerate() {
            let running = Running::start(side.tally(&Tally::default()).batch(batch));
            for _ in 0..5 {
                expected.append_round(&side.store).await;
            }
            match round % 3 {
                0 => side.store.fail(Fault::Transient, 3),
                1 => side.store.fail_writes(Fault::Transient, 3),
                // Committed, and the answer is lost.
                _ => side.store.fail_writes(Fault::Unanswered, 2),
            }
            for _ in 0..5 {
                expected.append_round(&side.store).await;
            }
            side.reaches(&expected).await;
            until("the faults have happened", async || {
                expected.append_round(&side.store).await;
                side.store.faults_left() == 0
            })
            .await;
            side.reaches(&expected).await;
            running.stop().await.unwrap();
        }
    }
    on_each_side!(test);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn when_the_owner_of_a_projection_is_killed_another_goes_on_and_nothing_is_counted_twice() {
    async fn test<S: ViewStore + TransactionalStore<Connection: Counting>>(side: Side<S>) {
        let mut expected = Expected::default();
        let tally = Tally::default();
        let mut running: Vec<Running> = (0..3).map(|_| Running::start(side.tally(&tally).batch(3))).collect();
        while !running.is_empty() {
            until("somebody owns it", async || running.iter().any(Running::owns)).await;
            for _ in 0..20 {
                expected.append_round(&side.store).await;
                let owners = running.iter().filter(|running| running.owns()).count();
                assert!(owners <= 1, "{owners} own it");
            }
            let owner = running.iter().position(Running::owns).unwrap();
            running.remove(owner).kill().await;
        }
        let last = Running::start(side.tally(&tally));
        side.reaches(&expected).await;
        last.stop().await.unwrap();
    }
    on_each_side!(test);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn an_owner_that_is_taken_over_inside_its_transaction_has_written_nothing() {
    async fn test<S: ViewStore + TransactionalStore<Connection: Counting>>(side: Side<S>) {
        let mut expected = Expected::default();
        for _ in 0..10 {
            expected.append_round(&side.store).await;
        }
        // Its first renewal hangs while it counts, for longer than its lease.
        let (store, (slow, here, go_on)) = (side.store.apart(), Tally::waiting());
        let first = Running::start(Side::tally_on(&store, &slow));
        in_time(here.notified()).await;
        store.fail_claims(Fault::Late(Duration::from_secs(60)), 1);
        let second = Running::start(side.tally(&Tally::default()));
        if !side.writes_one_by_one {
            until("the second has taken over", async || second.owns()).await;
        }
        go_on.notify_one();
        if !side.writes_one_by_one {
            until("the first was refused", async || first.status().last_error.is_some()).await;
            let status = first.status();
            assert!(status.last_error.as_ref().unwrap().contains("refused to owner 1"), "{status:?}");
            assert_eq!(status.handled, 0);
        }
        for _ in 0..10 {
            expected.append_round(&side.store).await;
        }
        side.reaches(&expected).await;
        first.kill().await;
        expected.append_round(&side.store).await;
        side.reaches(&expected).await;
        second.stop().await.unwrap();
    }
    on_each_side!(test);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_projection_that_takes_longer_than_its_lease_keeps_it() {
    async fn test<S: ViewStore + TransactionalStore<Connection: Counting>>(side: Side<S>) {
        let (slow, here, go_on) = Tally::waiting();
        let first = Running::start(side.tally(&slow));
        let mut expected = Expected::default();
        until("the first owns it", async || first.owns()).await;
        append(&side.store, 1, vec![moved(1)]).await;
        in_time(here.notified()).await;
        let second = Running::start(side.tally(&Tally::default()));
        tokio::time::sleep(Duration::from_millis(2_500)).await;
        assert!(!second.owns());
        go_on.notify_one();
        until("it has come through", async || side.tallies().await.contains_key("1")).await;
        assert_eq!(first.status().last_error, None);
        first.stop().await.unwrap();
        append(&side.store, 1, vec![eventsource::NewEvent::encode(&Closed {}).unwrap()]).await;
        expected.append_round(&side.store).await;
        side.reaches(&expected).await;
        second.stop().await.unwrap();
    }
    on_each_side!(test);
}

/// In SQLite it waits for the very transaction, and somebody who wants to take over may wait behind it.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_renewal_that_is_under_way_when_the_work_ends_is_not_given_up() {
    async fn test<S: ViewStore + TransactionalStore<Connection: Counting>>(side: Side<S>) {
        let (slow, here, go_on) = Tally::waiting();
        let running = Running::start(side.tally(&slow).lease(Duration::from_secs(2)));
        until("it owns it", async || running.owns()).await;
        let claims = || side.store.counts.claims.load(SeqCst);
        append(&side.store, 1, vec![moved(1)]).await;
        in_time(here.notified()).await;
        let before = claims();
        side.store.fail_claims(Fault::Late(Duration::from_millis(300)), 1);
        until("the renewal is under way", async || claims() > before).await;
        go_on.notify_one();
        until("it has come through", async || side.tallies().await.contains_key("1")).await;
        running.stop().await.unwrap();
        assert_eq!(side.store.counts.answered_claims.load(SeqCst), claims());
    }
    on_each_side!(test);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn what_fails_in_a_projection_is_undone_stops_it_and_is_done_when_it_runs_again() {
    async fn test<S: ViewStore + TransactionalStore<Connection: Counting>>(side: Side<S>) {
        let mut expected = Expected::default();
        for (mishap, told) in [(Mishap::Fails(u32::MAX), "ink"), (Mishap::Panics, "pen")] {
            let before = side.tallies().await;
            expected.append_round(&side.store).await;
            // Whoever panics gives nothing back: the next owner waits for the end of the lease.
            let running = Running::start(side.tally(&Tally::with(mishap)).retry(Duration::from_millis(50)));
            let statuses = running.statuses.clone();
            let error = running.ended().await.unwrap_err();
            assert!(error.to_string().contains(told), "{error}");
            let status = statuses.all().remove(0);
            assert_eq!((status.name.as_str(), status.activity), ("tally v1", Activity::Stopped));
            assert_eq!(side.tallies().await, before);
            let running = Running::start(side.tally(&Tally::default()));
            side.reaches(&expected).await;
            running.stop().await.unwrap();
        }
    }
    on_each_side!(test);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_projection_that_fails_for_a_while_goes_on_by_itself_and_counts_once() {
    async fn test<S: ViewStore + TransactionalStore<Connection: Counting>>(side: Side<S>) {
        let mut expected = Expected::default();
        expected.append_round(&side.store).await;
        let tally = Tally::with(Mishap::Fails(4));
        let running = Running::start(side.tally(&tally));
        side.reaches(&expected).await;
        assert!(tally.next.lock().unwrap().is_none());
        let status = running.status();
        assert!(status.last_error.is_some_and(|error| error.contains("ink")));
        running.stop().await.unwrap();
    }
    on_each_side!(test);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_projection_that_ends_the_transaction_of_the_store_is_noticed() {
    async fn test<S: ViewStore + TransactionalStore<Connection: Counting>>(side: Side<S>) {
        for statement in ["COMMIT", "ROLLBACK", "COMMIT; BEGIN", "ROLLBACK; BEGIN"] {
            append(&side.store, 1, vec![moved(1)]).await;
            let error =
                Running::start(side.tally(&Tally::with(Mishap::Executes(statement)))).ended().await.unwrap_err();
            assert!(error.to_string().contains("was ended before its time"), "{statement}: {error}");
            let running = Running::start(side.tally(&Tally::default()));
            until("it runs again", async || running.owns()).await;
            running.stop().await.unwrap();
        }
    }
    let folder = tempfile::tempdir().unwrap();
    test(in_sqlite(&folder).await).await;
    let database = crate::postgres::database().await;
    test(in_postgres(&database).await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_projection_that_ends_the_transaction_and_then_fails_is_not_repeated() {
    async fn test<S: ViewStore + TransactionalStore<Connection: Counting>>(side: Side<S>) {
        for (n, statement) in (1..).zip(["COMMIT", "COMMIT; BEGIN"]) {
            let id = format!("{n}");
            append(&side.store, n, vec![moved(1)]).await;
            let running = Running::start(side.tally(&Tally::with(Mishap::FailsBehind(statement))));
            let error = running.ended().await.unwrap_err().to_string();
            assert!(error.contains("was ended before its time") && error.contains("ink"), "{statement}: {error}");
            assert_eq!(side.tallies().await.get(&id), Some(&(1, 1)), "{statement}");
        }
    }
    let folder = tempfile::tempdir().unwrap();
    test(in_sqlite(&folder).await).await;
    let database = crate::postgres::database().await;
    test(in_postgres(&database).await).await;
}

/// Another version of what the tally is, in a table of its own.
struct Doubled;

impl<C: Counting> Projection<C> for Doubled {
    type Event = Moved;
    const NAME: &'static str = "tally";
    const VERSION: u32 = 2;

    async fn handle(&self, events: &[Recorded<Moved>], connection: &mut C) -> Result<(), BoxError> {
        for event in events {
            connection.add("doubled", 2 * event.event.cents).await?;
        }
        Ok(())
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_raised_version_of_a_projection_begins_anew_beside_the_old_one() {
    async fn test<S: ViewStore + TransactionalStore<Connection: Counting>>(side: Side<S>) {
        append(&side.store, 1, vec![moved(3)]).await;
        let old = Running::start(side.tally(&Tally::default()));
        until("the old one has counted", async || side.tallies().await.len() == 1).await;
        let new = Running::start(Projections::new(&side.store).projection(Doubled));
        append(&side.store, 1, vec![moved(4)]).await;
        until("both have", async || {
            let tallies = side.tallies().await;
            tallies.get("1") == Some(&(7, 2)) && tallies.get("doubled") == Some(&(14, 2))
        })
        .await;
        old.stop().await.unwrap();
        new.stop().await.unwrap();
    }
    on_each_side!(test);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_projection_makes_its_tables_before_there_is_an_event() {
    let folder = tempfile::tempdir().unwrap();
    let side = in_sqlite(&folder).await;
    // Something of others, so that its checkpoint moves.
    append(&side.store, 1, vec![eventsource::NewEvent::encode(&Noted {}).unwrap()]).await;
    let running = Running::start(side.tally(&Tally::default()));
    until("it is live", async || running.status().activity == Activity::Live).await;
    running.stop().await.unwrap();
    let file = format!("sqlite://{}", folder.path().join("tally.db").display());
    let mut connection = <sqlx::SqliteConnection as sqlx::Connection>::connect(&file).await.unwrap();
    sqlx::query("SELECT * FROM tally").fetch_all(&mut connection).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn on_postgresql_a_projection_lives_through_a_connection_that_is_killed() {
    let database = crate::postgres::database().await;
    let side = in_postgres(&database).await;
    let mut expected = Expected::default();
    for _ in 0..4 {
        let kill = Tally::with(Mishap::Executes("SELECT pg_terminate_backend(pg_backend_pid())"));
        let running = Running::start(side.tally(&kill));
        expected.append_round(&side.store).await;
        side.reaches(&expected).await;
        assert!(kill.next.lock().unwrap().is_none());
        running.stop().await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn on_postgresql_an_error_that_a_projection_passes_over_undoes_its_batch() {
    let database = crate::postgres::database().await;
    let side = in_postgres(&database).await;
    append(&side.store, 1, vec![moved(1)]).await;
    let careless = Tally::with(Mishap::Executes("SELECT 1 / 0"));
    let error = Running::start(side.tally(&careless)).ended().await.unwrap_err();
    assert!(error.to_string().contains("passed over"), "{error}");
    assert!(side.tallies().await.is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn on_postgresql_no_reader_waits_for_the_transaction_of_a_projection() {
    let database = crate::postgres::database().await;
    let side = in_postgres(&database).await;
    let (slow, here, go_on) = Tally::waiting();
    let running = Running::start(side.tally(&slow));
    append(&side.store, 1, vec![moved(1)]).await;
    in_time(here.notified()).await;
    append(&side.store, 2, vec![moved(2)]).await;
    let mut seen = 0;
    let visit = &mut |_: &eventsource::RawEvent<'_>| {
        seen += 1;
        Ok(())
    };
    let page = side.store.read(&Read::all(), visit).await.unwrap();
    assert_eq!((seen, page.at_end), (2, true));
    go_on.notify_one();
    until("both are counted", async || side.tallies().await.len() == 2).await;
    running.stop().await.unwrap();
}
