//! Transactions that are lent: work of somebody else's, and the checkpoint of what it was done for.

use std::error::Error;

use eventsource_core::{Advance, BoxError, StoreError, TransactionalStore, Work};
use futures::FutureExt;
use futures::future::BoxFuture;
use sqlx::{PgConnection, Row};

use crate::checkpoints;
use crate::connect::Link;
use crate::error::{Failure, passes};
use crate::parking;
use crate::sql::Sql;
use crate::store::PgStore;

const ABORTED: &str = "25P02";

/// What happens inside the transaction.
async fn advance(
    link: &mut Link,
    sql: &Sql,
    advance: &Advance,
    work: &mut dyn Work<PgConnection>,
) -> Result<(), Failure> {
    // A setting of this transaction alone: whoever ends it loses the mark.
    sql.query(&sql.mark_transaction).execute(&mut link.pg).await?;
    if let Err(error) = work.run(&mut link.pg).await {
        let row = sql.query(&sql.is_marked).fetch_one(&mut link.pg).await;
        return Err(match row.and_then(|row| row.try_get::<bool, _>(0)) {
            Ok(false) => advance.cut_short().with_source(error).into(),
            // Also where a transaction in which something failed, or a lost connection, answers nothing.
            _ => failed(advance, error),
        });
    }
    let Advance { key, from, to, unparked, .. } = advance;
    let moved = sql
        .query(&sql.advance_checkpoint)
        .bind(&*key.name)
        .bind(key.view_version as i32)
        .bind(key.partition as i32)
        .bind(from.position.0 as i64)
        .bind(from.event_id)
        .bind(to.cursor.position.0 as i64)
        .bind(to.cursor.event_id)
        .bind(to.store_id)
        .bind(to.owner_epoch as i64)
        .fetch_one(&mut link.pg)
        .await;
    let row = match moved.map_err(Failure::from) {
        Err(failure) if failure.code().as_deref() == Some(ABORTED) => {
            let message = "a statement failed, and its error was passed over";
            return Err(advance.undone(message).into());
        }
        row => row?,
    };
    match (row.try_get(0)?, row.try_get(1)?) {
        (true, true) => parking::take(link, sql, key, unparked).await,
        (true, false) => {
            let kept = checkpoints::load_on(link, sql, key).await?;
            Err(advance.refused(kept.as_ref()).into())
        }
        (false, _) => Err(advance.cut_short().into()),
    }
}

/// The work's own error, unless it is the server that failed beneath it.
fn failed(advance: &Advance, error: BoxError) -> Failure {
    let error = match error.downcast::<StoreError>() {
        Ok(error) => return Failure::Store(*error),
        Err(error) => error,
    };
    let mut beneath: Option<&(dyn Error + 'static)> = Some(&*error);
    while let Some(cause) = beneath {
        if cause.downcast_ref().is_some_and(passes) {
            let message = format!("the work of {} was undone by PostgreSQL", advance.key.name);
            return StoreError::transient(message).with_source(error).into();
        }
        beneath = cause.source();
    }
    advance.undone(error).into()
}

/// It takes one of the store's connections for as long as the work does. As long as that appends nothing
/// ([`append_in`](PgStore::append_in)), no reader waits for it.
impl TransactionalStore for PgStore {
    type Connection = PgConnection;

    fn transact<'a>(
        &'a self,
        to_advance: &'a Advance,
        work: &'a mut dyn Work<PgConnection>,
    ) -> BoxFuture<'a, Result<(), StoreError>> {
        async move {
            let (connections, sql) = self.connections();
            let mut lease = connections.acquire().await?;
            let done = lease.run_callers_transaction(async |link| advance(link, sql, to_advance, work).await);
            done.await.map_err(Failure::explain)
        }
        .boxed()
    }
}
