//! Knowing that there are new events: at once from this process, by LISTEN or by looking from another.

use std::sync::Arc;
use std::time::Duration;

use eventsource_core::{Position, StoreError};
use tokio::sync::{Mutex, watch};

use crate::connect::Connections;
use crate::sql::Sql;
use crate::watermark::{Behind, behind, cursor_at_or_below, look};

/// How often a waiting reader looks when it hears of other processes' appends.
const WHEN_LISTENING: Duration = Duration::from_secs(1);
/// And when it does not: soon after the last event, then less and less often.
const SOONEST: Duration = Duration::from_millis(5);
const LATEST: Duration = Duration::from_millis(100);

/// The newest event that this process knows to be settled, and how it learns of more.
#[derive(Clone)]
pub(crate) struct Head {
    state: Arc<watch::Sender<State>>,
    looking: Arc<Mutex<()>>,
}

#[derive(Clone, Copy, Default)]
struct State {
    /// The newest visible event at or below the watermark.
    settled: Position,
    /// Events that were announced, settled or not: someone's append that is still open may hold the watermark back.
    announced: Position,
    /// How often news came of which no position is known.
    news: u64,
    listening: bool,
    closed: bool,
}

impl Head {
    pub(crate) fn new() -> Self {
        Self { state: Arc::new(watch::Sender::new(State::default())), looking: Arc::default() }
    }

    /// Up to here no event can appear any more; there may be more events by now.
    pub(crate) fn settled(&self) -> Position {
        self.state.borrow().settled
    }

    /// This process has stored events at these positions, in any order.
    ///
    /// Between them and the newest settled one nothing can come if no position is missing: then they are settled too,
    /// and nobody has to look.
    pub(crate) fn announce(&self, positions: impl Iterator<Item = Position>) {
        let (mut first, mut last, mut count) = (u64::MAX, 0, 0);
        for Position(position) in positions {
            (first, last, count) = (first.min(position), last.max(position), count + 1);
        }
        self.state.send_if_modified(|state| {
            let before = state.announced;
            state.announced = before.max(Position(last));
            let settled = state.settled.0;
            if settled > 0 && first <= settled + 1 && first.checked_add(count) == Some(last + 1) {
                state.settled = Position(settled.max(last));
            }
            state.announced > before
        });
    }

    /// Somebody has stored something.
    pub(crate) fn news(&self) {
        self.state.send_modify(|state| state.news += 1);
    }

    pub(crate) fn set_listening(&self, listening: bool) {
        self.state.send_modify(|state| {
            state.listening = listening;
            // Whatever was said before nobody listened is found by looking.
            state.news += 1;
        });
    }

    /// Wakes whoever waits, with an error.
    pub(crate) fn close(&self) {
        self.state.send_modify(|state| state.closed = true);
    }

    pub(crate) async fn wait_past(
        &self,
        connections: &Connections,
        sql: &Sql,
        position: Position,
    ) -> Result<Position, StoreError> {
        let mut changes = self.state.subscribe();
        let mut pause = SOONEST;
        loop {
            let before = *changes.borrow_and_update();
            if before.closed {
                return Err(StoreError::closed());
            }
            if before.settled > position {
                return Ok(before.settled);
            }
            // One waiter looks for all; the others hear of it.
            let settled = match self.looking.try_lock() {
                Ok(_looking) => self.look(connections, sql).await?,
                Err(_) => before.settled,
            };
            if settled > position {
                return Ok(settled);
            }
            // An append that is announced and not settled waits for another one to end, of which nobody tells.
            let told = before.listening && before.announced <= settled;
            let patience = if told { WHEN_LISTENING } else { pause };
            match tokio::time::timeout(patience, changes.changed()).await {
                Ok(changed) => {
                    changed.map_err(|_| StoreError::closed())?;
                    pause = SOONEST;
                }
                Err(_) => pause = (pause * 2).min(LATEST),
            }
        }
    }

    async fn look(&self, connections: &Connections, sql: &Sql) -> Result<Position, StoreError> {
        let known = self.settled();
        let settled = connections
            .run(async |link| {
                match behind(link, sql, known).await? {
                    Behind::Nothing => return Ok(known),
                    Behind::Dense(last) => return Ok(last),
                    Behind::Gap => {}
                }
                let watermark = look(link, sql).await?;
                Ok(cursor_at_or_below(link, sql, watermark).await?.position)
            })
            .await?;
        self.state.send_if_modified(|state| {
            let newer = settled > state.settled;
            state.settled = state.settled.max(settled);
            newer
        });
        Ok(settled)
    }
}
