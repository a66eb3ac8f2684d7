//! A bank through HTTP, and a client that tells what it gets: `cargo run --example web`; with a port behind it (`-- 8080`) the
//! bank waits for clients of yours.

#![allow(clippy::print_stdout, reason = "what a program answers goes to stdout")]

use std::error::Error;
use std::future::pending;
use std::time::Duration;

use axum::body::{Body, to_bytes};
use axum::extract::{Path, State};
use axum::http::{HeaderMap, Request, StatusCode};
use axum::response::Response;
use axum::routing::{get, post, put};
use axum::{Json, Router};
use eventsource::memory::MemoryStore;
use eventsource::{
    Aggregate, Apply, DomainEvent, Fold, Projections, Recorded, Repository, Version, View, ViewReader, ViewStore,
};
use eventsource_axum::{CommandHeaders, Done, ETag, Problem, QueryHeaders};
use hyper_util::client::legacy::{Client, connect::HttpConnector};
use hyper_util::rt::TokioExecutor;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::net::TcpListener;

// The domain: it knows nothing of HTTP.

#[derive(DomainEvent, Serialize, Deserialize)]
#[event(name = "account.opened", version = 1)]
struct Opened {
    owner: String,
}

#[derive(DomainEvent, Serialize, Deserialize)]
#[event(name = "account.deposited", version = 1)]
struct Deposited {
    cents: i64,
}

#[derive(DomainEvent, Serialize, Deserialize)]
#[event(name = "account.withdrawn", version = 1)]
struct Withdrawn {
    cents: i64,
}

#[derive(Aggregate, Default, Clone, Serialize)]
#[aggregate(name = "account", events(Opened, Deposited, Withdrawn))]
struct Account {
    owner: Option<String>,
    cents: i64,
}

impl Apply<Opened> for Account {
    fn apply(&mut self, opened: &Opened) {
        self.owner = Some(opened.owner.clone());
    }
}

impl Apply<Deposited> for Account {
    fn apply(&mut self, deposited: &Deposited) {
        self.cents += deposited.cents;
    }
}

impl Apply<Withdrawn> for Account {
    fn apply(&mut self, withdrawn: &Withdrawn) {
        self.cents -= withdrawn.cents;
    }
}

#[derive(Debug, Serialize, thiserror::Error)]
#[serde(tag = "reason", rename_all = "snake_case")]
enum Refused {
    #[error("there is no such account")]
    NotOpen,
    #[error("the account is open already")]
    AlreadyOpen,
    #[error("{cents} cents are no amount")]
    NoAmount { cents: i64 },
    #[error("{missing} cents are missing")]
    Overdrawn { missing: i64 },
}

impl Account {
    fn open(&self, owner: &str) -> Result<Opened, Refused> {
        match self.owner {
            Some(_) => Err(Refused::AlreadyOpen),
            None => Ok(Opened { owner: owner.to_owned() }),
        }
    }

    fn deposit(&self, cents: i64) -> Result<Deposited, Refused> {
        self.check(cents)?;
        Ok(Deposited { cents })
    }

    fn withdraw(&self, cents: i64) -> Result<Withdrawn, Refused> {
        self.check(cents)?;
        if cents > self.cents {
            return Err(Refused::Overdrawn { missing: cents - self.cents });
        }
        Ok(Withdrawn { cents })
    }

    fn check(&self, cents: i64) -> Result<(), Refused> {
        match &self.owner {
            None => Err(Refused::NotOpen),
            Some(_) if !(1..=1_000_000_000).contains(&cents) => Err(Refused::NoAmount { cents }),
            Some(_) => Ok(()),
        }
    }
}

/// The richest accounts, for whoever asks.
#[derive(View, Serialize)]
#[view(name = "balances", version = 1, events(Deposited, Withdrawn))]
struct Balance {
    #[view(key = stream)]
    account: String,
    #[view(index)]
    cents: i64,
}

impl Balance {
    fn plus(account: &str, row: Option<Self>, cents: i64) -> Option<Self> {
        Some(Self { account: account.to_owned(), cents: row.map_or(0, |row| row.cents) + cents })
    }
}

impl Fold<Deposited> for Balance {
    fn fold(account: &String, row: Option<Self>, deposited: &Recorded<Deposited>) -> Option<Self> {
        Self::plus(account, row, deposited.event.cents)
    }
}

impl Fold<Withdrawn> for Balance {
    fn fold(account: &String, row: Option<Self>, withdrawn: &Recorded<Withdrawn>) -> Option<Self> {
        Self::plus(account, row, -withdrawn.event.cents)
    }
}

// HTTP: a function for each request.

#[derive(Clone)]
struct Bank {
    accounts: Repository<Account>,
    balances: ViewReader<Balance>,
}

#[derive(Deserialize)]
struct Owner {
    owner: String,
}

#[derive(Deserialize)]
struct Amount {
    cents: i64,
}

async fn open(
    State(bank): State<Bank>,
    Path(id): Path<String>,
    command: CommandHeaders,
    Json(Owner { owner }): Json<Owner>,
) -> Result<Response, Problem> {
    let done = command.execute(&bank.accounts, &id, |account| account.open(&owner)).await?;
    let account = Json(done.state.clone());
    Ok(done.location(["accounts", &id]).with_body(account))
}

async fn deposit(
    State(bank): State<Bank>,
    Path(id): Path<String>,
    command: CommandHeaders,
    Json(Amount { cents }): Json<Amount>,
) -> Result<Done<Account>, Problem> {
    command.execute(&bank.accounts, &id, |account| account.deposit(cents)).await
}

async fn withdraw(
    State(bank): State<Bank>,
    Path(id): Path<String>,
    command: CommandHeaders,
    Json(Amount { cents }): Json<Amount>,
) -> Result<Done<Account>, Problem> {
    command.execute(&bank.accounts, &id, |account| account.withdraw(cents)).await
}

async fn account(State(bank): State<Bank>, Path(id): Path<String>) -> Result<(ETag, Json<Account>), Problem> {
    let account = bank.accounts.load(&id).await?;
    if account.version == Version(0) {
        return Err(Problem::new(StatusCode::NOT_FOUND).detail("there is no such account"));
    }
    Ok((ETag(account.version), Json(account.state)))
}

const PATIENCE: Duration = Duration::from_secs(30);

async fn richest(State(bank): State<Bank>, query: QueryHeaders) -> Result<Json<Vec<Balance>>, Problem> {
    query.wait_for(&bank.balances, PATIENCE).await?;
    Ok(Json(bank.balances.by(Balance::CENTS).descending().limit(10).page().await?.rows))
}

fn router(bank: Bank) -> Router {
    Router::new()
        .route("/accounts/{id}", put(open).get(account))
        .route("/accounts/{id}/deposits", post(deposit))
        .route("/accounts/{id}/withdrawals", post(withdraw))
        .route("/richest", get(richest))
        .with_state(bank)
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let store = MemoryStore::new(); // or SqliteStore::open("bank.db").await?
    store.create_view(&Balance::TABLE).await?; // there is an answer before the first event is folded
    let projections = Projections::new(&store).view::<Balance>();
    let balances = ViewReader::new(store.clone()).with_statuses(&projections.statuses());
    let bank = Bank { accounts: Repository::new(store), balances };

    let port = std::env::args().nth(1).map(|port| port.parse::<u16>()).transpose()?;
    let listener = TcpListener::bind(("127.0.0.1", port.unwrap_or(0))).await?;
    let url = format!("http://{}", listener.local_addr()?);
    println!("the bank is open at {url}\n");
    tokio::select! {
        ended = axum::serve(listener, router(bank)).into_future() => ended?,
        ended = projections.run(pending()) => ended?,
        played = play(&url), if port.is_none() => played?,
    }
    Ok(())
}

// A client.

/// A day at the bank; fails if an answer is not what it should be.
async fn play(url: &str) -> Result<(), Box<dyn Error>> {
    let client = Visitor { url: url.to_owned(), http: Client::builder(TokioExecutor::new()).build_http() };

    println!("# Alice opens an account. The answer is lost, so she sends it again: it is the same answer.\n");
    let key = [("idempotency-key", "open-alice")];
    client.ask("PUT", "/accounts/alice", &key, json!({ "owner": "Alice" })).await?.is(201);
    let opened = client.ask("PUT", "/accounts/alice", &key, json!({ "owner": "Alice" })).await?.is(201);
    assert_eq!(opened.header("etag"), "\"1\"");

    println!("# What she has just paid in is in the list, because she sends the token with her question.\n");
    let paid = client.ask("POST", "/accounts/alice/deposits", &[], json!({ "cents": 500 })).await?.is(204);
    let token = [("causality-token", paid.header("causality-token"))];
    let richest = client.ask("GET", "/richest", &token, Value::Null).await?.is(200);
    assert_eq!(richest.body, json!([{ "account": "alice", "cents": 500 }]));

    println!(
        "# Two clients have seen the same version. The first one to withdraw gets it, the other one looks again.\n"
    );
    let seen = client.ask("GET", "/accounts/alice", &[], Value::Null).await?.is(200);
    let condition = [("if-match", seen.header("etag"))];
    let (withdrawals, withdraw) = ("/accounts/alice/withdrawals", json!({ "cents": 400 }));
    client.ask("POST", withdrawals, &condition, withdraw.clone()).await?.is(204);
    let late = client.ask("POST", withdrawals, &condition, withdraw).await?.is(412);
    assert_eq!((&late.body["expected"], &late.body["actual"]), (&json!(2), &json!(3)));

    println!("# The bank says no, and why.\n");
    let refused = client.ask("POST", withdrawals, &[], json!({ "cents": 130 })).await?.is(422);
    assert_eq!(refused.body["refusal"], json!({ "reason": "overdrawn", "missing": 30 }));
    Ok(())
}

struct Visitor {
    url: String,
    http: Client<HttpConnector, Body>,
}

struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: Value,
}

impl Visitor {
    async fn ask(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: Value,
    ) -> Result<Answer, Box<dyn Error>> {
        println!("> {method} {path}");
        let mut request = Request::builder().method(method).uri(format!("{}{path}", self.url));
        for (name, value) in headers {
            println!("> {name}: {value}");
            request = request.header(*name, *value);
        }
        let request = if body.is_null() {
            request.body(Body::empty())?
        } else {
            println!("> {body}");
            request.header("content-type", "application/json").body(Body::from(body.to_string()))?
        };

        let (parts, body) = self.http.request(request).await?.into_parts();
        let text = to_bytes(Body::new(body), usize::MAX).await?;
        println!("< {}", parts.status);
        for (name, value) in ["etag", "location", "causality-token"].map(|name| (name, parts.headers.get(name))) {
            if let Some(value) = value {
                println!("< {name}: {}", value.to_str()?);
            }
        }
        let body = if text.is_empty() { Value::Null } else { serde_json::from_slice(&text)? };
        println!("{}", if body.is_null() { String::new() } else { format!("< {body}\n") });
        Ok(Answer { status: parts.status, headers: parts.headers, body })
    }
}

impl Answer {
    fn is(self, status: u16) -> Self {
        assert_eq!(self.status.as_u16(), status, "{}", self.body);
        self
    }

    fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }
}
