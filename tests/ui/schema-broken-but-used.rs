use eventsource::EventSchema;

#[derive(EventSchema, serde::Serialize)]
#[serde(into = "i64")]
#[derive(Clone)]
struct Money(i64);

impl From<Money> for i64 {
    fn from(money: Money) -> i64 {
        money.0
    }
}

#[derive(EventSchema)]
struct Order {
    total: Money,
}

fn main() {}
