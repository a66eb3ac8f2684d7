use eventsource::Aggregate;

#[derive(Aggregate, Default, Clone)]
#[aggregate(name = "account", events())]
struct Account;

fn main() {}
