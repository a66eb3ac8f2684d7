//! Who works for the shop, and with what.

use std::path::PathBuf;
use std::time::Duration;

use clap::ValueEnum;
use eventsource::{BoxError, Projections};

use super::billing::Billing;
use super::broker::Broker;
use super::fraud_report::Suspect;
use super::mail::Mail;
use super::my_orders::MyOrder;
use super::order::Order;
use super::service;
use super::store::Store;
use super::warehouse::Parcel;

/// Whoever takes over from somebody who was killed waits so long.
pub(crate) const LEASE: Duration = Duration::from_secs(1);

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
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Office => "office",
            Self::Relay => "relay",
            Self::Billing => "billing",
            Self::Mail => "mail",
            Self::Fraud => "fraud",
        }
    }

    /// Works on the shop's store, one at a time.
    pub(crate) fn has_a_lease(self) -> bool {
        matches!(self, Self::Office | Self::Relay | Self::Fraud)
    }
}

#[derive(Clone)]
pub(crate) struct Site {
    pub(crate) store: Store,
    pub(crate) broker: Broker,
    /// Where the services have their databases.
    pub(crate) services: PathBuf,
}

impl Site {
    /// Whether another process finds all that this one works with.
    pub(crate) fn is_found_by_others(&self, role: Role) -> bool {
        let (store, broker) = (!self.store.is_memory(), self.broker.exchange().is_some());
        match role {
            Role::Office | Role::Fraud => store,
            Role::Relay => store && broker,
            Role::Billing | Role::Mail => broker,
        }
    }
}

/// Goes on until it is killed, or fails.
pub(crate) async fn work(role: Role, Site { store, broker, services }: Site) -> Result<(), BoxError> {
    match role {
        Role::Billing => return service::run::<Billing>(&broker, &services).await,
        Role::Mail => return service::run::<Mail>(&broker, &services).await,
        Role::Office | Role::Relay | Role::Fraud => {}
    }
    let none = Projections::new(&store.open().await?).lease(LEASE);
    let projections = match role {
        Role::Office => none.manager::<Order>().view::<MyOrder>().view::<Parcel>(),
        Role::Fraud => none.view::<Suspect>(),
        _ => broker.add_relay(none)?,
    };
    projections.run(std::future::pending()).await?;
    Ok(())
}
