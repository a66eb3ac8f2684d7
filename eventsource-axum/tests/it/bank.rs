//! A bank that is served on a free port until the test ends.

use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, to_bytes};
use axum::extract::{Path, State};
use axum::http::{HeaderMap, Method, Request, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post, put};
use axum::{Json, Router};
use chrono::DateTime;
use eventsource::memory::MemoryStore;
use eventsource::{
    Aggregate, Apply, DomainEvent, ExecuteOptions, ExpectedVersion, Fold, Handle, Recorded, Repository, Retry, Version,
    View, ViewReader,
};
use eventsource_axum::{CommandHeaders, Done, ETag, Problem, QueryHeaders};
use hyper_util::client::legacy::{Client, connect::HttpConnector};
use hyper_util::rt::TokioExecutor;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::runtime;
use tokio::task::{JoinHandle, block_in_place};

#[derive(DomainEvent, Serialize, Deserialize)]
#[event(name = "account.opened", version = 1)]
pub(crate) struct Opened {
    owner: String,
}

#[derive(DomainEvent, Serialize, Deserialize)]
#[event(name = "account.deposited", version = 1)]
pub(crate) struct Deposited {
    cents: i64,
}

#[derive(DomainEvent, Serialize, Deserialize)]
#[event(name = "account.withdrawn", version = 1)]
pub(crate) struct Withdrawn {
    cents: i64,
}

#[derive(Aggregate, Default, Clone)]
#[aggregate(name = "account", events(Opened, Deposited, Withdrawn))]
pub(crate) struct Account {
    owner: String,
    cents: i64,
}

impl Apply<Opened> for Account {
    fn apply(&mut self, opened: &Opened) {
        self.owner.clone_from(&opened.owner);
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

#[derive(Serialize, Debug, thiserror::Error)]
#[serde(tag = "reason", rename_all = "snake_case")]
pub(crate) enum Refused {
    #[error("{missing} cents are missing")]
    Overdrawn { missing: i64 },
}

#[derive(Deserialize)]
struct Withdraw {
    cents: i64,
}

impl Handle<Withdraw> for Account {
    type Decision = Result<Withdrawn, Refused>;

    fn handle(&self, withdraw: &Withdraw) -> Self::Decision {
        match withdraw.cents - self.cents {
            ..=0 => Ok(Withdrawn { cents: withdraw.cents }),
            missing => Err(Refused::Overdrawn { missing }),
        }
    }
}

#[derive(View, Serialize)]
#[view(name = "balances", version = 1, events(Deposited, Withdrawn))]
pub(crate) struct Balance {
    #[view(key = stream)]
    account: String,
    cents: i64,
}

impl Fold<Deposited> for Balance {
    fn fold(account: &String, row: Option<Self>, deposited: &Recorded<Deposited>) -> Option<Self> {
        let cents = row.map_or(0, |row| row.cents) + deposited.event.cents;
        Some(Self { account: account.clone(), cents })
    }
}

impl Fold<Withdrawn> for Balance {
    fn fold(account: &String, row: Option<Self>, withdrawn: &Recorded<Withdrawn>) -> Option<Self> {
        let cents = row.map_or(0, |row| row.cents) - withdrawn.event.cents;
        Some(Self { account: account.clone(), cents })
    }
}

#[derive(Clone)]
struct App {
    accounts: Repository<Account>,
    balances: ViewReader<Balance>,
    patience: Duration,
}

type AppState = State<Arc<App>>;

#[derive(Deserialize)]
struct Open {
    owner: String,
}

async fn open(
    State(app): AppState,
    Path(id): Path<String>,
    command: CommandHeaders,
    Json(open): Json<Open>,
) -> Result<Response, Problem> {
    let decide = |_: &Account| Ok::<_, Refused>(Opened { owner: open.owner.clone() });
    let done = command.execute(&app.accounts, &id, decide).await?;
    let body = json!({ "owner": done.owner, "cents": done.cents });
    Ok(done.location(["accounts", &id]).with_body(Json(body)))
}

/// The server makes the id: of the key, so that the same request makes the same one.
async fn create(State(app): AppState, command: CommandHeaders, Json(open): Json<Open>) -> Result<Response, Problem> {
    let Some(key) = command.command_key() else {
        return Err(Problem::new(StatusCode::BAD_REQUEST).detail("Idempotency-Key is missing"));
    };
    let id = format!("web-{key}");
    let done = command.execute(&app.accounts, &id, |_| Ok::<_, Refused>(Opened { owner: open.owner.clone() })).await?;
    Ok(done.location(["accounts", &id]).into_response())
}

/// Past the headers: what a repository answers is a problem as well.
async fn found(State(app): AppState, Path(id): Path<String>) -> Result<Done<Account>, Problem> {
    let options = ExecuteOptions::new().expected(ExpectedVersion::NoStream);
    let founded =
        app.accounts.execute_with(&id, options, |_| Ok::<_, Refused>(Opened { owner: "somebody".to_owned() }));
    Ok(Done::new(founded.await?))
}

/// Somebody else writes between the decision and its append, and there is no second attempt.
async fn overtaken(
    State(app): AppState,
    Path(id): Path<String>,
    command: CommandHeaders,
) -> Result<Done<Account>, Problem> {
    let accounts = app.accounts.clone().with_retry(Retry::attempts(1));
    // Another process: within one, nobody comes between.
    let elsewhere = app.accounts.clone().without_cache();
    let decide = |_: &Account| {
        let faster = elsewhere.execute(&id, |_| Deposited { cents: 1 });
        block_in_place(|| runtime::Handle::current().block_on(faster)).unwrap();
        Ok::<_, Refused>(Deposited { cents: 1 })
    };
    command.execute(&accounts, &id, decide).await
}

async fn deposit(
    State(app): AppState,
    Path(id): Path<String>,
    command: CommandHeaders,
    Json(cents): Json<i64>,
) -> Result<Done<Account>, Problem> {
    let command = command.actor("teller").with("channel", "web").occurred_at(DateTime::UNIX_EPOCH);
    command.execute(&app.accounts, &id, |_| Ok::<_, Refused>(Deposited { cents })).await
}

async fn withdraw(
    State(app): AppState,
    Path(id): Path<String>,
    command: CommandHeaders,
    Json(withdraw): Json<Withdraw>,
) -> Result<Done<Account>, Problem> {
    command.handle(&app.accounts, &id, withdraw).await
}

async fn account(State(app): AppState, Path(id): Path<String>) -> Result<(ETag, Json<Value>), Problem> {
    let account = app.accounts.load(&id).await?;
    if account.version == Version(0) {
        return Err(Problem::new(StatusCode::NOT_FOUND).detail(format!("there is no account {id}")));
    }
    Ok((ETag(account.version), Json(json!({ "owner": account.owner, "cents": account.cents }))))
}

async fn balance(
    State(app): AppState,
    Path(id): Path<String>,
    query: QueryHeaders,
) -> Result<Json<Option<Balance>>, Problem> {
    query.wait_for(&app.balances, app.patience).await?;
    Ok(Json(app.balances.get(&id).await?))
}

/// The bank, served until this is dropped.
pub(crate) struct Bank {
    pub(crate) accounts: Repository<Account>,
    url: String,
    client: Client<HttpConnector, Body>,
    server: JoinHandle<()>,
}

/// Longer than any machine needs.
pub(crate) const LONG: Duration = Duration::from_secs(120);

impl Bank {
    pub(crate) async fn open() -> Self {
        Self::on(&MemoryStore::new(), LONG).await
    }

    pub(crate) async fn on(store: &MemoryStore, patience: Duration) -> Self {
        let accounts = Repository::<Account>::new(store.clone());
        let balances = ViewReader::new(store.clone());
        let app = App { accounts: accounts.clone(), balances, patience };
        let router = Router::new()
            .route("/accounts", post(create))
            .route("/accounts/{id}", put(open).get(account))
            .route("/accounts/{id}/foundation", post(found))
            .route("/accounts/{id}/overtaken", post(overtaken))
            .route("/accounts/{id}/deposits", post(deposit))
            .route("/accounts/{id}/withdrawals", post(withdraw))
            .route("/balances/{id}", get(balance))
            .with_state(Arc::new(app));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let server = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { accounts, url, client: Client::builder(TokioExecutor::new()).build_http(), server }
    }

    pub(crate) async fn get(&self, path: &str, headers: &[(&'static str, &str)]) -> Answer {
        self.ask(Method::GET, path, headers, None).await
    }

    pub(crate) async fn put(&self, path: &str, headers: &[(&'static str, &str)], body: Value) -> Answer {
        self.ask(Method::PUT, path, headers, Some(body)).await
    }

    pub(crate) async fn post(&self, path: &str, headers: &[(&'static str, &str)], body: Value) -> Answer {
        self.ask(Method::POST, path, headers, Some(body)).await
    }

    async fn ask(&self, method: Method, path: &str, headers: &[(&'static str, &str)], body: Option<Value>) -> Answer {
        let mut request = Request::builder().method(method).uri(format!("{}{path}", self.url));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = match body {
            Some(body) => request.header("content-type", "application/json").body(Body::from(body.to_string())),
            None => request.body(Body::empty()),
        };
        let (parts, body) = self.client.request(request.unwrap()).await.unwrap().into_parts();
        let text = to_bytes(Body::new(body), usize::MAX).await.unwrap();
        let body = if text.is_empty() { Value::Null } else { serde_json::from_slice(&text).unwrap() };
        Answer { status: parts.status.as_u16(), headers: parts.headers, body }
    }
}

impl Drop for Bank {
    fn drop(&mut self) {
        self.server.abort();
    }
}

#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    headers: HeaderMap,
    pub(crate) body: Value,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    pub(crate) fn etag(&self) -> &str {
        self.header("etag").expect("an answer with an ETag")
    }

    /// That it is a problem of this status; answers its body.
    #[track_caller]
    pub(crate) fn problem(&self, status: u16) -> &Value {
        assert_eq!((self.status, self.header("content-type")), (status, Some("application/problem+json")), "{self:?}");
        assert_eq!((&self.body["status"], &self.body["type"]), (&json!(status), &json!("about:blank")), "{self:?}");
        assert!(self.body["title"].is_string(), "{self:?}");
        &self.body
    }
}
