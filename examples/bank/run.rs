//! A run over a ledger: record, replay, compare, report.

use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use eventsource::{EventStore, Repository};

use super::Arguments;
use super::domain::Account;
use super::ledger::Ledger;
use super::progress::Progress;
use super::record::record;
use super::replay::{Comparison, replay};
use super::report::Report;
use super::statement::{write_as_of, write_statement};
use super::stop::Stop;
use super::store::StoreUrl;

/// What stands on stdout when the rows of `--halt-after` are recorded.
pub(crate) const HALTED: &str = "halted";
/// After this long, a halted process that nobody has killed ends by itself.
const HALTED_AT_MOST: Duration = Duration::from_secs(60);

pub(crate) async fn run(file: &Path, arguments: &Arguments) -> Result<ExitCode, Stop> {
    let mut ledger = Ledger::open(file)?;
    let folder;
    let url = match &arguments.store {
        Some(url) => url.clone(),
        None => {
            folder = tempfile::tempdir()?;
            StoreUrl::Sqlite(folder.path().join("bank.db"))
        }
    };
    let store = url.open().await?;
    let accounts = Repository::<Account>::new(store.clone());
    if let Some(rows) = arguments.halt_after {
        record(&accounts, ledger.rows()?.take(rows), Progress::new(ledger.len())).await?;
        return halt();
    }

    let recording = record(&accounts, ledger.rows()?, Progress::new(ledger.len())).await?;
    if let Some(wrong) = ledger.wrong() {
        // What came before it stays recorded; the next run will know it by its command keys.
        store.close().await?;
        return Err(wrong.into());
    }
    let books = replay(store.clone()).await?;
    let comparison = books.compare(ledger.rows()?)?;
    let report = Report::new(recording, &books, &comparison);

    // With `--json`, stdout is for the machine.
    let mut out: Box<dyn Write> = if arguments.json { Box::new(io::stderr()) } else { Box::new(io::stdout()) };
    if let Some(number) = arguments.statement {
        write_statement(&mut *out, &accounts, number, arguments.as_of).await?;
    }
    match (arguments.as_of, arguments.statement) {
        (Some(date), Some(number)) => write_as_of(&mut *out, &accounts, number, date).await?,
        (Some(date), None) => writeln!(out, "all accounts together held {:#} Kč on {date}", books.total_on(date))?,
        (None, _) => {}
    }
    write_mismatches(&comparison)?;
    if arguments.json {
        report.write_json(&mut io::stdout())?;
    } else {
        report.write_text(&mut out)?;
    }
    store.close().await?;
    Ok(if comparison.mismatches == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn write_mismatches(comparison: &Comparison) -> io::Result<()> {
    for (number, date, difference) in &comparison.examples {
        writeln!(io::stderr(), "account {number} is {difference:#} Kč away from what the bank printed for {date}")?;
    }
    Ok(())
}

/// Stands still as if the power were about to fail: whoever started the process kills it.
fn halt() -> Result<ExitCode, Stop> {
    writeln!(io::stdout(), "{HALTED}")?;
    std::thread::sleep(HALTED_AT_MOST);
    std::process::abort()
}
