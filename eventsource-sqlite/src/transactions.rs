//! Transactions that are lent: work of somebody else's, and the checkpoint of what it was done for.

use eventsource_core::{Advance, StoreError, TransactionalStore, Work};
use futures::FutureExt;
use futures::future::BoxFuture;
use sqlx::{SqliteConnection, query};

use crate::checkpoints;
use crate::error::explain;
use crate::maintenance::{begin_beside, end};
use crate::parking;
use crate::store::SqliteStore;
use crate::views::Views;

impl Views<'_> {
    async fn transact(&self, advance: &Advance, work: &mut dyn Work<SqliteConnection>) -> Result<(), StoreError> {
        let mut turn = self.turn.lock().await;
        turn.begin().await;
        let mut writing = self.connections.write().await?;
        begin_beside(&mut writing).await?;
        let done = inside(writing.connection()?, &self.connections.file, advance, work).await;
        let ended = end(&mut writing, done).await;
        drop(writing);
        turn.end();
        ended
    }
}

/// What happens inside the transaction.
async fn inside(
    connection: &mut SqliteConnection,
    file: &str,
    advance: &Advance,
    work: &mut dyn Work<SqliteConnection>,
) -> Result<(), StoreError> {
    // It ends with the transaction, whoever ends that; and SQLite does, after some errors.
    query("SAVEPOINT eventsource_work").execute(&mut *connection).await.map_err(|error| explain(file, error))?;
    let done = work.run(&mut *connection).await;
    let cut_short = query("RELEASE eventsource_work").execute(&mut *connection).await.is_err();
    match done {
        Ok(()) if cut_short => return Err(advance.cut_short()),
        Err(error) if cut_short => return Err(advance.cut_short().with_source(error)),
        Ok(()) => {}
        Err(error) => {
            return Err(match error.downcast::<StoreError>() {
                Ok(error) => *error,
                Err(error) => advance.undone(error),
            });
        }
    }
    checkpoints::advance_from(file, connection, advance).await?;
    parking::take(file, connection, &advance.key, &advance.unparked).await
}

/// It holds the write lock: an append, a checkpoint and, in memory, any call on the same store waits for it to end, so the
/// work must make none.
impl TransactionalStore for SqliteStore {
    type Connection = SqliteConnection;

    fn transact<'a>(
        &'a self,
        advance: &'a Advance,
        work: &'a mut dyn Work<SqliteConnection>,
    ) -> BoxFuture<'a, Result<(), StoreError>> {
        async move { self.views().transact(advance, work).await }.boxed()
    }
}
