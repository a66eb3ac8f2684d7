//! Commands that are sent again.

use serde_json::json;

use crate::bank::Bank;

#[tokio::test]
async fn a_repeated_key_is_answered_as_the_first_time_and_does_nothing() {
    let bank = Bank::open().await;
    let key = ("idempotency-key", "8e03978e-40d5-43dd-bc93-6894a57f9324");
    let first = bank.put("/accounts/alice", &[key, ("if-none-match", "*")], json!({ "owner": "Alice" })).await;
    assert_eq!(first.status, 201);
    bank.post("/accounts/alice/deposits", &[], json!(500)).await;

    // Its own effect is no conflict, and neither is what came after it.
    let again = bank.put("/accounts/alice", &[key, ("if-none-match", "*")], json!({ "owner": "Alice" })).await;
    assert_eq!((again.status, &again.body), (201, &json!({ "owner": "Alice", "cents": 0 })));
    for header in ["etag", "location", "causality-token"] {
        assert_eq!(again.header(header).unwrap(), first.header(header).unwrap());
    }
    let quoted = format!("\"{}\"", key.1);
    let in_quotes = bank.put("/accounts/alice", &[(key.0, &quoted)], json!({ "owner": "Alice" })).await;
    assert_eq!((in_quotes.status, in_quotes.etag()), (201, "\"1\""));
    assert_eq!(bank.get("/accounts/alice", &[]).await.etag(), "\"2\"");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_two_requests_at_once_with_one_key_one_is_done_and_both_get_its_answer() {
    let bank = Bank::open().await;
    for round in 1..=20 {
        let key = format!("round-{round}");
        let key = [("idempotency-key", &*key)];
        let (one, other) = tokio::join!(
            bank.post("/accounts/alice/deposits", &key, json!(1)),
            bank.post("/accounts/alice/deposits", &key, json!(1)),
        );
        let expected = format!("\"{round}\"");
        assert_eq!((one.etag(), other.etag()), (&*expected, &*expected));
        assert_eq!((one.status, one.header("causality-token")), (other.status, other.header("causality-token")));
    }
    assert_eq!(bank.get("/accounts/alice", &[]).await.body["cents"], 20);
}

#[tokio::test]
async fn a_refused_command_may_succeed_later_under_its_key() {
    let bank = Bank::open().await;
    let key = [("idempotency-key", "rent")];
    bank.post("/accounts/alice/withdrawals", &key, json!({ "cents": 300 })).await.problem(422);
    bank.post("/accounts/alice/deposits", &[], json!(500)).await;
    assert_eq!(bank.post("/accounts/alice/withdrawals", &key, json!({ "cents": 300 })).await.etag(), "\"2\"");
}

#[tokio::test]
async fn what_is_no_key_is_a_bad_request_and_does_nothing() {
    let bank = Bank::open().await;
    let long = "k".repeat(256);
    for key in ["", "$mine", "\"open", "\"a\" b", "a, b", "tab\tinside", &long] {
        let refused = bank.post("/accounts/alice/deposits", &[("idempotency-key", key)], json!(1)).await;
        let detail = refused.problem(400)["detail"].as_str().unwrap().to_owned();
        assert!(detail.contains("Idempotency-Key"), "{key}: {detail}");
    }
    let twice = [("idempotency-key", "a"), ("idempotency-key", "a")];
    let refused = bank.post("/accounts/alice/deposits", &twice, json!(1)).await;
    assert!(refused.problem(400)["detail"].as_str().unwrap().contains("Idempotency-Key stands twice"));
    bank.get("/accounts/alice", &[]).await.problem(404);

    let longest = "k".repeat(255);
    assert_eq!(bank.post("/accounts/alice/deposits", &[("idempotency-key", &longest)], json!(1)).await.status, 201);
}

#[tokio::test]
async fn an_id_that_is_made_of_the_key_is_the_same_when_the_request_is_repeated() {
    let bank = Bank::open().await;
    let key = [("idempotency-key", "\"a b\"")];
    for _ in 0..2 {
        let new = bank.post("/accounts", &key, json!({ "owner": "Alice" })).await;
        assert_eq!((new.status, new.header("location")), (201, Some("/accounts/web-a%20b")));
    }
    assert_eq!(bank.get("/accounts/web-a%20b", &[]).await.etag(), "\"1\"");
    bank.post("/accounts", &[], json!({ "owner": "Alice" })).await.problem(400);
}
