//! Conversations that begin before the request.

use chrono::DateTime;
use eventsource::{History, Metadata};
use serde_json::json;

use crate::bank::Bank;

async fn metadata(bank: &Bank, id: &str, headers: &[(&'static str, &str)]) -> Metadata {
    let path = format!("/accounts/{id}/deposits");
    assert_eq!(bank.post(&path, headers, json!(1)).await.status, 201);
    let page = bank.accounts.history(id, History::all()).await.unwrap();
    assert_eq!(page.events[0].occurred_at, DateTime::UNIX_EPOCH, "as the handler says");
    page.events[0].metadata.clone()
}

#[tokio::test]
async fn trace_and_span_of_a_request_are_correlation_and_causation_of_its_events() {
    let bank = Bank::open().await;
    let traceparent = ("traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01");
    let metadata = metadata(&bank, "alice", &[traceparent]).await;
    let correlation = metadata.correlation_id.unwrap().simple().to_string();
    let causation = metadata.causation_id.unwrap().simple().to_string();
    assert_eq!(correlation, "4bf92f3577b34da6a3ce929d0e0e4736");
    assert_eq!(causation, "000000000000000000f067aa0ba902b7");
}

#[tokio::test]
async fn a_trace_that_is_malformed_or_stands_twice_is_passed_over() {
    let bank = Bank::open().await;
    let fine = ("traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01");
    let zero = ("traceparent", "00-00000000000000000000000000000000-00f067aa0ba902b7-01");
    for (id, headers) in
        [("none", &[][..]), ("zero", &[zero]), ("empty", &[("traceparent", "")]), ("twice", &[fine, fine])]
    {
        let metadata = metadata(&bank, id, headers).await;
        assert_eq!((metadata.correlation_id, metadata.causation_id), (None, None), "{id}");
    }
}

#[tokio::test]
async fn what_the_handler_says_stands_beside_what_the_headers_say() {
    let bank = Bank::open().await;
    let traceparent = ("traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01");
    let metadata = metadata(&bank, "alice", &[traceparent, ("idempotency-key", "a")]).await;
    assert_eq!((metadata.actor(), metadata.get("channel")), (Some("teller"), Some(&json!("web"))));
    assert!(metadata.correlation_id.is_some());
    assert_eq!(bank.post("/accounts/alice/deposits", &[("idempotency-key", "a")], json!(1)).await.etag(), "\"1\"");
}
