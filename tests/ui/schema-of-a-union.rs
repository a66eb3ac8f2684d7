use eventsource::EventSchema;

#[derive(EventSchema)]
union Money {
    minor: i64,
}

fn main() {}
