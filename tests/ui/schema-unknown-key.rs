use eventsource::EventSchema;

#[derive(EventSchema)]
#[event(name = "money", shema = "i64")]
struct Money {
    #[event(version = 1)]
    minor: i64,
}

fn main() {}
