use eventsource::EventSet;

#[derive(EventSet)]
enum Event {}

fn main() {}
