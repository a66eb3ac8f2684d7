//! Reading one's own writes: waiting until a view has come to where a command has left the store.

use std::time::Duration;

use tokio::time::Instant;

use crate::contract::checkpoint::Checkpoint;
use crate::contract::read::Read;
use crate::folding::event_set::stored_names;
use crate::folding::view::View;
use crate::words::error::StoreError;
use crate::words::stream::Position;
use crate::words::token::Token;

use super::view_reader::ViewReader;

const FIRST_PAUSE: Duration = Duration::from_millis(1);
const LONGEST_PAUSE: Duration = Duration::from_millis(32);

impl<V: View> ViewReader<V> {
    /// Waits until the view's rows have everything in them that the command had stored or seen, in whichever process
    /// it is projected.
    ///
    /// It looks at the view's checkpoint, at once and then after pauses of 1 ms that double up to 32 ms. Fails with
    /// [`is_transient`](StoreError::is_transient) when `timeout` is over: the view may be behind, stopped, or run by
    /// nobody. The error says where it stands. Fails with [`is_rewound`](StoreError::is_rewound) for the token of
    /// another store, or of the time before a restore.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use eventsource::{StoreError, Token, View, ViewReader};
    /// async fn after_a_command<V: View>(view: &ViewReader<V>, header: &str) -> Result<(), StoreError> {
    ///     if let Ok(token) = header.parse::<Token>() {
    ///         view.wait_for(&token, Duration::from_secs(2)).await?;
    ///     }
    ///     Ok(()) // the rows have it now
    /// }
    /// # let _ = after_a_command::<Row>;
    /// # #[derive(eventsource::DomainEvent, serde::Serialize, serde::Deserialize)]
    /// # #[event(name = "seen", version = 1)]
    /// # struct Seen {}
    /// # #[derive(View)]
    /// # #[view(name = "rows", version = 1, events(Seen))]
    /// # struct Row { #[view(key = stream)] id: String }
    /// # impl eventsource::Fold<Seen> for Row {
    /// #     fn fold(_: &String, row: Option<Self>, _: &eventsource::Recorded<Seen>) -> Option<Self> { row }
    /// # }
    /// ```
    pub async fn wait_for(&self, token: &Token, timeout: Duration) -> Result<(), StoreError> {
        let here = self.store.identity();
        if (token.store, token.epoch) != (here.id, here.epoch) {
            return Err(StoreError::rewound(format!(
                "the token is of store {}, epoch {}; this is store {}, epoch {}",
                token.store, token.epoch, here.id, here.epoch
            )));
        }
        let key = V::TABLE.checkpoint_key();
        let until = Instant::now().checked_add(timeout);
        let mut pause = FIRST_PAUSE;
        let mut looked = None;
        loop {
            let stands = self.store.load_checkpoint(&key).await?.map(position);
            // What it has not come past may be nothing to it, which needs to be found out once for each place.
            if stands >= Some(token.position)
                || (stands.is_some() && stands != looked && self.nothing_until(stands, token.position).await?)
            {
                return Ok(());
            }
            looked = stands;
            let now = Instant::now();
            if until.is_some_and(|until| now >= until) {
                let stands = match stands {
                    Some(position) => format!("it stands at {position}"),
                    None => "nobody has begun to project it".to_owned(),
                };
                return Err(StoreError::transient(format!(
                    "view {} has not come to position {} in {timeout:?}: {stands}",
                    V::TABLE,
                    token.position
                )));
            }
            let wake = until.map_or(now + pause, |until| until.min(now + pause));
            tokio::time::sleep_until(wake).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    /// Whether none of the view's events lies between two places.
    async fn nothing_until(&self, after: Option<Position>, until: Position) -> Result<bool, StoreError> {
        let read = Read::all().after(after.unwrap_or_default()).until(until).names(stored_names::<V::Event>()).limit(1);
        let page = self.store.read(&read, &mut |_| Ok(())).await?;
        // A page that ends before the place has not looked at all of it.
        Ok(page.count == 0 && page.watermark >= until)
    }
}

fn position(checkpoint: Checkpoint) -> Position {
    checkpoint.cursor.position
}
