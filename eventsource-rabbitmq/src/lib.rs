//! Publishes the events of `eventsource` to RabbitMQ.
