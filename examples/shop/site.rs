//! Who works for the shop, and with what.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use clap::ValueEnum;
use eventsource::{BoxError, Projections, Relay, ViewStore};

use super::billing::Billing;
use super::broker::Broker;
use super::fraud::Suspect;
use super::mail::Mail;
use super::my_orders::MyOrder;
use super::order::Order;
use super::publication::Orders;
use super::service;
use super::store::Store;
use super::warehouse::Parcel;

/// Whoever takes over from somebody who was killed waits so long.
const LEASE: Duration = Duration::from_secs(1);

/// Each may be killed at any time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub(crate) enum Role {
    /// Lets orders go on, and keeps two views.
    Office,
    /// Tells the broker.
    Relay,
    /// A service behind the broker.
    Billing,
    /// Another one.
    Mail,
    /// A view that was added later.
    Fraud,
}

impl Role {
    pub(crate) fn name(self) -> String {
        format!("{self:?}").to_lowercase()
    }

    /// Who works on the store may have to wait for a lease. Killed at that, they would never do anything.
    pub(crate) fn begins_within(self) -> Duration {
        match self {
            Self::Office | Self::Relay | Self::Fraud => LEASE + Duration::from_millis(200),
            Self::Billing | Self::Mail => Duration::ZERO,
        }
    }
}

#[derive(Clone)]
pub(crate) struct Site {
    pub(crate) store: Store,
    pub(crate) broker: Broker,
    /// Where the services have their databases.
    pub(crate) folder: PathBuf,
}

/// Goes on until it is killed, or fails.
pub(crate) async fn work(role: Role, Site { store, broker, folder }: Site) -> Result<(), BoxError> {
    let projections = async || store.open().await.map(|store| Projections::new(&store).lease(LEASE));
    let running: Projections<Arc<dyn ViewStore>> = match role {
        Role::Office => projections().await?.manager::<Order>().view::<MyOrder>().view::<Parcel>(),
        Role::Fraud => projections().await?.view::<Suspect>(),
        Role::Relay => projections().await?.sink(Relay::<Orders, _>::new(broker)),
        Role::Billing => return service::run::<Billing>(&broker, &folder).await,
        Role::Mail => return service::run::<Mail>(&broker, &folder).await,
    };
    running.run(std::future::pending()).await?;
    Ok(())
}
