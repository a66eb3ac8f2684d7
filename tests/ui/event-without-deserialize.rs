use eventsource::DomainEvent;
#[derive(DomainEvent)]
#[event(name = "account.deposited", version = 1)]
struct Deposited {
    cents: u64,
}

fn main() {}
