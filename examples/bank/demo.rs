//! The bank without arguments: a year of 200 accounts, and what can be asked of it afterwards.

use std::fmt::Display;
use std::fs::File;
use std::io::{self, BufRead, BufReader, BufWriter, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Barrier};

use chrono::NaiveDate;
use eventsource::{
    AppendRequest, AsOf, DomainEvent, EventStore, ExecuteError, ExpectedVersion, Handle, History, NewEvent, Repository,
};
use indicatif::MultiProgress;
use tokio::task::{JoinSet, block_in_place};

use super::domain::{Account, AccountEvent, Close, Credited, Direction, Opened, Post, Refusal, Withdraw};
use super::ledger::Ledger;
use super::money::{Money, grouped};
use super::progress::Progress;
use super::record::{Recording, record};
use super::replay::{Books, replay};
use super::report::per_second;
use super::run::HALTED;
use super::statement::{end_of, write_statement};
use super::stop::Stop;
use super::store::StoreUrl;
use super::year::{self, ACCOUNTS};

/// An account with a whole year behind it.
const FULL_YEAR: u64 = 17;
/// Accounts that the year does not know.
const RACE: u64 = ACCOUNTS + 1;
const OLD: u64 = ACCOUNTS + 2;
/// The row at which a process is killed.
const KILLED_AT: u64 = 5_000;
const RACERS: usize = 8;

pub(crate) async fn run() -> Result<(), Stop> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("year.asc");
    let mut writer = BufWriter::new(File::create(&file)?);
    year::write(&mut writer)?;
    writer.flush()?;
    drop(writer);

    let about = "A bank in one SQLite file: every change is an event, every balance the sum of its events.";
    writeln!(io::stdout(), "{about}\n")?;
    let store = StoreUrl::Sqlite(folder.path().join("bank.db")).open().await?;
    let accounts = Repository::<Account>::new(store.clone());
    let (recording, books) = live_a_year(&file, &accounts).await?;
    withdraw_too_much(&accounts).await?;
    race_for_the_last_money(&accounts).await?;
    close_two_accounts(&accounts).await?;
    read_every_version(&accounts).await?;
    kill_and_run_again(&file, &folder.path().join("killed.db"), &books).await?;
    print_statement(&accounts).await?;
    look_back(&accounts, [year::day(3, 31), year::day(9, 30)]).await?;
    let (rows, events) = (per_second(recording.rows, recording.elapsed), per_second(books.events, books.elapsed));
    say("rates", format!("{} rows recorded a second, {} events replayed a second", grouped(rows), grouped(events)))?;
    store.close().await?;
    Ok(())
}

fn say(what: &str, text: impl Display) -> io::Result<()> {
    writeln!(io::stdout(), "{what:<10} {text}")
}

/// Records the year and replays it: the balances of each day must be those that the ledger printed.
async fn live_a_year(file: &Path, accounts: &Repository<Account>) -> Result<(Recording, Books), Stop> {
    let ledger = Ledger::open(file)?;
    let recording = record(accounts, ledger.rows()?, Progress::new(&MultiProgress::new(), ledger.len())).await?;
    let books = replay(accounts.store().clone()).await?;
    let comparison = books.compare(ledger.rows()?)?;
    let (rows, events) = (grouped(recording.rows), grouped(books.events));
    say("year", format!("{ACCOUNTS} accounts, {rows} rows of a ledger, recorded as {events} events"))?;
    let (days, mismatches) = (grouped(comparison.account_days), comparison.mismatches);
    say("replay", format!("{days} account-days compared with the balances in the ledger: {mismatches} differ"))?;
    Ok((recording, books))
}

async fn withdraw_too_much(accounts: &Repository<Account>) -> Result<(), Stop> {
    let withdraw = Withdraw { amount: Money::crowns(1_000_000) };
    let refusal = refusal(accounts.handle(&FULL_YEAR.to_string(), withdraw).await)?;
    say("withdraw", format!("account {FULL_YEAR} refused: {refusal}"))?;
    Ok(())
}

async fn close_two_accounts(accounts: &Repository<Account>) -> Result<(), Stop> {
    let refusal = refusal(accounts.handle(&FULL_YEAR.to_string(), Close).await)?;
    say("close", format!("account {FULL_YEAR} refused: {refusal}"))?;
    accounts.handle(&RACE.to_string(), Close).await.map_err(Stop::broken)?;
    say("", format!("account {RACE}, emptied by the race, is closed"))?;
    Ok(())
}

/// What the bank said to a command to which it must say no.
fn refusal<T>(outcome: Result<T, ExecuteError<Refusal>>) -> Result<Refusal, Stop> {
    match outcome {
        Err(ExecuteError::Refused(refusal)) => Ok(refusal),
        Err(error) => Err(Stop::broken(error)),
        Ok(_) => Err(Stop::broken("a command was carried out that had to be refused")),
    }
}

/// All racers decide on the same state before the first of them appends, as if each were a process of its own.
async fn race_for_the_last_money(accounts: &Repository<Account>) -> Result<(), Stop> {
    let last = Money::crowns(100);
    let (owner, text) = ("all racers".to_owned(), "cash deposit".to_owned());
    let deposit = Post { owner, direction: Direction::Credit, amount: last, text };
    accounts.handle(&RACE.to_string(), deposit).await.map_err(Stop::broken)?;

    let start = Arc::new(Barrier::new(RACERS));
    let mut racers = JoinSet::new();
    for _ in 0..RACERS {
        // With what they share, they would decide one after the other.
        let (accounts, start) = (accounts.clone().without_cache(), start.clone());
        racers.spawn(async move {
            let looks = AtomicU32::new(0);
            let withdrawal = |account: &Account| {
                if looks.fetch_add(1, Ordering::Relaxed) == 0 {
                    // Only to stage the race: a decision looks at nothing but the state.
                    block_in_place(|| start.wait());
                }
                account.handle(&Withdraw { amount: last })
            };
            let outcome = accounts.execute(&RACE.to_string(), withdrawal).await;
            (outcome, looks.into_inner())
        });
    }
    let (mut stored, mut refused) = (0, 0);
    while let Some(racer) = racers.join_next().await {
        match racer.map_err(Stop::broken)? {
            (Ok(_), 1) => stored += 1,
            (Err(ExecuteError::Refused(_)), 2) => refused += 1,
            (outcome, looks) => return Err(Stop::broken(format!("after {looks} looks at the account: {outcome:?}"))),
        }
    }
    say("race", format!("{RACERS} tasks, {last:#} Kč left: {stored} stored, {refused} refused after re-reading"))?;
    Ok(())
}

/// Writes what the programs of two years ago, of last year and of today write, and reads it with the one of today.
async fn read_every_version(accounts: &Repository<Account>) -> Result<(), Stop> {
    let id = OLD.to_string();
    let mut events = vec![NewEvent::new(Opened::NAME, 1, b"{}".to_vec())];
    for crowns in [100, 250, 50] {
        events.push(NewEvent::new(Credited::NAME, 1, format!(r#"{{"crowns":{crowns}}}"#).into_bytes()));
    }
    events.push(NewEvent::new(Credited::NAME, 2, br#"{"amount":7550,"text":"salary"}"#.to_vec()));
    let today = Credited { amount: Money::hundredths(1250), purpose: "interest".to_owned() };
    events.push(NewEvent::encode(&today)?);
    let request = AppendRequest::new(accounts.stream(&id)?, ExpectedVersion::NoStream, events);
    accounts.store().append(request.into()).await?;

    let (mut versions, mut read) = (Vec::new(), Vec::new());
    for recorded in accounts.history(&id, History::all()).await?.events {
        if let AccountEvent::Credited(Credited { amount, purpose }) = recorded.event {
            versions.push(recorded.schema_version.to_string());
            read.push(format!("{purpose} {amount}"));
        }
    }
    let (versions, read) = (versions.join(", "), read.join(", "));
    let balance = accounts.load(&id).await?.balance;
    say("versions", format!("{} stored as versions {versions}", Credited::NAME))?;
    say("", format!("read as version {}: {read}; balance {balance:#} Kč", Credited::VERSION))?;
    Ok(())
}

/// Another process records the year and is killed; one more starts again with the same ledger.
async fn kill_and_run_again(file: &Path, database: &Path, undisturbed: &Books) -> Result<(), Stop> {
    let mut bank = Command::new(std::env::current_exe()?);
    bank.arg("--ledger").arg(file).arg("--store").arg(format!("sqlite:{}", database.display())).arg("--json");
    bank.stdin(Stdio::null()).stderr(Stdio::null());

    let mut first = Command::new(bank.get_program());
    first.args(bank.get_args()).arg("--halt-after").arg(KILLED_AT.to_string());
    let mut child = first.stdin(Stdio::null()).stderr(Stdio::null()).stdout(Stdio::piped()).spawn()?;
    let mut said = String::new();
    if let Some(stdout) = child.stdout.take() {
        BufReader::new(stdout).read_line(&mut said)?;
    }
    child.kill()?;
    child.wait()?;
    if said.trim_end() != HALTED {
        return Err(Stop::broken("the process to be killed did not come so far"));
    }

    let second = bank.output()?;
    let report: serde_json::Value = serde_json::from_slice(&second.stdout).map_err(Stop::broken)?;
    let duplicates = report["duplicates"].as_u64().unwrap_or_default();
    let books = replay(StoreUrl::Sqlite(database.to_owned()).open().await?).await?;
    if books.accounts != undisturbed.accounts {
        return Err(Stop::broken("a process was killed and run again, and the balances are others"));
    }
    let (row, duplicates) = (grouped(KILLED_AT), grouped(duplicates));
    say("kill", format!("a process killed at row {row} and run again: {duplicates} duplicates, same balances"))?;
    Ok(())
}

async fn print_statement(accounts: &Repository<Account>) -> Result<(), Stop> {
    say("statement", format!("account {ACCOUNTS}, opened in November"))?;
    write_statement(&mut io::stdout(), accounts, ACCOUNTS, None).await
}

async fn look_back(accounts: &Repository<Account>, dates: [NaiveDate; 2]) -> Result<(), Stop> {
    for date in dates {
        let then = accounts.load_at(&FULL_YEAR.to_string(), AsOf::OccurredAt(end_of(date))).await?;
        say("as of", format!("{date}: account {FULL_YEAR} held {:#} Kč", then.balance))?;
    }
    Ok(())
}
