//! The view *warehouse queue*, whose rows go when they are done, and those who work through it.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use eventsource::{BoxError, ExecuteOptions, Fold, Recorded, Repository, View, ViewReader, ViewStore};

use super::shipment::{HandOver, Requested, Sent, Shipment};

const LOOKS_EVERY: Duration = Duration::from_millis(20);

/// A parcel that waits.
#[derive(View, Clone, Debug, PartialEq)]
#[view(name = "warehouse_queue", version = 1, events(Requested, Sent))]
pub(crate) struct Parcel {
    #[view(key = stream)]
    pub(crate) order: String,
    #[view(index)]
    pub(crate) requested_at: DateTime<Utc>,
    pub(crate) contents: String,
}

impl Fold<Requested> for Parcel {
    fn fold(order: &String, _: Option<Self>, requested: &Recorded<Requested>) -> Option<Self> {
        let contents = requested.event.contents.clone();
        Some(Self { order: order.clone(), requested_at: requested.recorded_at, contents })
    }
}

impl Fold<Sent> for Parcel {
    fn fold(_: &String, _: Option<Self>, _: &Recorded<Sent>) -> Option<Self> {
        None
    }
}

/// Sends what waits, the oldest first, for ever. The queue may be behind, so a parcel may be seen twice: it is sent once.
pub(crate) async fn work(store: Arc<dyn ViewStore>) -> Result<(), BoxError> {
    let shipments = Repository::<Shipment>::new(store.clone());
    let queue = ViewReader::<Parcel>::new(store);
    loop {
        match queue.by(Parcel::REQUESTED_AT).page().await {
            Ok(page) => {
                for Parcel { order, .. } in page.rows {
                    let once = ExecuteOptions::new().command_key("sent");
                    shipments.handle_with(&order, once, HandOver).await?;
                }
            }
            // Nobody has projected it yet.
            Err(error) if error.is_invalid() => {}
            Err(error) => return Err(error.into()),
        }
        tokio::time::sleep(LOOKS_EVERY).await;
    }
}
