//! A store to be tested, with what else can be had of it.

use std::any::Any;
use std::fmt;
use std::future::Future;
use std::sync::Arc;

use futures::future::BoxFuture;

use crate::contract::import::Import;
use crate::contract::inline::InlineStore;
use crate::contract::store::EventStore;
use crate::contract::transaction::TransactionalStore;
use crate::contract::view::ViewStore;
use crate::words::clock::Clock;

use super::counter::{Counter, Lending, Lent};

type Reopen = Box<dyn Fn() -> BoxFuture<'static, Arc<dyn EventStore>> + Send + Sync>;
type WithClock = Box<dyn Fn(Clock) -> BoxFuture<'static, Arc<dyn EventStore>> + Send + Sync>;

/// A fresh, empty store, and where there are any, other ways to the same data.
pub struct Fixture {
    pub(super) store: Arc<dyn EventStore>,
    pub(super) another: Option<Arc<dyn EventStore>>,
    pub(super) views: Option<Arc<dyn ViewStore>>,
    pub(super) inline: Option<Arc<dyn InlineStore>>,
    pub(super) import: Option<Arc<dyn Import>>,
    lending: Option<Box<dyn Lending>>,
    pub(super) reopen: Option<Reopen>,
    pub(super) with_clock: Option<WithClock>,
    // Declared last, so dropped last: a directory must outlive the files in it.
    _kept: Vec<Box<dyn Any + Send + Sync>>,
}

impl Fixture {
    /// A fresh, empty store.
    pub fn new(store: impl EventStore) -> Self {
        let store = Arc::new(store);
        Self {
            store,
            another: None,
            views: None,
            inline: None,
            import: None,
            lending: None,
            reopen: None,
            with_clock: None,
            _kept: Vec::new(),
        }
    }

    /// A second handle on the same data, as another process would have it. Without one, rules on two handles pass.
    pub fn with_another(mut self, store: impl EventStore) -> Self {
        self.another = Some(Arc::new(store));
        self
    }

    /// A handle on the same data for the rules of [`ViewStore`]. Without one, they pass.
    pub fn with_views(mut self, store: impl ViewStore) -> Self {
        self.views = Some(Arc::new(store));
        self
    }

    /// A handle on the same data for the rules of [`InlineStore`]. Without one, they pass.
    pub fn with_inline(mut self, store: impl InlineStore) -> Self {
        self.inline = Some(Arc::new(store));
        self
    }

    /// A handle on the same data for the rules of [`Import`]. Without one, they pass.
    pub fn with_import(mut self, store: impl Import) -> Self {
        self.import = Some(Arc::new(store));
        self
    }

    /// A handle on the same data for the rules of [`TransactionalStore`], and what they write. Without one, they pass.
    pub fn with_transactions<S: TransactionalStore>(mut self, store: S, counter: impl Counter<S::Connection>) -> Self {
        self.lending = Some(Box::new(Lent { store, counter }));
        self
    }

    pub(super) fn lending(&self) -> Option<&dyn Lending> {
        self.lending.as_deref()
    }

    /// Opens the same data again after the store was closed. Without this, rules on durability pass.
    pub fn with_reopen<S, F>(mut self, open: impl Fn() -> F + Send + Sync + 'static) -> Self
    where
        S: EventStore,
        F: Future<Output = S> + Send + 'static,
    {
        self.reopen = Some(Box::new(move || {
            let opened = open();
            Box::pin(async move { Arc::new(opened.await) as Arc<dyn EventStore> })
        }));
        self
    }

    /// Makes a fresh, empty store with a clock of the rule's. Without this, rules on clocks pass.
    pub fn with_clock<S, F>(mut self, open: impl Fn(Clock) -> F + Send + Sync + 'static) -> Self
    where
        S: EventStore,
        F: Future<Output = S> + Send + 'static,
    {
        self.with_clock = Some(Box::new(move |clock| {
            let opened = open(clock);
            Box::pin(async move { Arc::new(opened.await) as Arc<dyn EventStore> })
        }));
        self
    }

    /// Keeps something until the rule is done: a temporary directory, a database.
    pub fn keeping(mut self, kept: impl Any + Send + Sync) -> Self {
        self._kept.push(Box::new(kept));
        self
    }

    /// What some rules need and this fixture does not have.
    pub(super) fn missing(&self) -> impl Iterator<Item = &'static str> {
        [
            (self.another.is_some(), "second handle (`with_another`)"),
            (self.views.is_some(), "store of views (`with_views`)"),
            (self.inline.is_some(), "store that folds in the append (`with_inline`)"),
            (self.import.is_some(), "store that takes over events (`with_import`)"),
            (self.lending.is_some(), "store that lends its transactions (`with_transactions`)"),
            (self.reopen.is_some(), "way to open it again (`with_reopen`)"),
            (self.with_clock.is_some(), "clock (`with_clock`)"),
        ]
        .into_iter()
        .filter_map(|(there, what)| (!there).then_some(what))
    }

    /// Handles on the data: one or two.
    pub(super) fn handles(&self) -> Vec<Arc<dyn EventStore>> {
        std::iter::once(&self.store).chain(&self.another).cloned().collect()
    }
}

impl fmt::Debug for Fixture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fixture")
            .field("another", &self.another.is_some())
            .field("views", &self.views.is_some())
            .field("inline", &self.inline.is_some())
            .field("import", &self.import.is_some())
            .field("lending", &self.lending.is_some())
            .field("reopen", &self.reopen.is_some())
            .field("with_clock", &self.with_clock.is_some())
            .finish_non_exhaustive()
    }
}
