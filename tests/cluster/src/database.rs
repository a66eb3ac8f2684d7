//! A fresh database for one test.

use std::net::SocketAddr;
use std::time::Duration;

use sqlx::{AssertSqlSafe, Connection, PgConnection};

use crate::{Cluster, Error, random, url};

/// Names a server to use instead of a private cluster.
const SERVER: &str = "DATABASE_URL";
/// So that somebody who finds one on a server of theirs knows whose it was.
const PREFIX: &str = "eventsource_test_";
const DROP_PATIENCE: Duration = Duration::from_secs(10);

/// An empty database that no other test uses.
#[derive(Debug)]
pub struct Database {
    name: String,
    url: String,
    /// Where to say that it is no longer needed; none if its cluster goes away as a whole.
    dropped_through: Option<String>,
}

impl Database {
    /// Creates one on the server that `DATABASE_URL` names, else on [`Cluster::shared`].
    ///
    /// On the former it is dropped with this value, unless the process is killed; its name begins with `eventsource_test_`.
    pub async fn create() -> Result<Database, Error> {
        match std::env::var(SERVER) {
            Ok(server) if !server.is_empty() => {
                let made = Database::create_at(&server).await;
                let mut database = made.map_err(Error::while_doing(format!("on the server of {SERVER}")))?;
                database.dropped_through = Some(server);
                Ok(database)
            }
            _ => {
                let shared = tokio::task::spawn_blocking(Cluster::shared).await;
                Database::create_on(shared.map_err(Error::while_doing("could not start the shared cluster"))??).await
            }
        }
    }

    /// Creates one on a cluster of the test's own.
    pub async fn create_on(cluster: &Cluster) -> Result<Database, Error> {
        Database::create_at(&cluster.admin_url()).await
    }

    /// Its name, unique on its server.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its URL, with credentials.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Where its server listens, for a [`Proxy`](crate::Proxy) in front of it.
    pub fn address(&self) -> Result<SocketAddr, Error> {
        url::address(&self.url)
    }

    async fn create_at(server: &str) -> Result<Database, Error> {
        let name = format!("{PREFIX}{}", random::hex());
        let url = url::with_database(server, &name)?;
        // Nobody can be connected to template0, so databases can be created from it at the same time.
        let statement = format!("CREATE DATABASE {name} TEMPLATE template0");
        execute(server, statement).await.map_err(Error::while_doing("could not create a database"))?;
        Ok(Database { name, url, dropped_through: None })
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        let Some(server) = self.dropped_through.take() else { return };
        let statement = format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", self.name);
        // A thread of its own: this one may be in the middle of a runtime, which cannot wait for another.
        let dropping = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().ok()?;
            runtime.block_on(async { tokio::time::timeout(DROP_PATIENCE, execute(&server, statement)).await.ok() })
        });
        // As good as it goes: a test's verdict does not depend on it.
        let _ = dropping.join();
    }
}

/// `statement` is put together from constants and digits.
async fn execute(server: &str, statement: String) -> Result<(), sqlx::Error> {
    let mut connection = PgConnection::connect(server).await?;
    sqlx::raw_sql(AssertSqlSafe(statement)).execute(&mut connection).await?;
    connection.close().await
}
