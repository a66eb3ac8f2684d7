use eventsource::{Aggregate, Apply};

#[derive(Aggregate, Default, Clone)]
#[aggregate(name = "account", events(a::Opened, b::Opened))]
struct Account;

mod a {
    #[derive(eventsource::DomainEvent, serde::Serialize, serde::Deserialize)]
    #[event(name = "a.opened", version = 1)]
    pub struct Opened {}
}

mod b {
    #[derive(eventsource::DomainEvent, serde::Serialize, serde::Deserialize)]
    #[event(name = "b.opened", version = 1)]
    pub struct Opened {}
}

impl Apply<a::Opened> for Account {
    fn apply(&mut self, _: &a::Opened) {}
}

impl Apply<b::Opened> for Account {
    fn apply(&mut self, _: &b::Opened) {}
}

fn main() {}
