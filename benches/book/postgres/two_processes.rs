//! One aggregate, and two processes whose tasks decide on it: this program, started twice.

use std::io::{BufRead, BufReader, Write, stdin, stdout};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use eventsource::Repository;
use eventsource::postgres::{PgOptions, PgStore};

use super::command::{ByHand, side};
use crate::book::domain::Account;
use crate::book::scenario::{Round, Scale};
use crate::book::sides::{Side, Sides};
use crate::book::work::{assert_states, commands, execute};

/// The argument that makes this program one of the two.
pub const HOT_PROCESS: &str = "--hot-process";
const TASKS: usize = 8;

/// Reads the store's URL, and then how long each round is, and answers with how many commands were stored in it.
pub async fn hot_process() {
    let mut lines = stdin().lines();
    let url = lines.next().expect("a line").expect("a URL");
    let store = PgStore::connect_with(&url, PgOptions::default().listen(false)).await.expect("connects");
    let accounts = Repository::<Account>::new(store);
    for line in lines {
        let length = Duration::from_millis(line.expect("a line").parse().expect("milliseconds"));
        let round = Round { number: 0, length, is_measured: true };
        let done = commands(round, &accounts, (TASKS, |_, _, _| "hot".to_owned()), 1).await;
        println!("{}", done.operations);
        stdout().flush().expect("an answer");
    }
}

struct Process {
    child: Child,
    asked: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Process {
    fn start(url: &str) -> Self {
        let program = std::env::current_exe().expect("this program");
        let mut command = Command::new(program);
        command.arg(HOT_PROCESS).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().expect("a process");
        let (mut asked, answers) = child.stdin.take().zip(child.stdout.take()).expect("pipes");
        writeln!(asked, "{url}").expect("asks");
        Self { child, asked, answers: BufReader::new(answers) }
    }

    fn ask(&mut self, length: Duration) {
        writeln!(self.asked, "{}", length.as_millis()).expect("asks");
    }

    fn answer(&mut self) -> u64 {
        let mut line = String::new();
        self.answers.read_line(&mut line).expect("an answer");
        line.trim().parse().expect("a number of commands")
    }

    fn end(self) {
        let Self { mut child, asked, .. } = self;
        drop(asked);
        assert!(child.wait().expect("ends").success());
    }
}

pub async fn two_processes(scale: Scale) -> Sides {
    let (database, store) = side().await;
    let mut by_hand = ByHand::new(&database, 1, 1).await;
    let accounts = Repository::<Account>::new(store);
    execute(&accounts, "hot", 0, 1).await;
    let mut processes = [Process::start(database.url()), Process::start(database.url())];
    let (mut ours, mut stored) = (Side::rate(), 1);
    for round in scale.rounds() {
        let start = Instant::now();
        processes.iter_mut().for_each(|process| process.ask(round.length));
        let answers: u64 = processes.iter_mut().map(Process::answer).sum();
        ours.push(round, answers as f64 / start.elapsed().as_secs_f64());
        stored += answers;
        by_hand.round(round).await;
    }
    processes.into_iter().for_each(Process::end);
    assert_states(&accounts, ["hot".to_owned()].into_iter(), stored).await;
    Sides::of(ours, by_hand.end().await)
}
