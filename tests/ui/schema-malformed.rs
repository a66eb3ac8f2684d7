use eventsource::EventSchema;

#[derive(EventSchema)]
struct Money {
    #[event(schema = "{ minor i64 }")]
    minor: Vec<i64>,
    #[event(schema = "int")]
    other: Vec<i64>,
}

fn main() {}
