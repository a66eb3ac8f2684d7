use eventsource::Aggregate;

#[derive(Aggregate, Default, Clone)]
#[aggregate(name = "account", events(Deposited))]
struct Account;

fn main() {}
