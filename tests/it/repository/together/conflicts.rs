//! Others who write while it is decided.

use std::sync::Mutex;

use eventsource::{ExpectedVersion, Retry, Version, execute_all};

use super::*;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_conflict_in_any_part_written_or_only_read_is_decided_again_on_the_newer_states() {
    on_each(async |accounts| {
        let (customers, orders) = shop(&accounts);
        let other = Repository::<Account>::new(accounts.store().clone());
        for moves in ["alice", "bob"] {
            let (before, meanwhile, seen) =
                (accounts.load(moves).await.unwrap().cents, Meanwhile::times(2), Mutex::default());
            let both = (accounts.part("alice"), accounts.part("bob"));
            let done = execute_all(both, |(alice, bob): (&Account, &Account)| {
                let of = if moves == "alice" { alice } else { bob };
                Vec::push(&mut seen.lock().unwrap(), of.cents);
                meanwhile.happens(other.execute(moves, |_| deposited(100)));
                (deposited(1), deposited(1))
            });
            let (alice, bob) = done.await.unwrap();
            assert_eq!(*seen.lock().unwrap(), [before, before + 100, before + 200], "{moves} as it was decided on");
            let moved = if moves == "alice" { alice } else { bob };
            assert_eq!(moved.cents, before + 201);
        }
        customers.execute("anna", |_| Joined {}).await.unwrap();
        let (meanwhile, seen) = (Meanwhile::times(1), Mutex::default());
        let refused = execute_all((customers.part("anna"), orders.part("1")), |(anna, order)| {
            Vec::push(&mut seen.lock().unwrap(), anna.is_active);
            meanwhile.happens(customers.execute("anna", |_| Left {}));
            place((anna, order))
        });
        assert_eq!(refused.await.unwrap_err().refusal(), Some(&NotActive));
        assert_eq!(*seen.lock().unwrap(), [true, false]);
        assert!(!orders.exists("1").await.unwrap());
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn when_attempts_run_out_the_conflict_names_the_stream_that_had_moved() {
    on_each(async |accounts| {
        let other = Repository::<Account>::new(accounts.store().clone());
        // The repository that tries less often decides.
        let twice = accounts.clone().with_retry(Retry::attempts(2));
        for (moves, writes) in [("alice", true), ("bob", true), ("alice", false), ("bob", false)] {
            let (before, meanwhile, asked) =
                (accounts.load(moves).await.unwrap().version.0, Meanwhile::times(9), AtomicUsize::new(0));
            let done = execute_all((accounts.part("alice"), twice.part("bob")), |_| {
                asked.fetch_add(1, SeqCst);
                meanwhile.happens(other.execute(moves, |_| deposited(1)));
                // What moves is written, or only read.
                ((writes || moves == "bob").then(|| deposited(1)), (writes || moves == "alice").then(|| deposited(1)))
            });
            let expected = ExpectedVersion::Exact(Version(before + 1));
            let found = Conflict::new(accounts.stream(moves).unwrap(), expected, Version(before + 2));
            assert_eq!(conflict(done.await), found, "{moves} is written: {writes}");
            assert_eq!(asked.into_inner(), 2);
        }
        let all = accounts.load("alice").await.unwrap().cents + accounts.load("bob").await.unwrap().cents;
        assert_eq!(all, 8, "only the others' have been stored");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_decided_before_a_conflict_is_never_stored_behind_it() {
    on_each(async |accounts| {
        let other = Repository::<Account>::new(accounts.store().clone());
        let (meanwhile, asked) = (Meanwhile::times(1), AtomicUsize::new(0));
        let done = execute_all(vec![accounts.part("alice"), accounts.part("bob")], |_| {
            meanwhile.happens(other.execute("bob", |_| deposited(1)));
            // The second time it says nothing of bob.
            vec![deposited(1); 2 - asked.fetch_add(1, SeqCst)]
        });
        assert!(store_error(done.await).is_invalid());
        assert_eq!(accounts.load("bob").await.unwrap().version, Version(1));
        assert!(!accounts.exists("alice").await.unwrap());
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_version_that_the_caller_names_for_a_part_is_not_tried_again() {
    on_each(async |accounts| {
        accounts.execute("bob", |_| deposited(1)).await.unwrap();
        let of_bob = |expected| (accounts.part("alice"), accounts.part("bob").expecting(expected));
        for expected in [ExpectedVersion::NoStream, Version(2).into()] {
            let never = |_: (&Account, &Account)| -> (Deposited, Deposited) { panic!("was asked to decide") };
            let found = Conflict::new(accounts.stream("bob").unwrap(), expected, Version(1));
            assert_eq!(conflict(execute_all(of_bob(expected), never).await), found);
        }
        for writes in [true, false] {
            let other = Repository::<Account>::new(accounts.store().clone());
            let at = accounts.load("bob").await.unwrap().version;
            let (meanwhile, asked) = (Meanwhile::times(1), AtomicUsize::new(0));
            let done = execute_all(of_bob(at.into()), |_| {
                asked.fetch_add(1, SeqCst);
                meanwhile.happens(other.execute("bob", |_| deposited(1)));
                (deposited(1), writes.then(|| deposited(1)))
            });
            let found = Conflict::new(accounts.stream("bob").unwrap(), at.into(), Version(at.0 + 1));
            assert_eq!(conflict(done.await), found, "written: {writes}");
            assert_eq!(asked.into_inner(), 1);
        }
        let at = accounts.load("bob").await.unwrap().version;
        let (alice, bob) = execute_all(of_bob(at.into()), |_| (deposited(1), deposited(1))).await.unwrap();
        assert_eq!((alice.version, bob.version), (Version(1), Version(at.0 + 1)));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_decision_that_stores_nothing_leaves_only_when_all_stand_as_they_were_read() {
    on_each(async |accounts| {
        let other = Repository::<Account>::new(accounts.store().clone());
        accounts.execute("alice", |_| deposited(10)).await.unwrap();
        for moves in ["alice", "bob"] {
            let meanwhile = Meanwhile::times(1);
            let done = execute_all((accounts.part("alice"), accounts.part("bob")), |(alice, bob)| {
                meanwhile.happens(other.execute(moves, |_| deposited(10)));
                let wanted = if moves == "alice" { 20 } else { 30 };
                let there = alice.cents + bob.cents;
                if there < wanted { Err(NotEnough { wanted, there }) } else { Ok(((), ())) }
            });
            let (alice, bob) = done.await.unwrap();
            let shown = (alice.cents, bob.cents);
            assert_eq!(shown, if moves == "alice" { (20, 0) } else { (20, 10) });
            let meanwhile = Meanwhile::times(1);
            let nothing = execute_all((accounts.part("alice"), accounts.part("bob")), |_| {
                meanwhile.happens(other.execute(moves, |account| account.withdraw(1)));
                ((), ())
            });
            let (alice, bob) = nothing.await.unwrap();
            assert_eq!(alice.cents + bob.cents, shown.0 + shown.1 - 1, "{moves} has moved meanwhile");
            other.execute(moves, |_| deposited(1)).await.unwrap();
        }
    })
    .await;
}
