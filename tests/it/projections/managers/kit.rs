//! The kit for tests of process managers: what passes, what fails, and what a failure says.

use std::panic::{AssertUnwindSafe, catch_unwind};

use eventsource::ProcessManager;
use eventsource::testing::{given, recorded};

use super::orders::*;
use super::transfer::*;

fn requested() -> Requested {
    Requested { from: "alice".into(), to: "bob".into(), cents: 70 }
}

#[test]
fn a_reaction_is_shown_with_its_commands_what_they_become_and_its_timers() {
    given::<Transfer>(requested())
        .when_reacting()
        .then_sends::<Account, Withdraw>("alice", |withdraw| withdraw.cents == 70 && withdraw.slip == "given")
        .then_if_done(Taken {})
        .then_if_refused(No::Missing(3), Refused { because: "3 cents are missing".into() })
        .then_nothing_more();
    given::<Transfer>((requested(), Taken {}))
        .when_reacting()
        .then_sends::<Account, Deposit>("bob", |deposit| deposit.cents == 70)
        .then_if_refused(No::NotOpen, Bounced { because: "the account is not open".into() })
        .then_nothing_more();
    given::<Transfer>((requested(), Taken {}, Arrived {})).when_reacting().then_nothing_more();
    given::<Order>(Placed { shop: "shop".into(), waits: 14 * DAY })
        .when_reacting()
        .then_after(REMINDED_AFTER, "remind")
        .then_after(14 * DAY, "overdue")
        .then_nothing_more();
    given::<Order>((Placed { shop: "shop".into(), waits: DAY }, Paid { cents: 5 }))
        .when_reacting()
        .then_cancels("overdue")
        .then_cancels("remind")
        .then_sends::<Account, Deposit>("shop", |deposit| deposit.cents == 5)
        .then_nothing_more();
}

#[test]
fn what_is_heard_and_what_a_timer_means_are_decisions() {
    let placed = || Placed { shop: "shop".into(), waits: DAY };
    let received = || Received { order: "17".into(), cents: 5 };
    assert_eq!(Order::instance(&recorded(received())).as_deref(), Some("17"));
    given::<Order>(placed()).when_hearing(received()).then(Paid { cents: 5 });
    given::<Order>(()).when_hearing(received()).then_nothing();
    given::<Order>(placed()).when_timer("overdue").then(Expired {});
    given::<Order>((placed(), Paid { cents: 5 })).when_timer("overdue").then_nothing();
}

#[test]
fn what_is_not_as_expected_fails_and_says_what_is() {
    let reacts = || given::<Transfer>(requested()).when_reacting();
    let takes = || reacts().then_sends::<Account, Withdraw>("alice", |_| true);
    fails("a command to account-bob, but it sends Withdraw to account-alice", || {
        reacts().then_sends::<Account, Withdraw>("bob", |_| true).then_nothing_more();
    });
    fails("a command to account-alice, but it sends Withdraw to account-alice", || {
        reacts().then_sends::<Account, Deposit>("alice", |_| true).then_nothing_more();
    });
    fails("Withdraw to account-alice is not right", || {
        reacts().then_sends::<Account, Withdraw>("alice", |withdraw| withdraw.cents == 71).then_nothing_more();
    });
    fails("no command to account-alice follows", || {
        takes().then_sends::<Account, Withdraw>("alice", |_| true).then_nothing_more();
    });
    fails("decided  transfer.taken v1 {}", || takes().then_if_done(Arrived {}).then_nothing_more());
    fails("decided  transfer.refused", || {
        takes().then_if_refused(No::NotOpen, Refused { because: "no".into() }).then_nothing_more();
    });
    fails("is not refused with a i32", || takes().then_if_refused(3, Arrived {}).then_nothing_more());
    fails("no command was looked at", || reacts().then_if_done(Taken {}).then_nothing_more());
    fails("more follows: Reacted { commands: [((\"account\", \"Withdraw\"), \"alice\")]", || {
        reacts().then_nothing_more()
    });
    fails("timer \"late\" is neither set nor cancelled", || takes().then_after(DAY, "late").then_nothing_more());
    fails("nothing has happened", || given::<Transfer>(()).when_reacting().then_nothing_more());
    fails("hears of no such event", || drop(given::<Order>(()).when_hearing(Taken {})));
    let placed = || given::<Order>(Placed { shop: "shop".into(), waits: DAY }).when_reacting();
    fails("\"overdue\" runs out after another time", || placed().then_after(2 * DAY, "overdue").then_nothing_more());
    fails("\"overdue\" is set", || placed().then_cancels("overdue").then_nothing_more());
    fails("more follows", || placed().then_after(DAY, "overdue").then_nothing_more());
}

#[track_caller]
fn fails(wanted: &str, test: impl FnOnce()) {
    let panic = catch_unwind(AssertUnwindSafe(test)).expect_err("nothing failed");
    let said = panic.downcast_ref::<String>().cloned();
    let said = said.or_else(|| panic.downcast_ref::<&str>().map(|&text| text.to_owned())).unwrap();
    assert!(said.contains(wanted), "{said}");
}
