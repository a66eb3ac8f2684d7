//! What every build of the rolling deploy does: it works when it is told to, and says what it believes.
//!
//! Each line on stdin is answered by one on stdout: `work N` by `done`, `report` by what it reads in each stream and
//! how many events it reads in all.

use std::error::Error;
use std::fmt::Debug;
use std::io::{BufRead, Write};

use eventsource::sqlite::SqliteStore;
use eventsource::{Aggregate, Events, IntoEvents, Read, Repository, Retry};

const STREAMS: [&str; 3] = ["alice", "bob", "carol"];

/// Runs until stdin ends.
pub(crate) async fn run<A, D>(decide: fn(&A, i64) -> D, shown: fn(&A) -> String) -> Result<(), Box<dyn Error>>
where
    A: Aggregate + PartialEq + Debug,
    D: IntoEvents<A>,
    D::Refusal: Debug,
{
    let file = std::env::args().nth(1).ok_or("name the file of the store")?;
    let store = SqliteStore::open(file).await?;
    let accounts = Repository::<A>::new(store.clone()).with_retry(Retry::attempts(1_000));
    for line in std::io::stdin().lock().lines() {
        let answer = match line?.strip_prefix("work ") {
            Some(times) => {
                work(&accounts, times.parse()?, decide).await?;
                "done".to_owned()
            }
            None => report(&store, &accounts, shown).await?,
        };
        let mut stdout = std::io::stdout().lock();
        writeln!(stdout, "{answer}")?;
        stdout.flush()?;
    }
    Ok(())
}

async fn work<A, D>(accounts: &Repository<A>, times: i64, decide: fn(&A, i64) -> D) -> Result<(), Box<dyn Error>>
where
    A: Aggregate + PartialEq + Debug,
    D: IntoEvents<A>,
    D::Refusal: Debug,
{
    for n in 0..times {
        let id = STREAMS[n as usize % STREAMS.len()];
        let executed = match accounts.execute(id, |account| decide(account, n)).await {
            Ok(executed) => executed,
            Err(error) => return Err(format!("{error:?}").into()),
        };
        let replayed = accounts.load_at(id, executed.version).await?;
        if executed.state != replayed.state {
            return Err(format!("it believes {:?}, and a reader {:?}", executed.state, replayed.state).into());
        }
    }
    Ok(())
}

async fn report<A: Aggregate>(
    store: &SqliteStore,
    accounts: &Repository<A>,
    shown: fn(&A) -> String,
) -> Result<String, Box<dyn Error>> {
    let mut report = Vec::new();
    for id in STREAMS {
        report.push(format!("{id} {}", shown(&accounts.load(id).await?.state)));
    }
    let mut events = Events::<A::Event>::new(store.clone(), Read::category(A::NAME));
    let mut count = 0;
    while events.next().await?.is_some() {
        count += 1;
    }
    report.push(format!("{count} events"));
    Ok(report.join(", "))
}
