//! Events that projections have parked.

use chrono::{DateTime, Utc};
use eventsource_core::backend::{not_parked, not_the_owner};
use eventsource_core::{Ask, CheckpointKey, ParkedAt, ParkedEvent, ParkingStore, Position, ReadParked, StoreError};
use futures::FutureExt;
use futures::future::BoxFuture;
use sqlx::Row;
use sqlx::postgres::PgRow;

use crate::checkpoints;
use crate::connect::Link;
use crate::error::Failure;
use crate::sql::Sql;
use crate::store::PgStore;

fn keys<'a>(at: impl Iterator<Item = &'a ParkedAt>) -> (Vec<&'a str>, Vec<i64>) {
    at.map(|at| (&*at.key, at.position.0 as i64)).unzip()
}

/// Removes what was retried, in the transaction of what the retry has made; fails unless everything is there.
pub(crate) async fn take(link: &mut Link, sql: &Sql, key: &CheckpointKey, at: &[ParkedAt]) -> Result<(), Failure> {
    if at.is_empty() {
        return Ok(());
    }
    let (keys, positions) = keys(at.iter());
    let taken = sql
        .query(&sql.take_parked)
        .bind(&*key.name)
        .bind(key.view_version as i32)
        .bind(key.partition as i32)
        .bind(keys)
        .bind(positions)
        .execute(&mut link.pg)
        .await?;
    if taken.rows_affected() == at.len() as u64 { Ok(()) } else { Err(not_parked(key).into()) }
}

fn parked(row: &PgRow) -> Result<ParkedEvent, sqlx::Error> {
    let at = ParkedAt::new(row.try_get::<String, _>(0)?, Position(row.try_get::<i64, _>(1)? as u64));
    let mut parked = ParkedEvent::new(at, row.try_get(2)?, row.try_get(3)?);
    parked.parked_at = row.try_get(4)?;
    parked.asked = row.try_get::<Option<i16>, _>(5)?.and_then(Ask::from_code);
    Ok(parked)
}

impl PgStore {
    async fn owned(&self, key: &CheckpointKey, owner_epoch: u64, is_owner: bool) -> Result<(), StoreError> {
        if is_owner {
            return Ok(());
        }
        let (connections, sql) = self.connections();
        let kept = checkpoints::load(connections, sql, key).await?;
        Err(not_the_owner(key, owner_epoch, kept.as_ref()))
    }
}

impl ParkingStore for PgStore {
    fn park<'a>(
        &'a self,
        key: &'a CheckpointKey,
        owner_epoch: u64,
        events: &'a [ParkedEvent],
    ) -> BoxFuture<'a, Result<(), StoreError>> {
        async move {
            let (connections, sql) = self.connections();
            let is_owner = connections.run(async |link| {
                let (keys, positions) = keys(events.iter().map(|event| &event.at));
                let row = sql
                    .query(&sql.park)
                    .bind(&*key.name)
                    .bind(key.view_version as i32)
                    .bind(key.partition as i32)
                    .bind(owner_epoch as i64)
                    .bind(keys)
                    .bind(positions)
                    .bind(events.iter().map(|event| event.event_id).collect::<Vec<_>>())
                    .bind(events.iter().map(|event| &*event.error).collect::<Vec<_>>())
                    .bind(events.iter().map(|event| event.parked_at).collect::<Vec<DateTime<Utc>>>())
                    .fetch_one(&mut link.pg)
                    .await?;
                Ok(row.try_get::<i64, _>(0)? == 1)
            });
            self.owned(key, owner_epoch, is_owner.await?).await
        }
        .boxed()
    }

    fn unpark<'a>(
        &'a self,
        key: &'a CheckpointKey,
        owner_epoch: u64,
        events: &'a [ParkedAt],
    ) -> BoxFuture<'a, Result<(), StoreError>> {
        async move {
            let (connections, sql) = self.connections();
            let is_owner = connections.run(async |link| {
                let (keys, positions) = keys(events.iter());
                let row = sql
                    .query(&sql.unpark)
                    .bind(&*key.name)
                    .bind(key.view_version as i32)
                    .bind(key.partition as i32)
                    .bind(keys)
                    .bind(positions)
                    .bind(owner_epoch as i64)
                    .fetch_one(&mut link.pg)
                    .await?;
                Ok(row.try_get::<i64, _>(0)? == 1)
            });
            self.owned(key, owner_epoch, is_owner.await?).await
        }
        .boxed()
    }

    fn parked<'a>(
        &'a self,
        key: &'a CheckpointKey,
        read: &'a ReadParked,
    ) -> BoxFuture<'a, Result<Vec<ParkedEvent>, StoreError>> {
        async move {
            let (connections, sql) = self.connections();
            let listed = connections.run(async |link| {
                let after = read.after.as_ref().map_or(("", -1), |at| (&*at.key, at.position.0 as i64));
                let rows = sql
                    .query(&sql.parked)
                    .bind(&*key.name)
                    .bind(key.view_version as i32)
                    .bind(key.partition as i32)
                    .bind(read.key.as_deref())
                    .bind(read.asked)
                    .bind(after.0)
                    .bind(after.1)
                    .bind(read.limit as i64)
                    .fetch_all(&mut link.pg)
                    .await?;
                Ok(rows.iter().map(parked).collect::<Result<Vec<_>, _>>()?)
            });
            listed.await
        }
        .boxed()
    }

    fn ask_parked<'a>(
        &'a self,
        key: &'a CheckpointKey,
        of: &'a str,
        position: Option<Position>,
        ask: Ask,
    ) -> BoxFuture<'a, Result<u64, StoreError>> {
        async move {
            let (connections, sql) = self.connections();
            let asked = connections.run(async |link| {
                let asked = sql
                    .query(&sql.ask_parked)
                    .bind(&*key.name)
                    .bind(key.view_version as i32)
                    .bind(key.partition as i32)
                    .bind(of)
                    .bind(position.map(|position| position.0 as i64))
                    .bind(ask.code())
                    .execute(&mut link.pg)
                    .await?;
                Ok(asked.rows_affected())
            });
            asked.await
        }
        .boxed()
    }
}
