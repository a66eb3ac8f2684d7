//! The inbox, in PostgreSQL and SQLite: a message is handled once, whatever becomes of transactions.

use std::time::Duration;

use eventsource_inbox::{Inbox, InboxConnection};
use eventsource_test_cluster::Database;
use sqlx::{Connection, PgConnection, SqliteConnection};

/// Longer than anything takes: only what hangs runs into it.
const PATIENCE: Duration = Duration::from_secs(60);

/// A file that is gone with the value, and its URL.
fn file() -> (tempfile::TempDir, String) {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}?mode=rwc", folder.path().join("inbox.db").display());
    (folder, url)
}

async fn postgres(database: &Database) -> PgConnection {
    PgConnection::connect(database.url()).await.unwrap()
}

/// What holds in every database.
async fn a_message_is_new_once<C>(mut connection: C)
where
    C: InboxConnection + Connection,
    for<'c> sqlx::Transaction<'c, C::Database>: std::ops::DerefMut<Target = C>,
{
    let (billing, mails) = (Inbox::new("billing"), Inbox::new("mails"));
    billing.create(&mut connection).await.unwrap();
    billing.create(&mut connection).await.unwrap();

    // Rolled back, or dropped as by somebody who was killed, it is new again.
    let mut transaction = connection.begin().await.unwrap();
    assert!(billing.is_new(&mut *transaction, "a:1").await.unwrap());
    assert!(!billing.is_new(&mut *transaction, "a:1").await.unwrap());
    transaction.rollback().await.unwrap();
    let mut transaction = connection.begin().await.unwrap();
    assert!(billing.is_new(&mut *transaction, "a:1").await.unwrap());
    drop(transaction);
    let mut transaction = connection.begin().await.unwrap();
    assert!(billing.is_new(&mut *transaction, "a:1").await.unwrap());
    transaction.commit().await.unwrap();
    assert!(!billing.is_new(&mut connection, "a:1").await.unwrap());

    // Another part of the event, and another consumer.
    assert!(billing.is_new(&mut connection, "a:2").await.unwrap());
    assert!(mails.is_new(&mut connection, "a:1").await.unwrap());
    assert!(billing.is_new(&mut connection, "").await.unwrap_err().to_string().contains("without an id"));

    assert_eq!(billing.forget(&mut connection, Duration::from_secs(3_600)).await.unwrap(), 0);
    assert_eq!(billing.forget(&mut connection, Duration::MAX).await.unwrap(), 0);
    assert!(!billing.is_new(&mut connection, "a:1").await.unwrap());
}

/// Handled two hours ago, all that is there.
async fn forget(connection: &mut impl InboxConnection) {
    let (billing, mails) = (Inbox::new("billing"), Inbox::new("mails"));
    assert_eq!(billing.forget(connection, Duration::from_secs(3_600)).await.unwrap(), 2);
    assert!(billing.is_new(connection, "a:1").await.unwrap());
    assert!(!mails.is_new(connection, "a:1").await.unwrap(), "that of another consumer is kept");
}

#[tokio::test]
async fn a_message_is_handled_once_in_the_transaction_of_its_consumer_in_sqlite() {
    let (_folder, url) = file();
    a_message_is_new_once(SqliteConnection::connect(&url).await.unwrap()).await;
    let mut connection = SqliteConnection::connect(&url).await.unwrap();
    let back = sqlx::query("UPDATE eventsource_inbox SET handled_at = handled_at - 7200");
    back.execute(&mut connection).await.unwrap();
    forget(&mut connection).await;
}

#[tokio::test]
async fn a_message_is_handled_once_in_the_transaction_of_its_consumer_in_postgres() {
    let database = Database::create().await.unwrap();
    a_message_is_new_once(postgres(&database).await).await;
    let mut connection = postgres(&database).await;
    let back = sqlx::query("UPDATE eventsource_inbox SET handled_at = handled_at - interval '2 hours'");
    back.execute(&mut connection).await.unwrap();
    forget(&mut connection).await;
}

#[tokio::test]
async fn of_two_who_handle_a_message_at_the_same_time_one_waits_for_what_becomes_of_the_other() {
    let database = Database::create().await.unwrap();
    let (mut first, mut second) = (postgres(&database).await, postgres(&database).await);
    let billing = Inbox::new("billing");
    billing.create(&mut first).await.unwrap();
    for (id, commits) in [("a:1", true), ("b:1", false)] {
        let mut transaction = first.begin().await.unwrap();
        assert!(billing.is_new(&mut *transaction, id).await.unwrap());
        let mut waiting = Box::pin(billing.is_new(&mut second, id));
        let waited = tokio::time::timeout(Duration::from_millis(100), &mut waiting).await;
        assert!(waited.is_err(), "it was answered before the first was done: {waited:?}");
        match commits {
            true => transaction.commit().await.unwrap(),
            false => transaction.rollback().await.unwrap(),
        }
        let is_new = tokio::time::timeout(PATIENCE, waiting).await.unwrap().unwrap();
        assert_eq!(is_new, !commits);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_who_begin_at_the_same_time_make_one_table() {
    let database = Database::create().await.unwrap();
    let beginning: Vec<_> = (0..8)
        .map(|_| {
            let url = database.url().to_owned();
            tokio::spawn(async move {
                let mut connection = PgConnection::connect(&url).await?;
                Inbox::new("billing").create(&mut connection).await
            })
        })
        .collect();
    for one in beginning {
        one.await.unwrap().unwrap();
    }
}
