//! How rules write in the transactions of any store.

use futures::FutureExt;
use futures::future::BoxFuture;

use crate::contract::store::EventStore;
use crate::contract::transaction::{Advance, TransactionalStore, Work};
use crate::words::error::{BoxError, StoreError};

/// Something that the book counts in a store's transactions: a table with a number, made where it is missing.
pub trait Counter<C>: Send + Sync + 'static {
    /// Adds one.
    fn add(&self, connection: &mut C) -> impl Future<Output = Result<(), BoxError>> + Send;

    /// How often one was added.
    fn count(&self, connection: &mut C) -> impl Future<Output = Result<u64, BoxError>> + Send;
}

/// What happens between the addition and the end of its transaction.
pub(super) type Meanwhile<'m> = BoxFuture<'m, Result<(), BoxError>>;

/// A store that lends its transactions to a counter.
pub(super) trait Lending: Send + Sync {
    fn store(&self) -> &dyn EventStore;

    fn add<'a>(&'a self, advance: &'a Advance, meanwhile: Meanwhile<'a>) -> BoxFuture<'a, Result<(), StoreError>>;

    fn count<'a>(&'a self, advance: &'a Advance) -> BoxFuture<'a, Result<u64, StoreError>>;
}

pub(super) struct Lent<S, K> {
    pub(super) store: S,
    pub(super) counter: K,
}

impl<S: TransactionalStore, K: Counter<S::Connection>> Lending for Lent<S, K> {
    fn store(&self) -> &dyn EventStore {
        &self.store
    }

    fn add<'a>(&'a self, advance: &'a Advance, meanwhile: Meanwhile<'a>) -> BoxFuture<'a, Result<(), StoreError>> {
        async move {
            let mut add = Add { counter: &self.counter, meanwhile: Some(meanwhile) };
            self.store.transact(advance, &mut add).await
        }
        .boxed()
    }

    fn count<'a>(&'a self, advance: &'a Advance) -> BoxFuture<'a, Result<u64, StoreError>> {
        async move {
            let mut count = Count { counter: &self.counter, counted: 0 };
            self.store.transact(advance, &mut count).await?;
            Ok(count.counted)
        }
        .boxed()
    }
}

struct Add<'a, K> {
    counter: &'a K,
    meanwhile: Option<Meanwhile<'a>>,
}

impl<C: Send, K: Counter<C>> Work<C> for Add<'_, K> {
    fn run<'w>(&'w mut self, connection: &'w mut C) -> BoxFuture<'w, Result<(), BoxError>> {
        async move {
            self.counter.add(connection).await?;
            match self.meanwhile.take() {
                Some(meanwhile) => meanwhile.await,
                None => Ok(()),
            }
        }
        .boxed()
    }
}

struct Count<'a, K> {
    counter: &'a K,
    counted: u64,
}

impl<C: Send, K: Counter<C>> Work<C> for Count<'_, K> {
    fn run<'w>(&'w mut self, connection: &'w mut C) -> BoxFuture<'w, Result<(), BoxError>> {
        async move {
            self.counted = self.counter.count(connection).await?;
            Ok(())
        }
        .boxed()
    }
}
