use eventsource::{Aggregate, Apply, DomainEvent, Repository, execute_all};
use serde::{Deserialize, Serialize};

#[derive(DomainEvent, Serialize, Deserialize)]
#[event(name = "customer.joined", version = 1)]
struct Joined {}

#[derive(Aggregate, Default, Clone)]
#[aggregate(name = "customer", events(Joined))]
struct Customer;

impl Apply<Joined> for Customer {
    fn apply(&mut self, _: &Joined) {}
}

#[derive(DomainEvent, Serialize, Deserialize)]
#[event(name = "order.placed", version = 1)]
struct Placed {}

#[derive(Aggregate, Default, Clone)]
#[aggregate(name = "order", events(Placed))]
struct Order;

impl Apply<Placed> for Order {
    fn apply(&mut self, _: &Placed) {}
}

fn place(customers: Repository<Customer>, orders: Repository<Order>) {
    let _never_polled = execute_all((customers.part("anna"), orders.part("1")), |_| Placed {});
}

fn main() {}
