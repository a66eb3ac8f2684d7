//! Versions as entity tags, and what requests demand of them.

use serde_json::json;

use crate::bank::Bank;

/// Alice's account, at version 2 with 500 cents on it.
async fn with_alice() -> Bank {
    let bank = Bank::open().await;
    bank.put("/accounts/alice", &[], json!({ "owner": "Alice" })).await;
    assert_eq!(bank.post("/accounts/alice/deposits", &[], json!(500)).await.status, 204);
    bank
}

#[tokio::test]
async fn the_version_is_the_etag_of_command_and_query() {
    let bank = with_alice().await;
    let done = bank.post("/accounts/alice/deposits", &[], json!(1)).await;
    assert_eq!((done.status, done.etag()), (204, "\"3\""));
    let account = bank.get("/accounts/alice", &[]).await;
    assert_eq!((account.status, account.etag()), (200, "\"3\""));
}

#[tokio::test]
async fn if_match_is_met_by_the_version_that_it_names_and_by_no_other() {
    let bank = with_alice().await;
    for stale in ["\"1\"", "\"3\"", "\"0\""] {
        let refused = bank.post("/accounts/alice/deposits", &[("if-match", stale)], json!(1)).await;
        let problem = refused.problem(412);
        assert_eq!((&problem["stream"], &problem["actual"]), (&json!("account-alice"), &json!(2)), "{stale}");
        assert_eq!(problem["expected"].to_string(), stale.trim_matches('"'));
        assert!(problem["detail"].as_str().unwrap().contains("account-alice"), "{problem}");
    }
    let done = bank.post("/accounts/alice/deposits", &[("if-match", "\"2\"")], json!(1)).await;
    assert_eq!((done.status, done.etag()), (204, "\"3\""));
}

#[tokio::test]
async fn if_match_with_several_tags_is_met_by_one_of_them() {
    let bank = with_alice().await;
    let done = bank.post("/accounts/alice/deposits", &[("if-match", "\"1\", W/\"9\", \"2\"")], json!(1)).await;
    assert_eq!((done.status, done.etag()), (204, "\"3\""));
    let lines = [("if-match", "\"1\""), ("if-match", "\"3\"")];
    assert_eq!(bank.post("/accounts/alice/deposits", &lines, json!(1)).await.etag(), "\"4\"");
    let refused = bank.post("/accounts/alice/deposits", &[("if-match", "\"1\",\"2\"")], json!(1)).await;
    assert_eq!(refused.problem(412)["actual"], 4);
}

#[tokio::test]
async fn if_match_with_an_asterisk_demands_that_there_is_one_and_if_none_match_that_there_is_none() {
    let bank = with_alice().await;
    assert_eq!(bank.post("/accounts/alice/deposits", &[("if-match", "*")], json!(1)).await.etag(), "\"3\"");
    let nobody = bank.post("/accounts/bob/deposits", &[("if-match", "*")], json!(1)).await;
    let problem = nobody.problem(412);
    assert_eq!((problem.get("expected"), &problem["actual"]), (None, &json!(0)));

    let new = bank.put("/accounts/bob", &[("if-none-match", "*")], json!({ "owner": "Bob" })).await;
    assert_eq!((new.status, new.etag()), (201, "\"1\""));
    let again = bank.put("/accounts/bob", &[("if-none-match", "*")], json!({ "owner": "Bob" })).await;
    assert_eq!((&again.problem(412)["expected"], &again.body["actual"]), (&json!(0), &json!(1)));
}

#[tokio::test]
async fn a_tag_that_is_weak_or_not_ours_never_matches_and_is_told_so() {
    let bank = with_alice().await;
    for tags in ["W/\"2\"", "\"02\"", "\"abc\"", "W/\"2\", \"xyz\"", "\"18446744073709551616\""] {
        let refused = bank.post("/accounts/alice/deposits", &[("if-match", tags)], json!(1)).await;
        let problem = refused.problem(412);
        assert_eq!((problem.get("expected"), &problem["actual"]), (None, &json!(2)), "{tags}");
        let detail = problem["detail"].as_str().unwrap();
        assert!(detail.contains("If-Match") && detail.contains("never matches"), "{problem}");
        // Not even where there is nothing yet.
        let nobody = bank.post("/accounts/bob/deposits", &[("if-match", tags)], json!(1)).await;
        assert_eq!(nobody.problem(412)["actual"], 0, "{tags}");
    }
}

#[tokio::test]
async fn a_malformed_condition_is_a_bad_request_and_does_nothing() {
    let bank = with_alice().await;
    for condition in [
        ("if-match", ""),
        ("if-match", "2"),
        ("if-match", "\"2"),
        ("if-match", "\"2\" \"3\""),
        ("if-match", "*, \"2\""),
        ("if-match", "w/\"2\""),
        ("if-none-match", "\"1\""),
    ] {
        let refused = bank.post("/accounts/alice/deposits", &[condition], json!(1)).await;
        let detail = refused.problem(400)["detail"].as_str().unwrap().to_lowercase();
        assert!(detail.contains(condition.0), "{condition:?}: {detail}");
    }
    let both = [("if-match", "\"2\""), ("if-none-match", "*")];
    let refused = bank.post("/accounts/alice/deposits", &both, json!(1)).await;
    assert!(refused.problem(400)["detail"].as_str().unwrap().contains("not both"));
    assert_eq!(bank.get("/accounts/alice", &[]).await.etag(), "\"2\"");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_two_clients_racing_with_the_same_etag_one_wins_and_the_other_gets_the_numbers() {
    let bank = with_alice().await;
    for round in 0..20 {
        let seen = bank.get("/accounts/alice", &[]).await;
        let version: u64 = seen.etag().trim_matches('"').parse().unwrap();
        let condition = [("if-match", seen.etag())];
        let (one, other) = tokio::join!(
            bank.post("/accounts/alice/withdrawals", &condition, json!({ "cents": 1 })),
            bank.post("/accounts/alice/withdrawals", &condition, json!({ "cents": 1 })),
        );
        let (winner, loser) = if one.status == 204 { (one, other) } else { (other, one) };
        assert_eq!(winner.status, 204, "round {round}: {loser:?}");
        let problem = loser.problem(412);
        assert_eq!((&problem["expected"], &problem["actual"]), (&json!(version), &json!(version + 1)));
    }
    assert_eq!(bank.get("/accounts/alice", &[]).await.body["cents"], 480);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_conflict_without_a_condition_of_the_client_is_409() {
    let bank = Bank::open().await;
    let overtaken = bank.post("/accounts/alice/overtaken", &[], json!(null)).await;
    let problem = overtaken.problem(409);
    assert_eq!(problem["stream"], "account-alice");
    assert_eq!((&problem["expected"], &problem["actual"]), (&json!(0), &json!(1)));

    let again = bank.post("/accounts/alice/foundation", &[], json!(null)).await;
    let problem = again.problem(409);
    assert_eq!(problem["stream"], "account-alice");
    assert_eq!((&problem["expected"], &problem["actual"]), (&json!(0), &json!(1)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_conflict_despite_a_condition_that_holds_is_409() {
    let bank = with_alice().await;
    let overtaken = bank.post("/accounts/alice/overtaken", &[("if-match", "*")], json!(null)).await;
    assert_eq!((&overtaken.problem(409)["expected"], &overtaken.body["actual"]), (&json!(2), &json!(3)));
    let overtaken = bank.post("/accounts/alice/overtaken", &[("if-match", "\"3\"")], json!(null)).await;
    assert_eq!((&overtaken.problem(412)["expected"], &overtaken.body["actual"]), (&json!(3), &json!(4)));
}

#[tokio::test]
async fn a_condition_that_does_not_hold_is_told_before_a_refusal() {
    let bank = with_alice().await;
    let too_much = json!({ "cents": 501 });
    bank.post("/accounts/alice/withdrawals", &[("if-match", "\"1\"")], too_much.clone()).await.problem(412);
    bank.post("/accounts/alice/withdrawals", &[("if-match", "\"2\"")], too_much).await.problem(422);
}

#[tokio::test]
async fn what_is_made_is_answered_with_201_and_where_it_is() {
    let bank = Bank::open().await;
    for id in ["alice", "al%20%C3%AF", "a%2Fb%3Fc%23d%2541", "%2E%2E.x~_-"] {
        let path = format!("/accounts/{id}");
        let new = bank.put(&path, &[], json!({ "owner": "Al" })).await;
        assert_eq!((new.status, &new.body), (201, &json!({ "owner": "Al", "cents": 0 })), "{id}");
        let renamed = bank.put(&path, &[], json!({ "owner": "Alan" })).await;
        assert_eq!((renamed.status, renamed.header("location"), renamed.etag()), (200, None, "\"2\""), "{id}");
        assert_eq!(bank.get(new.header("location").unwrap(), &[]).await.body["owner"], "Alan", "{id}");
    }
    let new = bank.put("/accounts/al%20%C3%AF", &[], json!({ "owner": "Al" })).await;
    assert_eq!(new.header("location"), None);
    let new = bank.put("/accounts/a%20%C3%AF%2Fb", &[], json!({ "owner": "Al" })).await;
    assert_eq!(new.header("location"), Some("/accounts/a%20%C3%AF%2Fb"));
}
