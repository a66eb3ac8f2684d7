//! A run over a ledger: record, replay, compare, report.

use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use eventsource::{EventStore, Repository, ViewStore};
use indicatif::MultiProgress;

use super::Arguments;
use super::domain::Account;
use super::ledger::Ledger;
use super::progress::Progress;
use super::record::{Recording, record};
use super::replay::{Books, Comparison, replay};
use super::report::Report;
use super::statement::{write_as_of, write_statement};
use super::stop::Stop;
use super::store::StoreUrl;
use super::views::{Balance, Projecting, ViewFigures, Watch, write_newest, write_overview, write_suspicious};

/// What stands on stdout when the rows of `--halt-after` are recorded.
pub(crate) const HALTED: &str = "halted";
/// After this long, a halted process that nobody has killed ends by itself.
const HALTED_AT_MOST: Duration = Duration::from_secs(60);

pub(crate) async fn run(file: &Path, arguments: &Arguments) -> Result<ExitCode, Stop> {
    let ledger = Ledger::open(file)?;
    let folder;
    let url = match &arguments.store {
        Some(url) => url.clone(),
        None => {
            folder = tempfile::tempdir()?;
            StoreUrl::Sqlite(folder.path().join("bank.db"))
        }
    };
    let store = url.open().await?;
    if let Some(rows) = arguments.halt_after {
        let progress = Progress::new(&MultiProgress::new(), ledger.len());
        record(&Repository::new(store), ledger.rows()?.take(rows), progress).await?;
        return halt();
    }
    let views = arguments.wants_views().then(|| Projecting::start(&store, arguments.suspicious));
    let outcome = account_for(ledger, &store, views.as_ref(), arguments).await;
    // Whatever came out, the next run finds the views free.
    if let Some(views) = views {
        views.stop().await?;
    }
    store.close().await?;
    outcome
}

/// Records the ledger and says what has come of it.
async fn account_for(
    mut ledger: Ledger,
    store: &Arc<dyn ViewStore>,
    views: Option<&Projecting>,
    arguments: &Arguments,
) -> Result<ExitCode, Stop> {
    let accounts = Repository::<Account>::new(store.clone());
    let recording = record_and_watch(&ledger, &accounts, store, arguments).await?;
    if let Some(wrong) = ledger.wrong() {
        // What came before it stays recorded; the next run will know it by its command keys.
        return Err(wrong.into());
    }
    let books = replay(store.clone()).await?;
    let comparison = books.compare(ledger.rows()?)?;

    // With `--json`, stdout is for the machine.
    let mut out: Box<dyn Write> = if arguments.json { Box::new(io::stderr()) } else { Box::new(io::stdout()) };
    write_what_was_asked_for(&mut *out, &accounts, &books, arguments).await?;
    let figures = match views {
        Some(views) => Some(read_views(&mut *out, views, &recording, arguments).await?),
        None => None,
    };
    write_mismatches(&comparison)?;
    let report = Report::new(recording, &books, &comparison, figures);
    if arguments.json {
        report.write_json(&mut io::stdout())?;
    } else {
        report.write_text(&mut out)?;
    }
    Ok(if comparison.mismatches == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

async fn record_and_watch(
    ledger: &Ledger,
    accounts: &Repository<Account>,
    store: &Arc<dyn ViewStore>,
    arguments: &Arguments,
) -> Result<Recording, Stop> {
    let screen = MultiProgress::new();
    let progress = Progress::new(&screen, ledger.len());
    let recording = record(accounts, ledger.rows()?, progress);
    if !arguments.watch {
        return recording.await;
    }
    let watch = Watch::new(store, &screen);
    let recording = tokio::select! {
        recording = recording => recording,
        Err(error) = watch.run() => Err(error.into()),
    };
    watch.finish();
    recording
}

async fn write_what_was_asked_for(
    out: &mut dyn Write,
    accounts: &Repository<Account>,
    books: &Books,
    arguments: &Arguments,
) -> Result<(), Stop> {
    if let Some(number) = arguments.statement {
        write_statement(out, accounts, number, arguments.as_of).await?;
    }
    match (arguments.as_of, arguments.statement) {
        (Some(date), Some(number)) => write_as_of(out, accounts, number, date).await?,
        (Some(date), None) => writeln!(out, "all accounts together held {:#} Kč on {date}", books.total_on(date))?,
        (None, _) => {}
    }
    Ok(())
}

/// What the views hold, once they have every row of the ledger in them.
async fn read_views(
    out: &mut dyn Write,
    views: &Projecting,
    recording: &Recording,
    arguments: &Arguments,
) -> Result<ViewFigures, Stop> {
    views.come_to(recording.last).await?;
    let figures = ViewFigures::read(views).await?;
    if arguments.views {
        write_overview(out, views, &figures).await?;
    }
    if let Some(suspicious) = views.suspicious() {
        write_suspicious(out, &suspicious).await?;
    }
    if arguments.watch {
        write_newest(out, &views.reader::<Balance>()).await?;
    }
    Ok(figures)
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
