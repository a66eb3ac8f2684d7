//! What follows from the events of an order: given, when, then, without a store.

use eventsource::testing::given;

use super::cart::{CheckedOut, Line};
use super::order::*;
use super::payment::{CardDeclined, Charge, Payment, Received, Return};
use super::shipment::{Request, Sent, Shipment};
use super::stock::{Stock, Take, TakeBack};

fn line(item: &str, pieces: u32, cents: i64) -> Line {
    Line { item: item.into(), pieces, cents }
}

/// Two cups and a teapot.
fn placed(card: Option<&str>) -> Placed {
    let lines = vec![line("cup", 2, 900), line("teapot", 1, 3_900)];
    Placed { customer: "alice".into(), lines, card: card.map(str::to_owned) }
}

fn reserved() -> Reserved {
    Reserved { item: "cup".into() }
}

fn accepted() -> Accepted {
    Accepted { customer: "alice".into() }
}

fn paid() -> Paid {
    Paid { customer: "alice".into(), cents: 4_800 }
}

fn cancelled(because: Because) -> Cancelled {
    Cancelled { customer: "alice".into(), because }
}

fn refunded() -> Refunded {
    Refunded { customer: "alice".into(), cents: 4_800 }
}

#[test]
fn an_order_begins_at_the_checkout_and_once() {
    let checked_out = || CheckedOut { customer: "alice".into(), lines: placed(None).lines, card: None };
    given::<Order>(()).when_hearing(checked_out()).then(placed(None));
    given::<Order>(placed(None)).when_hearing(checked_out()).then_nothing();
}

#[test]
fn lines_are_taken_from_the_shelf_one_after_the_other() {
    given::<Order>(placed(None))
        .when_reacting()
        .then_sends::<Stock, Take>("cup", |take| take.pieces == 2)
        .then_if_done(reserved())
        .then_nothing_more();
    given::<Order>((placed(None), reserved()))
        .when_reacting()
        .then_sends::<Stock, Take>("teapot", |take| take.pieces == 1)
        .then_if_done(accepted())
        .then_nothing_more();
}

#[test]
fn an_order_that_is_short_of_stock_puts_back_what_it_has_and_returns_what_was_paid() {
    given::<Order>((placed(None), reserved(), cancelled(Because::SoldOut)))
        .when_reacting()
        .then_sends::<Stock, TakeBack>("cup", |back| back.pieces == 2)
        .then_nothing_more();
    given::<Order>((placed(None), paid(), reserved(), cancelled(Because::SoldOut)))
        .when_reacting()
        .then_sends::<Stock, TakeBack>("cup", |back| back.pieces == 2)
        .then_sends::<Payment, Return>("given", |_| true)
        .then_if_done(refunded())
        .then_nothing_more();
}

#[test]
fn a_card_is_charged_and_if_it_is_declined_all_is_put_back() {
    let declined = || cancelled(Because::CardDeclined);
    given::<Order>((placed(Some("1")), reserved(), accepted()))
        .when_reacting()
        .then_sends::<Payment, Charge>("given", |charge| charge.card == "1" && charge.cents == 4_800)
        .then_if_refused(CardDeclined, declined())
        .then_nothing_more();
    given::<Order>((placed(Some("1")), reserved(), accepted(), declined()))
        .when_reacting()
        .then_sends::<Stock, TakeBack>("cup", |back| back.pieces == 2)
        .then_sends::<Stock, TakeBack>("teapot", |back| back.pieces == 1)
        .then_nothing_more();
}

#[test]
fn a_transfer_is_waited_for_and_may_be_early_or_late() {
    let expired = || cancelled(Because::NotPaid);
    let received = || Received { cents: 4_800 };
    given::<Order>((placed(None), reserved(), accepted()))
        .when_reacting()
        .then_after(PAY_WITHIN, "unpaid")
        .then_nothing_more();
    given::<Order>((placed(None), reserved(), accepted())).when_timer("unpaid").then(expired());
    given::<Order>((placed(None), reserved(), accepted())).when_hearing(received()).then(paid());
    given::<Order>((placed(None), reserved(), accepted(), paid()))
        .when_reacting()
        .then_cancels("unpaid")
        .then_sends::<Shipment, Request>("given", |request| request.contents == "2 cup, 1 teapot")
        .then_nothing_more();
    given::<Order>((placed(None), reserved(), accepted(), paid())).when_timer("unpaid").then_nothing();
    // Early: the parcel is asked for when all is there, and once.
    given::<Order>((placed(None), paid())).when_reacting().then_cancels("unpaid").then_nothing_more();
    given::<Order>((placed(None), paid(), reserved(), accepted()))
        .when_reacting()
        .then_sends::<Shipment, Request>("given", |_| true)
        .then_nothing_more();
    // Late: it goes back.
    given::<Order>((placed(None), reserved(), accepted(), expired())).when_hearing(received()).then(paid());
    given::<Order>((placed(None), reserved(), accepted(), expired(), paid()))
        .when_reacting()
        .then_cancels("unpaid")
        .then_sends::<Payment, Return>("given", |_| true)
        .then_if_done(refunded())
        .then_nothing_more();
}

#[test]
fn an_order_is_shipped_when_its_parcel_is_sent() {
    let shipped = Shipped { customer: "alice".into() };
    given::<Order>((placed(None), reserved(), accepted(), paid())).when_hearing(Sent {}).then(shipped);
    given::<Order>((placed(None), reserved(), cancelled(Because::SoldOut))).when_hearing(Sent {}).then_nothing();
}
