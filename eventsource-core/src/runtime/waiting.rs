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
use crate::words::view_table::ViewTable;

use super::projections::{Activity, ProjectionStatus};
use super::view_reader::ViewReader;

const FIRST_PAUSE: Duration = Duration::from_millis(1);
const LONGEST_PAUSE: Duration = Duration::from_millis(32);

impl<V: View> ViewReader<V> {
    /// Waits until the view's rows have everything in them that the command had stored or seen, in whichever process
    /// it is projected.
    ///
    /// It looks at the view's checkpoint, at once and then after pauses of 1 ms that double up to 32 ms. With the
    /// [statuses](Self::with_statuses) of this process's projections, a pause ends within a millisecond when the view
    /// moves or stops here.
    ///
    /// Of a view that is kept [inline](ViewReader::inline) it answers at once: what was stored with it is in its rows.
    ///
    /// Fails with [`is_transient`](StoreError::is_transient) when `timeout` is over: the view may be behind, stopped
    /// elsewhere, or run by nobody; the error says where it stands. Fails with [`is_rewound`](StoreError::is_rewound)
    /// for the token of another store, or of the time before a restore. Fails at once, and with none of the two, when
    /// the view has stopped in this process; the error says why it did.
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
        self.check_store(token)?;
        if self.is_inline {
            return Ok(());
        }
        let until = Instant::now().checked_add(timeout);
        let mut pause = FIRST_PAUSE;
        // Behind this place there are events of the view, so it must move.
        let mut must_leave = None;
        loop {
            // Asked before the store: what the projection had written when it stopped is there.
            let here = self.status();
            let stands = self.store.load_checkpoint(&V::TABLE.checkpoint_key()).await?.map(position);
            if stands >= Some(token.position) {
                return Ok(());
            }
            if stands.is_some() && stands != must_leave {
                match self.nothing_until(stands, token.position).await? {
                    Some(true) => return Ok(()),
                    Some(false) => must_leave = stands,
                    None => {}
                }
            }
            if let Some(status) = here.as_ref().filter(|status| status.activity == Activity::Stopped) {
                return Err(StoreError::failed(has_stopped(status, token)));
            }
            let now = Instant::now();
            if until.is_some_and(|until| now >= until) {
                return Err(StoreError::transient(too_late(&V::TABLE, token, timeout, stands)));
            }
            let longest = now + pause;
            self.rest(until.map_or(longest, |until| until.min(longest)), here).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    fn check_store(&self, token: &Token) -> Result<(), StoreError> {
        let here = self.store.identity();
        if (token.store, token.epoch) == (here.id, here.epoch) {
            return Ok(());
        }
        Err(StoreError::rewound(format!(
            "the token is of store {}, epoch {}; this is store {}, epoch {}",
            token.store, token.epoch, here.id, here.epoch
        )))
    }

    /// What the projection of this process does, if there is one.
    fn status(&self) -> Option<ProjectionStatus> {
        let name = V::TABLE.to_string();
        self.statuses.as_ref()?.all().into_iter().find(|status| status.name == name)
    }

    /// Waits until then, or until the projection of this process does something else than `before`.
    async fn rest(&self, until: Instant, before: Option<ProjectionStatus>) {
        let Some(before) = before else { return tokio::time::sleep_until(until).await };
        while Instant::now() < until {
            tokio::time::sleep(FIRST_PAUSE).await;
            match self.status() {
                Some(now) if (&now.activity, now.position) == (&before.activity, before.position) => {}
                _ => return,
            }
        }
    }

    /// Whether none of the view's events lies between two places; `None` while one may still come there.
    async fn nothing_until(&self, after: Option<Position>, until: Position) -> Result<Option<bool>, StoreError> {
        let read = Read::all().after(after.unwrap_or_default()).until(until).names(stored_names::<V::Event>()).limit(1);
        let page = self.store.read(&read, &mut |_| Ok(())).await?;
        Ok(match page.count {
            0 => (page.watermark >= until).then_some(true),
            _ => Some(false),
        })
    }
}

fn has_stopped(status: &ProjectionStatus, token: &Token) -> String {
    let why = status.last_error.as_deref().unwrap_or("without words");
    format!("view {} has stopped, and does not come to position {}: {why}", status.name, token.position)
}

fn too_late(table: &ViewTable, token: &Token, timeout: Duration, stands: Option<Position>) -> String {
    let stands = match stands {
        Some(position) => format!("it stands at {position}"),
        None => "nobody has begun to project it".to_owned(),
    };
    format!("view {table} has not come to position {} in {timeout:?}: {stands}", token.position)
}

fn position(checkpoint: Checkpoint) -> Position {
    checkpoint.cursor.position
}
