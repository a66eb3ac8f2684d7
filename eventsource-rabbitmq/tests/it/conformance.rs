//! The book of what every publisher promises.

use std::sync::Arc;

use eventsource::testing::conformance::publishers::{self, Fixture};
use eventsource_rabbitmq::RabbitMq;
use eventsource_test_cluster::RabbitMq as Server;

use crate::queue::Queue;

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn rabbitmq_passes_the_book_for_publishers() {
    // Its own: one of the rules kills it.
    let server = Arc::new(tokio::task::spawn_blocking(Server::new).await.unwrap().unwrap());
    publishers::check(async || {
        let exchange = format!("book-{}", uuid::Uuid::now_v7());
        let queue = Queue::new(&server, &exchange, "#").await;
        let rabbit = RabbitMq::new(&server.url(), &exchange).unwrap();
        let (killed, started) = (server.clone(), server.clone());
        Fixture::new(rabbit, queue).with_outage(
            move || blocking(killed.clone(), |server| server.kill().unwrap()),
            move || blocking(started.clone(), |server| server.start().unwrap()),
        )
    })
    .await;
}

async fn blocking(server: Arc<Server>, work: impl FnOnce(&Server) + Send + 'static) {
    tokio::task::spawn_blocking(move || work(&server)).await.unwrap();
}
