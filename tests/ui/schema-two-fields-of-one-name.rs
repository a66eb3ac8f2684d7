use eventsource::EventSchema;

#[derive(EventSchema, serde::Serialize)]
#[serde(rename_all = "camelCase")]
struct Money {
    minor_units: i64,
    #[serde(rename = "minorUnits")]
    other: i64,
}

fn main() {}
