//! Reading one's own writes.

use std::time::Duration;

use eventsource::memory::MemoryStore;
use eventsource::{Activity, Projections, StoreError};
use serde_json::json;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::bank::{Balance, Bank, LONG};

const SHORT: Duration = Duration::from_millis(50);

/// The view, run until it is stopped.
struct Running {
    stop: oneshot::Sender<()>,
    run: JoinHandle<Result<(), StoreError>>,
}

impl Running {
    fn start(store: &MemoryStore) -> Self {
        let projections = Projections::new(store).view::<Balance>();
        let (stop, stopped) = oneshot::channel();
        let run = tokio::spawn(projections.run(async move { drop(stopped.await) }));
        Self { stop, run }
    }

    async fn stop(self) {
        drop(self.stop);
        self.run.await.unwrap().unwrap();
    }

    /// Runs the view until there is nothing left to fold, so that its table is there.
    async fn once(store: &MemoryStore) {
        let projections = Projections::new(store).view::<Balance>();
        let statuses = projections.statuses();
        let is_live = async move {
            while statuses.all().iter().any(|status| status.activity != Activity::Live) {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        projections.run(is_live).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_question_with_the_token_of_a_command_is_answered_when_the_view_has_it() {
    let store = MemoryStore::new();
    Running::once(&store).await;
    // The command goes to one process, the question to another, and the view is run by nobody yet.
    let (commands, queries) = (Bank::on(&store, LONG).await, Bank::on(&store, LONG).await);
    let done = commands.post("/accounts/alice/deposits", &[], json!(500)).await;
    let token = done.header("causality-token").unwrap();

    let without = queries.get("/balances/alice", &[]).await;
    assert_eq!((without.status, without.body), (200, json!(null)), "nothing is waited for without a token");
    let headers = [("causality-token", token)];
    let mut waiting = Box::pin(queries.get("/balances/alice", &headers));
    assert!(tokio::time::timeout(SHORT, &mut waiting).await.is_err(), "it is answered before the view has it");
    let running = Running::start(&store);
    let answer = waiting.await;
    assert_eq!((answer.status, &answer.body["cents"]), (200, &json!(500)));
    running.stop().await;
}

#[tokio::test]
async fn a_question_whose_view_is_late_is_202_and_may_be_asked_again() {
    let store = MemoryStore::new();
    Running::once(&store).await;
    let bank = Bank::on(&store, SHORT).await;
    let done = bank.post("/accounts/alice/deposits", &[], json!(500)).await;
    let headers = [("causality-token", done.header("causality-token").unwrap())];
    let late = bank.get("/balances/alice", &headers).await;
    assert!(late.problem(202)["detail"].as_str().unwrap().contains("ask again"));
    assert_eq!(late.header("retry-after"), Some("1"));

    Running::once(&store).await;
    let answer = bank.get("/balances/alice", &headers).await;
    assert_eq!((answer.status, &answer.body["cents"]), (200, &json!(500)));
}

#[tokio::test]
async fn the_token_of_another_store_is_a_bad_request() {
    let store = MemoryStore::new();
    Running::once(&store).await;
    let bank = Bank::on(&store, LONG).await;
    let elsewhere = Bank::open().await.post("/accounts/alice/deposits", &[], json!(500)).await;
    let token = elsewhere.header("causality-token").unwrap();
    let refused = bank.get("/balances/alice", &[("causality-token", token)]).await;
    let detail = refused.problem(400)["detail"].as_str().unwrap();
    assert!(detail.contains("Causality-Token is of another store"), "{detail}");
    assert_eq!(bank.get("/balances/alice", &[]).await.status, 200);
}

#[tokio::test]
async fn what_is_no_token_is_a_bad_request() {
    let bank = Bank::open().await;
    let done = bank.post("/accounts/alice/deposits", &[], json!(1)).await;
    let token = done.header("causality-token").unwrap();
    let two = format!("{token},{token}");
    for headers in [
        &[("causality-token", "")][..],
        &[("causality-token", "42")],
        &[("causality-token", &*two)],
        &[("causality-token", token), ("causality-token", token)],
    ] {
        let refused = bank.get("/balances/alice", headers).await;
        assert!(refused.problem(400)["detail"].as_str().unwrap().contains("Causality-Token"));
    }
}
