//! RabbitMQ, started, killed and started again.

use std::net::TcpStream;

use eventsource_test_cluster::RabbitMq;

use crate::killed::{CHILD, eventually, kill_owner, owns};

/// Not a test by itself: what the child of the test below does, until it is killed.
#[test]
fn child_that_owns_rabbitmq_until_it_is_killed() {
    if std::env::var_os(CHILD).is_none() {
        return;
    }
    let rabbit = RabbitMq::new().unwrap();
    rabbit.kill().unwrap();
    eventually("the server is gone", || TcpStream::connect(rabbit.address()).is_err());
    rabbit.start().unwrap();
    owns(rabbit.directory(), &rabbit.addresses());
}

#[test]
fn a_rabbitmq_that_was_killed_starts_again_and_a_killed_owner_leaves_nothing_of_it() {
    kill_owner("rabbit::child_that_owns_rabbitmq_until_it_is_killed");
}
