use eventsource::Aggregate;

#[derive(Aggregate, Default, Clone)]
#[aggregate(name = "account")]
struct Account;

fn main() {}
