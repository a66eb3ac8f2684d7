//! A state that is not known is loaded once, for all who wait for it.

use crate::contract::load::{Load, StoredCommand};
use crate::contract::store::EventStore;
use crate::folding::aggregate::Aggregate;
use crate::runtime::fold::Folded;
use crate::words::error::StoreError;

use super::lane::{Basis, Lane, Loading};

impl<A: Aggregate> Lane<A> {
    /// Waits until the state is known; whoever is first loads it, and looks for its command key on the way. Answers what that
    /// has stored before.
    pub(crate) async fn ready(
        &self,
        store: &dyn EventStore,
        command_key: Option<&str>,
    ) -> Result<Option<StoredCommand>, StoreError> {
        loop {
            let changed = self.changed.notified();
            let from = match self.begin_loading() {
                Loading::NotNeeded => return Ok(None),
                Loading::ByAnother => {
                    changed.await;
                    continue;
                }
                Loading::Mine(from) => from,
            };
            let mut place = PlaceOfLoader { lane: self, loaded: None };
            let mut folded = from.map_or_else(Folded::new, |known| known.folded());
            let load = Load::new(self.stream.clone()).with_command_key(command_key.map(str::to_owned));
            let end = folded.catch_up(store, load).await?;
            place.loaded = Some(folded);
            drop(place);
            return Ok(end.command);
        }
    }

    /// Whether a decision that stores nothing may leave: what it was made on must be stored, and have been the
    /// newest state at some moment since the command came.
    pub(crate) async fn stands(
        &self,
        store: &dyn EventStore,
        basis: &Basis<A>,
        command_key: Option<&str>,
    ) -> Result<Stands, StoreError> {
        let version = basis.known.version;
        if basis.is_ahead && !self.is_settled(basis).await {
            return Ok(Stands::No);
        }
        // An append that left meanwhile, and expected this very state or made it, was stored.
        let was_newest = || {
            let now = self.standing();
            basis.leaves_later || (now.era == basis.era && now.stored > version)
        };
        if command_key.is_none() && was_newest() {
            return Ok(Stands::Yes);
        }
        let mut folded = basis.known.folded();
        let load = Load::new(self.stream.clone()).with_command_key(command_key.map(str::to_owned));
        if let Some(command) = folded.catch_up(store, load).await?.command {
            return Ok(Stands::Done(command));
        }
        if folded.version == version || was_newest() {
            return Ok(Stands::Yes);
        }
        self.renew(basis, folded);
        Ok(Stands::No)
    }

    /// Waits until a state is stored; `false` if its era ends before.
    async fn is_settled(&self, basis: &Basis<A>) -> bool {
        loop {
            let changed = self.changed.notified();
            let now = self.standing();
            if now.era != basis.era || now.stored >= basis.known.version {
                return now.era == basis.era;
            }
            changed.await;
        }
    }
}

/// Whether a decision may leave.
pub(crate) enum Stands {
    Yes,
    /// It is to be decided again.
    No,
    /// The command key was used before.
    Done(StoredCommand),
}

/// Given back whatever happens to the loader.
struct PlaceOfLoader<'l, A: Aggregate> {
    lane: &'l Lane<A>,
    loaded: Option<Folded<A>>,
}

impl<A: Aggregate> Drop for PlaceOfLoader<'_, A> {
    fn drop(&mut self) {
        self.lane.end_loading(self.loaded.take());
    }
}
