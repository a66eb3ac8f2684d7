use eventsource::EventSet;

#[derive(EventSet)]
struct Event {
    id: u64,
}

fn main() {}
