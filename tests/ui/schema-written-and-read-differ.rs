use eventsource::EventSchema;

#[derive(EventSchema, serde::Serialize)]
struct Money {
    #[serde(skip_serializing)]
    minor: i64,
    #[serde(rename(serialize = "a", deserialize = "b"))]
    currency: String,
}

fn main() {}
