//! The servers for tests, tested.

mod bouncer;
mod cluster;
mod database;
mod killed;
mod proxy;
mod rabbit;

use sqlx::{Connection, PgConnection};

/// What a connection of its own answers to `SELECT`.
async fn answer(url: &str, select: &'static str) -> i64 {
    let mut connection = PgConnection::connect(url).await.unwrap();
    let answer = sqlx::query_scalar(select).fetch_one(&mut connection).await.unwrap();
    connection.close().await.unwrap();
    answer
}

async fn execute(url: &str, statement: &'static str) {
    let mut connection = PgConnection::connect(url).await.unwrap();
    sqlx::raw_sql(statement).execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
}
