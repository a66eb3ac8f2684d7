use eventsource::EventSchema;

struct Currency;

#[derive(EventSchema)]
struct Money {
    minor: i64,
    currency: Vec<Currency>,
}

fn main() {}
