//! Recording a ledger: each row is a command, the rows of one account in order, many accounts at once.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::{Duration, Instant};

use chrono::NaiveTime;
use eventsource::{ExecuteError, ExecuteOptions, Repository, Token};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use super::domain::Account;
use super::ledger::BadInput;
use super::progress::Progress;
use super::row::Row;
use super::stop::Stop;

/// Commands under way at most: a store commits what comes together together.
const LANES: u64 = 128;
/// Rows that wait in a lane at most.
const LANE_ROWS: usize = 16;

/// What came of recording.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Recording {
    pub(crate) rows: u64,
    /// Rows that had been recorded before, which their command keys told.
    pub(crate) duplicates: u64,
    pub(crate) elapsed: Duration,
    /// Of the row that stands last in the store: who has seen it has seen them all.
    pub(crate) last: Option<Token>,
}

impl Recording {
    fn add(&mut self, other: &Self) {
        self.rows += other.rows;
        self.duplicates += other.duplicates;
        self.last = self.last.into_iter().chain(other.last).max_by_key(|token| token.position);
    }
}

/// Records rows and waits until each of them is acknowledged.
pub(crate) async fn record(
    accounts: &Repository<Account>,
    rows: impl Iterator<Item = Result<Row, BadInput>>,
    progress: Progress,
) -> Result<Recording, Stop> {
    let start = Instant::now();
    let progress = Arc::new(progress);
    let mut workers = JoinSet::new();
    let mut lanes = Vec::new();
    for _ in 0..LANES {
        let (sender, receiver) = mpsc::channel(LANE_ROWS);
        workers.spawn(work(accounts.clone(), receiver, progress.clone()));
        lanes.push(sender);
    }
    for row in rows {
        let row = row?;
        // An account stays in its lane, so its rows stay in order.
        let lane = &lanes[(row.account % LANES) as usize];
        if lane.send(row).await.is_err() {
            // Its worker ended with an error, which is found below.
            break;
        }
    }
    drop(lanes);
    let mut recording = Recording::default();
    while let Some(worker) = workers.join_next().await {
        recording.add(&worker.map_err(Stop::broken)?.map_err(Stop::broken)?);
    }
    progress.finish();
    recording.elapsed = start.elapsed();
    Ok(recording)
}

async fn work(
    accounts: Repository<Account>,
    mut rows: mpsc::Receiver<Row>,
    progress: Arc<Progress>,
) -> Result<Recording, ExecuteError<Infallible>> {
    let mut done = Recording::default();
    while let Some(row) = rows.recv().await {
        let id = row.account.to_string();
        let options = ExecuteOptions::new()
            .command_key(row.trans_id.to_string())
            .occurred_at(row.date.and_time(NaiveTime::MIN).and_utc());
        let executed = accounts.handle_with(&id, options, row.post()).await?;
        let duplicates = u64::from(executed.repeated);
        done.add(&Recording { rows: 1, duplicates, last: Some(executed.token), ..Recording::default() });
        progress.advance();
    }
    Ok(done)
}
