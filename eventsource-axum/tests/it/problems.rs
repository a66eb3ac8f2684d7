//! What clients are told when something does not work, and what they are not told.

use std::fmt::Debug;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::body::to_bytes;
use axum::http::StatusCode;
use axum::response::IntoResponse;
use eventsource::memory::MemoryStore;
use eventsource::{EventStore, StoreError};
use eventsource_axum::Problem;
use serde_json::json;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Metadata, Subscriber};

use crate::bank::{Bank, LONG};

#[tokio::test]
async fn a_refusal_is_422_with_its_text_and_its_own_body() {
    let bank = Bank::open().await;
    bank.post("/accounts/alice/deposits", &[], json!(500)).await;
    let refused = bank.post("/accounts/alice/withdrawals", &[], json!({ "cents": 530 })).await;
    let problem = refused.problem(422);
    assert_eq!(problem["detail"], "30 cents are missing");
    assert_eq!(problem["refusal"], json!({ "reason": "overdrawn", "missing": 30 }));
    assert_eq!((refused.header("etag"), refused.header("causality-token")), (None, None));
}

#[tokio::test]
async fn an_id_that_no_stream_can_have_is_a_bad_request() {
    let bank = Bank::open().await;
    let long = format!("/accounts/{}", "x".repeat(300));
    for path in ["/accounts/%00", "/accounts/a%0Ab", &long] {
        for refused in [bank.get(path, &[]).await, bank.put(path, &[], json!({ "owner": "Eve" })).await] {
            let detail = &refused.problem(400)["detail"];
            assert!(detail.as_str().unwrap().starts_with("stream id"), "{detail}");
        }
    }
}

#[tokio::test]
async fn an_event_that_no_store_takes_is_413() {
    let bank = Bank::open().await;
    let owner = "x".repeat((1 << 20) + 1);
    bank.put("/accounts/alice", &[], json!({ "owner": owner })).await.problem(413);
}

#[tokio::test]
async fn a_store_that_is_closed_is_503_and_may_be_asked_again() {
    let store = MemoryStore::new();
    let bank = Bank::on(&store, LONG).await;
    let token =
        bank.post("/accounts/alice/deposits", &[], json!(1)).await.header("causality-token").unwrap().to_owned();
    store.close().await.unwrap();
    for refused in [
        bank.get("/accounts/alice", &[]).await,
        bank.post("/accounts/alice/deposits", &[], json!(1)).await,
        bank.get("/balances/alice", &[("causality-token", &token)]).await,
    ] {
        assert_eq!(refused.problem(503).get("detail"), None);
        assert_eq!(refused.header("retry-after"), Some("1"));
    }
}

#[test]
fn a_pause_is_told_in_whole_seconds_and_never_too_short() {
    for (milliseconds, seconds) in [(1, "1"), (1000, "1"), (1001, "2")] {
        let problem = Problem::new(StatusCode::SERVICE_UNAVAILABLE).retry_after(Duration::from_millis(milliseconds));
        assert_eq!(problem.into_response().headers()["retry-after"], seconds);
    }
}

#[tokio::test]
async fn what_a_store_says_of_its_failure_is_logged_and_not_sent() {
    const SECRET: &str = "connecting to postgres://bank:hunter2@db";
    for (error, status, level) in [
        (StoreError::transient(SECRET), 503, Level::WARN),
        (StoreError::failed(SECRET), 500, Level::ERROR),
        (StoreError::failed("it failed").with_source(std::io::Error::other(SECRET)), 500, Level::ERROR),
        (StoreError::corrupt(SECRET), 500, Level::ERROR),
        (StoreError::incompatible(SECRET), 500, Level::ERROR),
        (StoreError::encode(SECRET), 500, Level::ERROR),
        (StoreError::invalid(SECRET), 500, Level::ERROR),
        (StoreError::rewound(SECRET), 500, Level::ERROR),
        (StoreError::fenced(SECRET), 500, Level::ERROR),
        (StoreError::too_large(SECRET), 413, Level::WARN),
    ] {
        let log = Log::default();
        let problem = tracing::subscriber::with_default(log.clone(), || Problem::from(error));
        let lines = log.0.lock().unwrap().clone();
        assert!(matches!(&lines[..], [(of, line)] if *of == level && line.contains(SECRET)), "{lines:?}");

        let response = problem.into_response();
        assert_eq!(response.status(), status);
        let told = format!("{:?}", response.headers());
        let body = to_bytes(response.into_body(), usize::MAX).await.unwrap();
        let told = told + std::str::from_utf8(&body).unwrap();
        assert!(!told.contains("postgres") && !told.contains("hunter2"), "{told}");
    }
}

/// Keeps what is logged.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<(Level, String)>>>);

impl Subscriber for Log {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn event(&self, event: &Event<'_>) {
        struct Line(String);
        impl Visit for Line {
            fn record_debug(&mut self, _: &Field, value: &dyn Debug) {
                self.0 += &format!("{value:?} ");
            }
        }
        let mut line = Line(String::new());
        event.record(&mut line);
        self.0.lock().unwrap().push((*event.metadata().level(), line.0));
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}
    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}
}
