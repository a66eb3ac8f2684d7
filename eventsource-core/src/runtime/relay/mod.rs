//! The relay: events of a store, published to a broker by a sink.

mod routing;

use std::fmt;
use std::marker::PhantomData;
use std::time::Duration;

use serde_json::value::RawValue;

use crate::contract::publisher::Publisher;
use crate::folding::encoding::Encoded;
use crate::folding::event_set::EventSet;
use crate::runtime::projections::sink::{FencingToken, Sink, SinkStart};
use crate::words::cloud_event::CloudEvent;
use crate::words::error::{BoxError, StoreError};
use crate::words::event::Recorded;
use crate::words::message::Message;

/// What is published, and as what: constants, all of which are checked while compiling.
///
/// ```
/// # use eventsource::{Aggregate, Apply, DomainEvent, Projections, Publication, Relay, Repository, SinkStart};
/// # use eventsource::memory::{MemoryBroker, MemoryStore};
/// # use serde::{Deserialize, Serialize};
/// #[derive(DomainEvent, Serialize, Deserialize)]
/// #[event(name = "order.placed", version = 1)]
/// struct Placed { cents: u64 }
/// # #[derive(Aggregate, Default, Clone)]
/// # #[aggregate(name = "order", events(Placed))]
/// # struct Order;
/// # impl Apply<Placed> for Order { fn apply(&mut self, _: &Placed) {} }
///
/// struct Orders;
///
/// impl Publication for Orders {
///     type Event = Placed; // or an enum with `#[derive(EventSet)]`
///     const NAME: &'static str = "orders_out";
///     const SOURCE: &'static str = "/shop";
///     const START: SinkStart = SinkStart::FirstEvent;
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let store = MemoryStore::new();
/// # Repository::<Order>::new(store.clone()).execute("17", |_| Placed { cents: 500 }).await?;
/// let broker = MemoryBroker::new();
/// let queue = broker.bind("order.*")?;
/// # let shutdown = async { tokio::time::sleep(std::time::Duration::from_millis(200)).await };
/// Projections::new(&store).sink(Relay::<Orders, _>::new(broker)).run(shutdown).await?;
///
/// let delivery = queue.next().await;
/// assert_eq!((delivery.routing_key.as_str(), delivery.subject.as_str()), ("order.placed", "order-17"));
/// delivery.done();
/// # Ok(())
/// # }
/// ```
#[diagnostic::on_unimplemented(message = "`{Self}` does not say what is published", label = "not a publication")]
pub trait Publication: Send + Sync + 'static {
    /// The events that are published.
    type Event: EventSet;

    /// Under which it is noted how far it has come: [`Sink::NAME`].
    const NAME: &'static str;

    /// Where the events come from, for those who get them from several systems: [`CloudEvent::source`], a URI or its path.
    const SOURCE: &'static str;

    /// A template of [`Message::routing_key`], by which a broker decides who gets a message.
    ///
    /// | in it | becomes | for example |
    /// |---|---|---|
    /// | `{name}` | the event's current name | `order.placed` |
    /// | `{category}` | the category of its stream | `order` |
    /// | `{id}` | the id of its stream | `17` |
    ///
    /// In an id, all but ASCII letters, digits, `-` and `_` becomes `%` and two hexadecimal digits for each byte, so that an id is
    /// always one word of a topic. `order.eu.{id}` and `shop.{name}` are templates; another text in braces does not compile.
    const ROUTING_KEY: &'static str = "{name}";

    /// With which events a new relay begins.
    const START: SinkStart = SinkStart::Now;
}

/// A sink that publishes events: each as a [`CloudEvent`], to whatever broker there is a [`Publisher`] for.
///
/// It is run by [`Projections`](crate::Projections): one owner among all processes, events of a stream in their order, at
/// least once, and after a restart from where it was. A broker that is out of reach makes it wait, however long that
/// takes, and it says so: by [`ProjectionStatus::failing_since`](crate::ProjectionStatus::failing_since), by
/// [`Progress::lag`](crate::Progress::lag), and by a warning in the log. Nobody who appends waits for it.
///
/// The payload is that of the event's current version, whatever version was stored or is written. Of its metadata only
/// correlation and causation are published. See [`Publication`] for an example.
pub struct Relay<P, B> {
    publisher: B,
    publication: PhantomData<fn() -> P>,
}

impl<P: Publication, B: Publisher> Relay<P, B> {
    /// Publishes by this.
    pub fn new(publisher: B) -> Self {
        const {
            routing::assert_template(P::ROUTING_KEY);
            assert!(!P::SOURCE.is_empty(), "the source of a publication is a URI or its path, such as `/shop`");
        };
        Self { publisher, publication: PhantomData }
    }
}

impl<P: Publication, B: Publisher> Sink for Relay<P, B> {
    type Event = P::Event;
    const NAME: &'static str = P::NAME;
    const START: SinkStart = P::START;
    /// However long it is down: what is stored waits.
    const PATIENCE: Option<Duration> = Some(Duration::MAX);

    /// Needs no token: what an owner publishes that was taken over has been published, or comes in order.
    async fn deliver(&self, events: &[Recorded<P::Event>], _: FencingToken) -> Result<(), BoxError> {
        let messages = events.iter().map(message::<P>).collect::<Result<Vec<_>, _>>()?;
        self.publisher.publish(&messages).await
    }
}

fn message<P: Publication>(event: &Recorded<P::Event>) -> Result<Message, StoreError> {
    let (name, schema_version, data) = Encoded::current(&event.event)?;
    // Checked once more to be UTF-8 and JSON: a fraction of what it costs to send it.
    let data = serde_json::from_slice::<Box<RawValue>>(&data)
        .map_err(|error| StoreError::encode(format!("event {} is no JSON: {error}", event.id)))?;
    let envelope = CloudEvent::new(P::SOURCE, event, name, schema_version, data);
    Message::new(routing::render(P::ROUTING_KEY, name, &event.stream), &envelope)
}

impl<P: Publication, B> fmt::Debug for Relay<P, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Relay").field("name", &P::NAME).finish_non_exhaustive()
    }
}
