use eventsource::EventSchema;

#[derive(EventSchema)]
struct Node {
    value: i64,
    children: Vec<Node>,
}

fn main() {}
