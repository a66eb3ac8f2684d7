//! The attempts of a command on several aggregates, whatever their types are.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use futures::future::try_join_all;

use crate::contract::append::{AppendOutcome, AppendRequest, Appended};
use crate::contract::load::StoredCommand;
use crate::contract::store::EventStore;
use crate::runtime::command::{Stop, send};
use crate::runtime::options::ExecuteOptions;
use crate::runtime::retry::Pauses;
use crate::words::error::StoreError;
use crate::words::stream::{Conflict, ExpectedVersion};

use super::seat::Member;

/// Aggregates of one command at most.
const PARTS: usize = 100;

/// What is left of the attempts of one command.
pub(super) struct Attempts {
    store: Arc<dyn EventStore>,
    command_key: Option<String>,
    pauses: Pauses,
    time_limit: Duration,
    streams: String,
}

/// What is to be done next.
pub(super) enum Outcome {
    Done,
    Decide,
}

type Members<'m> = Vec<&'m mut dyn Member>;

impl Attempts {
    /// Refuses what cannot be one command.
    pub(super) fn new(members: Members<'_>, options: ExecuteOptions) -> Result<Self, StoreError> {
        let Some((first, others)) = members.split_first() else {
            return Err(StoreError::invalid("a command on several aggregates names none"));
        };
        if options.expected != ExpectedVersion::Any {
            let message =
                "a command on several aggregates expects versions of its parts: say so with `Part::expecting`";
            return Err(StoreError::invalid(message));
        }
        check_streams(&members)?;
        let limits = others.iter().map(|member| member.limits());
        let (retry, time_limit) =
            limits.fold(first.limits(), |(retry, time), (also, limit)| (retry.least(also), time.min(limit)));
        let streams: Vec<_> = members.iter().map(|member| member.stream().as_str()).collect();
        let streams = streams.join(" and ");
        let store = first.store().clone();
        Ok(Self { store, command_key: options.command_key, pauses: retry.start(), time_limit, streams })
    }

    pub(super) fn time_limit(&self) -> Duration {
        self.time_limit
    }

    /// Their names, for people.
    pub(super) fn streams(&self) -> String {
        self.streams.clone()
    }

    /// Brings all states up to date, side by side; done if the command was done before.
    pub(super) async fn load(&mut self, mut members: Members<'_>) -> Result<Outcome, Stop> {
        let found = try_join_all(members.iter_mut().map(|member| member.load())).await?;
        let first = found.into_iter().enumerate().find_map(|(place, stored)| Some((place, stored?)));
        if let Some((place, stored)) = first {
            first_results(&mut members, place, stored).await?;
            return Ok(Outcome::Done);
        }
        match members.iter().find_map(|member| member.unexpected()) {
            Some(conflict) => Err(Stop::Conflict(conflict)),
            None => Ok(Outcome::Decide),
        }
    }

    /// Stores what was decided, as long as everything that it was decided on is as it was read.
    pub(super) async fn append(&mut self, mut members: Members<'_>) -> Result<Outcome, Stop> {
        let mut request = AppendRequest::default();
        for member in &mut members {
            let Some(events) = member.settle()? else {
                let stream = member.stream();
                let message = format!("the decision must have one entry for each part; it has none for {stream}");
                return Err(StoreError::invalid(message).into());
            };
            let (stream, version) = (member.stream().clone(), member.version());
            if events.is_empty() {
                request = request.on_condition(stream, version);
            } else {
                request = request.and(stream, version, events);
            }
        }
        if request.writes.is_empty() {
            return self.confirm(members).await;
        }
        request.command_key = self.command_key.clone();
        let request = Arc::new(request);
        match send(&*self.store, &request, &mut self.pauses).await {
            Ok(AppendOutcome::Conflict(conflict)) => self.again(conflict, members).await,
            Ok(AppendOutcome::Stored(appended)) => Ok(stored(members, &request, &appended)),
            // Without a key it is known by its event ids: it was sent before, and the answer was lost.
            Ok(AppendOutcome::AlreadyStored(appended)) if self.command_key.is_none() => {
                Ok(stored(members, &request, &appended))
            }
            Ok(AppendOutcome::AlreadyStored(_)) => {
                let unknown =
                    || StoreError::corrupt("a command was stored before, and its key is in none of its streams");
                self.done_by_another(members, unknown).await
            }
            // A store cannot say where a command is that was stored in other streams than those of the request.
            Err(error) if self.command_key.is_some() && error.is_invalid() => {
                self.done_by_another(members, || error).await
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Somebody else has done the command meanwhile, and may have decided something else.
    async fn done_by_another(
        &mut self,
        members: Members<'_>,
        or_else: impl FnOnce() -> StoreError,
    ) -> Result<Outcome, Stop> {
        match self.load(members).await? {
            Outcome::Done => Ok(Outcome::Done),
            Outcome::Decide => Err(or_else().into()),
        }
    }

    /// Whether all stand, at one moment, as they were read. A decision that stores nothing may leave then.
    pub(super) async fn confirm(&mut self, members: Members<'_>) -> Result<Outcome, Stop> {
        let mut request = AppendRequest::default();
        for member in &members {
            request = request.on_condition(member.stream().clone(), member.version());
        }
        match send(&*self.store, &Arc::new(request), &mut self.pauses).await? {
            AppendOutcome::Conflict(conflict) => self.again(conflict, members).await,
            AppendOutcome::Stored(_) | AppendOutcome::AlreadyStored(_) => Ok(done(members)),
        }
    }

    /// After the first conflict there is no pause: whoever wrote meanwhile has written.
    async fn again(&mut self, conflict: Conflict, members: Members<'_>) -> Result<Outcome, Stop> {
        let conflict = match members.iter().find(|member| *member.stream() == conflict.stream) {
            Some(member) => member.lost(conflict).map_err(Stop::Conflict)?,
            None => conflict,
        };
        let goes_on = self.pauses.pause_unless_first(&conflict).await;
        if goes_on { Ok(Outcome::Decide) } else { Err(Stop::Conflict(conflict)) }
    }
}

/// Not too many, each once, and all in one store.
fn check_streams(members: &Members<'_>) -> Result<(), StoreError> {
    if members.len() > PARTS {
        let message = format!("a command on {} aggregates is over the limit of {PARTS}", members.len());
        return Err(StoreError::too_large(message));
    }
    let mut streams = HashSet::new();
    for member in members {
        let (stream, first) = (member.stream(), &members[0]);
        if !streams.insert(stream) {
            return Err(StoreError::invalid(format!("stream {stream} stands twice in one command")));
        }
        // What all clones of a store have in common, and nobody else has, is their feed.
        if !std::ptr::eq(member.store().feed(), first.store().feed()) {
            let message = "are not in one store: make their repositories on clones of one";
            return Err(StoreError::invalid(format!("{} and {stream} {message}", first.stream())));
        }
    }
    Ok(())
}

/// The part that has the key says which append it was; the others have its companion, or were only read.
async fn first_results(members: &mut Members<'_>, place: usize, stored: StoredCommand) -> Result<(), StoreError> {
    let marked = members[place].first_result(stored).await?;
    let others = members.iter_mut().enumerate().filter(|(other, _)| *other != place);
    try_join_all(others.map(|(_, member)| member.first_result_beside(marked))).await?;
    one_token(members);
    Ok(())
}

fn stored(mut members: Members<'_>, request: &AppendRequest, appended: &Appended) -> Outcome {
    for (write, place) in request.writes.iter().zip(&appended.streams) {
        if let Some(member) = members.iter_mut().find(|member| *member.stream() == write.stream) {
            member.stored(write, place);
        }
    }
    done(members)
}

fn done(mut members: Members<'_>) -> Outcome {
    one_token(&mut members);
    Outcome::Done
}

/// Whoever has come to the last place has seen everything, so all results name that.
fn one_token(members: &mut Members<'_>) {
    if let Some(last) = members.iter_mut().map(|member| *member.token()).max_by_key(|token| token.position) {
        members.iter_mut().for_each(|member| *member.token() = last);
    }
}
