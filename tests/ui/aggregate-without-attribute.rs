use eventsource::Aggregate;

#[derive(Aggregate, Default, Clone)]
struct Account;

fn main() {}
