use eventsource::EventSchema;

#[derive(EventSchema, serde::Serialize)]
struct Money {
    #[serde(serialize_with = "write")]
    minor: i64,
}

fn write<S: serde::Serializer>(_: &i64, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str("")
}

fn main() {}
