//! A state that is not known is loaded once, for all who wait for it.

use crate::contract::load::{Load, StoredCommand};
use crate::contract::store::EventStore;
use crate::folding::aggregate::Aggregate;
use crate::runtime::fold::Folded;
use crate::words::error::StoreError;

use super::lane::{Basis, Lane, Loading};

/// What is to be done once the state is known.
pub(crate) enum Ready {
    Decide {
        is_cached: bool,
    },
    /// The command key was used before.
    Done(StoredCommand),
}

impl<A: Aggregate> Lane<A> {
    /// Waits until the state is known; whoever is first loads it, and looks for its command key on the way. Answers too
    /// whether the state was known already.
    pub(crate) async fn ready(&self, store: &dyn EventStore, command_key: Option<&str>) -> Result<Ready, StoreError> {
        let mut is_cached = true;
        loop {
            let mut standing = self.standing.subscribe();
            let from = match self.begin_loading() {
                Loading::NotNeeded => return Ok(Ready::Decide { is_cached }),
                Loading::ByAnother => {
                    is_cached = false;
                    // The sender is ours.
                    let _ = standing.changed().await;
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
            return Ok(end.command.map_or(Ready::Decide { is_cached: false }, Ready::Done));
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
        let mut standing = self.standing.subscribe();
        let version = basis.known.version;
        if basis.is_ahead {
            let settled = standing.wait_for(|now| now.era != basis.era || now.stored >= version).await;
            // The sender is ours.
            if settled.is_ok_and(|now| now.era != basis.era) {
                return Ok(Stands::No);
            }
        }
        // An append that left meanwhile, and expected this very state or made it, was stored.
        let was_newest = || {
            let now = *self.standing.borrow();
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
