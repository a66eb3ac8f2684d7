//! What the domain decides: given what happened, when something is wanted, then this follows.

use eventsource::Aggregate;
use eventsource::testing::given;

use super::domain::{Account, Close, Closed, Credited, Debited, Direction, Opened, Overdrawn, Post, Refusal, Withdraw};
use super::money::Money;

const TEN: Money = Money::crowns(10);
const TWENTY: Money = Money::crowns(20);

fn opened() -> Opened {
    Opened { owner: "Alice".to_owned() }
}

fn credited(amount: Money) -> Credited {
    Credited { amount, purpose: "salary".to_owned() }
}

fn debited(amount: Money) -> Debited {
    Debited { amount, text: "rent".to_owned() }
}

fn post(direction: Direction, amount: Money) -> Post {
    let text = if direction == Direction::Credit { "salary" } else { "rent" };
    Post { owner: "Alice".to_owned(), direction, amount, text: text.to_owned() }
}

#[test]
fn the_whole_balance_may_be_withdrawn() {
    given::<Account>((opened(), credited(TEN)))
        .when_handling(&Withdraw { amount: TEN })
        .then(Debited { amount: TEN, text: "withdrawal".to_owned() })
        .then_state(|account| assert_eq!(account.balance, Money::ZERO));
}

#[test]
fn a_withdrawal_beyond_the_balance_is_refused_with_both_amounts() {
    let refusal =
        given::<Account>((opened(), credited(TEN))).when_handling(&Withdraw { amount: TWENTY }).then_refused();
    assert_eq!(refusal, Refusal::BeyondBalance { amount: TWENTY, balance: TEN });
    assert_eq!(refusal.to_string(), "20.00 Kč is more than the balance of 10.00 Kč");
}

#[test]
fn nothing_and_less_cannot_be_withdrawn() {
    for amount in [Money::ZERO, Money::hundredths(-1)] {
        let refusal = given::<Account>((opened(), credited(TEN))).when_handling(&Withdraw { amount }).then_refused();
        assert_eq!(refusal, Refusal::NotAnAmount(amount));
    }
}

#[test]
fn an_account_without_money_may_be_closed_once() {
    given::<Account>((opened(), credited(TEN), debited(TEN))).when_handling(&Close).then(Closed {});
    assert_eq!(given::<Account>((opened(), Closed {})).when_handling(&Close).then_refused(), Refusal::Closed);
}

#[test]
fn an_account_with_money_or_debt_cannot_be_closed() {
    let refusal = given::<Account>((opened(), credited(TEN))).when_handling(&Close).then_refused();
    assert_eq!(refusal, Refusal::NotEmpty { balance: TEN });
    let refusal = given::<Account>((opened(), debited(TEN))).when_handling(&Close).then_refused();
    assert_eq!(refusal.to_string(), "the balance is -10.00 Kč, not zero");
}

#[test]
fn an_account_that_was_never_opened_refuses_everything() {
    let withdraw = Withdraw { amount: TEN };
    assert_eq!(given::<Account>(()).when_handling(&withdraw).then_refused(), Refusal::Unknown);
    assert_eq!(given::<Account>(()).when_handling(&Close).then_refused(), Refusal::Unknown);
}

#[test]
fn the_first_row_of_a_ledger_opens_the_account() {
    given::<Account>(()).when_handling(&post(Direction::Credit, TEN)).then((opened(), credited(TEN)));
    given::<Account>((opened(), credited(TEN))).when_handling(&post(Direction::Credit, TWENTY)).then(credited(TWENTY));
}

#[test]
fn a_row_of_a_ledger_below_zero_is_recorded_and_noted_once() {
    let balance = Money::crowns(-10);
    given::<Account>((opened(), credited(TEN)))
        .when_handling(&post(Direction::Debit, TWENTY))
        .then((debited(TWENTY), Overdrawn { balance }))
        .then_state(|account| assert_eq!(account.balance, balance));
    given::<Account>((opened(), debited(TEN), Overdrawn { balance }))
        .when_handling(&post(Direction::Debit, TEN))
        .then(debited(TEN));
}

#[test]
fn a_row_of_a_ledger_on_a_closed_account_is_recorded_because_it_happened() {
    given::<Account>((opened(), Closed {})).when_handling(&post(Direction::Credit, TEN)).then(credited(TEN));
}

#[test]
fn the_stored_names_are_those_that_were_promised() {
    let names = eventsource::stored_names::<<Account as Aggregate>::Event>();
    let promised = ["account.opened", "account.credited", "account.debited", "account.overdrawn", "account.closed"];
    assert_eq!(names, promised);
}

#[test]
fn money_is_read_and_written_to_the_hundredth() {
    for (text, hundredths, plain, grouped) in [
        ("0", 0, "0.00", "0.00"),
        ("0.05", 5, "0.05", "0.05"),
        ("-0.5", -50, "-0.50", "-0.50"),
        ("1234.56", 123_456, "1234.56", "1,234.56"),
        ("-1000000.00", -100_000_000, "-1000000.00", "-1,000,000.00"),
    ] {
        let money: Money = text.parse().unwrap();
        assert_eq!(money, Money::hundredths(hundredths));
        assert_eq!((money.to_string(), format!("{money:#}")), (plain.to_owned(), grouped.to_owned()));
    }
    for wrong in ["", "-", ".5", "5.", "1e3", "١.00", "1.234", "+1", " 1"] {
        assert!(wrong.parse::<Money>().is_err(), "{wrong:?}");
    }
}
