//! The accounts that changed last, on the terminal while it happens.

use std::fmt::Write as _;
use std::io::Write;
use std::sync::Arc;
use std::time::Duration;

use eventsource::{Position, StoreError, Token, ViewReader, ViewStore};
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

use crate::stop::Stop;

use super::Balance;

/// Accounts on the screen.
const LINES: usize = 10;
/// From one picture to the next.
const FRAME: Duration = Duration::from_millis(100);
/// A view that is behind for longer than this is shown as it is.
const PATIENCE: Duration = Duration::from_secs(5);

/// The table, on a screen that it shares with the progress of the recording. It draws on stderr, and only on a terminal.
pub(crate) struct Watch {
    store: Arc<dyn ViewStore>,
    balances: ViewReader<Balance>,
    table: ProgressBar,
}

impl Watch {
    pub(crate) fn new(store: &Arc<dyn ViewStore>, screen: &MultiProgress) -> Self {
        let table = screen.insert(0, ProgressBar::no_length());
        table.set_style(ProgressStyle::with_template("{msg}").unwrap_or_else(|_| ProgressStyle::default_spinner()));
        Self { store: store.clone(), balances: ViewReader::new(store.clone()), table }
    }

    /// Draws the table whenever there are new events, when the view has them.
    pub(crate) async fn run(&self) -> Result<(), StoreError> {
        let here = self.store.identity();
        let mut position = Position(0);
        loop {
            position = self.store.wait_past(position).await?;
            let token = Token::new((here.id, here.epoch), position, None);
            match self.balances.wait_for(&token, PATIENCE).await {
                Err(error) if error.is_transient() => {}
                waited => {
                    waited?;
                    self.table.set_message(newest(&self.balances).await?);
                }
            }
            tokio::time::sleep(FRAME).await;
        }
    }

    pub(crate) fn finish(&self) {
        self.table.finish_and_clear();
    }
}

/// Writes the table once, as plain lines.
pub(crate) async fn write_newest(out: &mut dyn Write, balances: &ViewReader<Balance>) -> Result<(), Stop> {
    writeln!(out, "{}", newest(balances).await?)?;
    Ok(())
}

/// The accounts that changed last, as a table.
async fn newest(balances: &ViewReader<Balance>) -> Result<String, StoreError> {
    let page = balances.by(Balance::UPDATED_AT).descending().limit(LINES).page().await?;
    let mut table = format!("{:>10}  {:<16} {:>16}  changed", "account", "owner", "balance");
    for Balance { account, owner, balance, updated_at, .. } in page.rows {
        let at = updated_at.format("%T%.3f");
        // A `String` takes everything.
        let _ = write!(table, "\n{account:>10}  {owner:<16} {balance:>#16}  {at}");
    }
    Ok(table)
}
