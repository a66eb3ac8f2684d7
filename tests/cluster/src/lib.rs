//! Servers for tests and benchmarks: throw-away PostgreSQL clusters, databases, pgbouncer, RabbitMQ, and a network that can be
//! bad.
//!
//! All of it is gone when the process ends, in whatever way it ends. [`Cluster`], [`PgBouncer`], [`RabbitMq`] and
//! [`Proxy`] block while they start and stop (a second at most, RabbitMQ some seconds); only [`Database::create`] is asynchronous.

mod binaries;
mod bouncer;
mod cluster;
mod database;
mod directory;
mod error;
mod guard;
mod proxy;
mod rabbit;
mod random;
mod settings;
mod url;

pub use bouncer::{PgBouncer, PgBouncerBuilder};
pub use cluster::{Cluster, ClusterBuilder};
pub use database::Database;
pub use error::Error;
pub use proxy::Proxy;
pub use rabbit::RabbitMq;
