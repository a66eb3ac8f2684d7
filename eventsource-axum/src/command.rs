//! What a request says about the command in it, and executing that.

use axum_core::extract::FromRequestParts;
use chrono::{DateTime, Utc};
use eventsource_core::{Aggregate, ExecuteError, ExecuteOptions, Handle, IntoEvents, Repository};
use http::header::HeaderMap;
use http::request::Parts;
use serde_json::Value;

use crate::done::Done;
use crate::precondition::Precondition;
use crate::problem::Problem;
use crate::refusal::Refusal;
use crate::{idempotency_key, trace_parent};

/// What the headers of a request say about the command in it; it executes that.
///
/// | header | what it becomes |
/// |---|---|
/// | `If-Match: "3"` | the expected version, or one of several; `*`: the aggregate must exist. Where it does not hold, the answer is 412 |
/// | `If-None-Match: *` | the aggregate must not exist yet, or the answer is 412 |
/// | `Idempotency-Key: KEY` | the [command key](ExecuteOptions::command_key): what is sent again is answered again, and done once |
/// | `traceparent` | correlation id (the trace) and causation id (the span, in the last 8 of 16 bytes); passed over where it is malformed |
///
/// All are optional. One of the first three that is malformed is answered with 400, a weak or foreign tag with 412, as it never matches.
///
/// ```
/// use axum::{Json, extract::{Path, State}};
/// use eventsource::Repository;
/// use eventsource_axum::{CommandHeaders, Done, Problem};
/// # use eventsource::{Aggregate, Apply, DomainEvent};
/// # use serde::{Deserialize, Serialize};
/// # #[derive(DomainEvent, Serialize, Deserialize)]
/// # #[event(name = "account.deposited", version = 1)]
/// # struct Deposited { cents: u64 }
/// # #[derive(Aggregate, Default, Clone)]
/// # #[aggregate(name = "account", events(Deposited))]
/// # struct Account { cents: u64 }
/// # impl Apply<Deposited> for Account { fn apply(&mut self, event: &Deposited) { self.cents += event.cents } }
/// # #[derive(Serialize, thiserror::Error, Debug)]
/// # #[error("the account is closed")]
/// # struct Closed;
/// # impl Account {
/// #     fn deposit(&self, cents: u64) -> Result<Deposited, Closed> { Ok(Deposited { cents }) }
/// # }
///
/// #[derive(Deserialize)]
/// struct Deposit { cents: u64 }
///
/// async fn deposit(
///     State(accounts): State<Repository<Account>>,
///     Path(id): Path<String>,
///     command: CommandHeaders,
///     Json(deposit): Json<Deposit>,
/// ) -> Result<Done<Account>, Problem> {
///     command.execute(&accounts, &id, |account| account.deposit(deposit.cents)).await
/// }
///
/// let router = axum::Router::new()
///     .route("/accounts/{id}/deposits", axum::routing::post(deposit))
///     .with_state(Repository::<Account>::new(eventsource::memory::MemoryStore::new()));
/// # let _: axum::Router = router;
/// ```
///
/// A key is known in its stream: where a request has no id yet, because the server makes one, make it of the
/// [key](Self::command_key) and of who has sent it, or the same request makes a second aggregate.
#[derive(Clone, Debug)]
pub struct CommandHeaders {
    options: ExecuteOptions,
    command_key: Option<String>,
    precondition: Option<Precondition>,
}

impl CommandHeaders {
    /// Reads the headers of a request, or says which one is malformed: what the extractor does.
    pub fn read(headers: &HeaderMap) -> Result<Self, Problem> {
        let precondition = Precondition::read(headers)?;
        let command_key = idempotency_key::read(headers)?;
        let options = ExecuteOptions::new().metadata(trace_parent::metadata(headers));
        let options = match &command_key {
            Some(key) => options.command_key(key),
            None => options,
        };
        Ok(Self { options, command_key, precondition })
    }

    /// The key that the client has given to the command, if any.
    pub fn command_key(&self) -> Option<&str> {
        self.command_key.as_deref()
    }

    /// Says who does it: see [`ExecuteOptions::actor`].
    pub fn actor(mut self, actor: impl Into<String>) -> Self {
        self.options = self.options.actor(actor);
        self
    }

    /// Says something else about it: see [`ExecuteOptions::with`].
    pub fn with(mut self, key: impl Into<String>, value: impl Into<Value>) -> Self {
        self.options = self.options.with(key, value);
        self
    }

    /// Says when it happened: see [`ExecuteOptions::occurred_at`].
    pub fn occurred_at(mut self, time: DateTime<Utc>) -> Self {
        self.options = self.options.occurred_at(time);
        self
    }

    /// Executes the command: [`Repository::execute_with`], with its errors as [problems](Problem).
    ///
    /// A conflict is answered with 412 where the aggregate is not at what a header has demanded, and with 409 else: others
    /// have written first in every attempt.
    pub async fn execute<A, F, I>(self, aggregates: &Repository<A>, id: &str, decide: F) -> Result<Done<A>, Problem>
    where
        A: Aggregate,
        F: Fn(&A) -> I + Send,
        I: IntoEvents<A, Refusal: Refusal>,
    {
        let Some(precondition) = self.precondition else {
            return Ok(Done::new(aggregates.execute_with(id, self.options, decide).await?));
        };
        let expected = precondition.expected(aggregates, id).await?;
        match aggregates.execute_with(id, self.options.expected(expected), decide).await {
            Ok(executed) => Ok(Done::new(executed)),
            Err(ExecuteError::Conflict(conflict)) => Err(precondition.failed(conflict)),
            Err(error) => Err(error.into()),
        }
    }

    /// The same for a command that is a value: [`Repository::handle_with`].
    pub async fn handle<A, C>(self, aggregates: &Repository<A>, id: &str, command: C) -> Result<Done<A>, Problem>
    where
        A: Handle<C, Decision: IntoEvents<A, Refusal: Refusal>>,
        C: Send + Sync,
    {
        self.execute(aggregates, id, |state: &A| state.handle(&command)).await
    }
}

impl<S: Send + Sync> FromRequestParts<S> for CommandHeaders {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        Self::read(&parts.headers)
    }
}
