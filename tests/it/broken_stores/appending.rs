//! Appends that go wrong.

use std::sync::Arc;
use std::time::Duration;

use eventsource::{
    AppendOutcome, AppendRequest, Appended, AppendedStream, Conflict, EventStore, ExpectedVersion, Limits, Load,
    Position, Read, StoreError, StreamId, Version, Write, now,
};
use uuid::Uuid;

use super::broken::Broken;
use super::defect::Defect::{self, *};

type Outcome = Result<AppendOutcome, StoreError>;

impl Broken {
    pub(super) async fn append_broken(&self, request: &AppendRequest) -> Outcome {
        let mut request = request.clone();
        self.spoil_request(&mut request);
        if let Some(outcome) = self.instead(&request).await {
            return outcome;
        }
        let outcome = self.inner.append(Arc::new(request.clone())).await;
        self.spoil_outcome(&request, outcome).await
    }

    /// Defects in what is asked.
    fn spoil_request(&self, request: &mut AppendRequest) {
        match self.defect {
            IgnoresKeys => request.command_key = None,
            KnowsOneKey => {
                let writes = std::mem::take(&mut request.writes).into_iter();
                let one = writes.fold(AppendRequest::default(), |one, Write { stream, expected, events, .. }| {
                    one.and(stream, expected, events)
                });
                let AppendRequest { conditions, command_key, .. } = std::mem::replace(request, one);
                (request.conditions, request.command_key) = (conditions, command_key);
            }
            IgnoresConditions => request.conditions.clear(),
            StoresBackwards => request.writes.iter_mut().for_each(|write| write.events.reverse()),
            // A plain insert: nothing recognises the request when it comes again.
            StoresAnyTwice => {
                for write in request.writes.iter_mut().filter(|write| write.expected.place().is_none()) {
                    write.events.iter_mut().for_each(|event| event.id = Uuid::now_v7());
                }
            }
            StreamExistsIsAny => each_expected(request, |expected| match expected {
                ExpectedVersion::StreamExists => ExpectedVersion::Any,
                other => other,
            }),
            AnyIsNoStream => each_expected(request, |expected| match expected {
                ExpectedVersion::Any => ExpectedVersion::NoStream,
                other => other,
            }),
            _ => {}
        }
    }

    /// Defects that answer, or write, in another way.
    async fn instead(&self, request: &AppendRequest) -> Option<Outcome> {
        match self.defect {
            AcceptsAboveHead => {
                let mut lenient = request.clone();
                for write in &mut lenient.writes {
                    let head = self.head(&write.stream).await;
                    if write.expected.place().is_some_and(|place| place > head) {
                        write.expected = ExpectedVersion::Any;
                    }
                }
                Some(self.inner.append(Arc::new(lenient)).await)
            }
            KeyAfterVersion => {
                for write in &request.writes {
                    let head = self.head(&write.stream).await;
                    if !write.expected.accepts(head) {
                        return Some(Ok(AppendOutcome::Conflict(Conflict::new(
                            write.stream.clone(),
                            write.expected,
                            head,
                        ))));
                    }
                }
                None
            }
            ForgetsOldKeys => {
                let stream = &request.writes.first()?.stream;
                if self.head(stream).await < Version(20) {
                    return None;
                }
                let mut forgotten = request.clone();
                forgotten.command_key = None;
                Some(self.inner.append(Arc::new(forgotten)).await)
            }
            KeysOfTheWholeStore => {
                let first = self.shared().results.get(request.command_key.as_ref()?).cloned()?;
                Some(Ok(AppendOutcome::AlreadyStored(first)))
            }
            BurnsKeys => {
                let burnt = self.shared().burnt.contains(request.command_key.as_ref()?);
                burnt.then(|| Ok(AppendOutcome::AlreadyStored(Appended::default())))
            }
            WritesOneByOne => Some(self.one_by_one(request).await),
            ChecksConditionsBefore | HoldsOneCondition | ConditionsBeforeIds => {
                for condition in &request.conditions {
                    let head = self.head(&condition.stream).await;
                    if head != condition.version {
                        let expected = ExpectedVersion::Exact(condition.version);
                        return Some(Ok(AppendOutcome::Conflict(Conflict::new(
                            condition.stream.clone(),
                            expected,
                            head,
                        ))));
                    }
                }
                if self.defect == ConditionsBeforeIds {
                    return None;
                }
                pause().await;
                let mut spoiled = request.clone();
                spoiled.conditions.truncate(usize::from(self.defect == HoldsOneCondition));
                Some(self.inner.append(Arc::new(spoiled)).await)
            }
            AbsentStreamMeetsNoCondition => {
                for condition in &request.conditions {
                    if self.head(&condition.stream).await == Version(0) {
                        let expected = ExpectedVersion::Exact(condition.version);
                        let conflict = Conflict::new(condition.stream.clone(), expected, Version(0));
                        return Some(Ok(AppendOutcome::Conflict(conflict)));
                    }
                }
                None
            }
            ChecksVersionBefore => {
                let mut unchecked = request.clone();
                for write in &mut unchecked.writes {
                    let head = self.head(&write.stream).await;
                    if !write.expected.accepts(head) {
                        return None;
                    }
                    write.expected = ExpectedVersion::Any;
                }
                pause().await;
                Some(self.inner.append(Arc::new(unchecked)).await)
            }
            ChecksKeyBefore => {
                let key = request.command_key.clone()?;
                let load = Load::new(request.writes[0].stream.clone()).with_command_key(Some(key));
                let end = self.inner.load(&load, &mut |_| Ok(())).await.ok()?;
                if end.command.is_some() {
                    return None;
                }
                pause().await;
                let mut unkeyed = request.clone();
                unkeyed.command_key = None;
                each_expected(&mut unkeyed, |_| ExpectedVersion::Any);
                Some(self.inner.append(Arc::new(unkeyed)).await)
            }
            AlwaysRefusesConditions => {
                let condition = request.conditions.first()?;
                let expected = ExpectedVersion::Exact(condition.version);
                let conflict = Conflict::new(condition.stream.clone(), expected, Version(0));
                Some(Ok(AppendOutcome::Conflict(conflict)))
            }
            LosesEverySeventh => {
                let mut shared = self.shared();
                shared.appends += 1;
                shared.appends.is_multiple_of(7).then(|| Ok(AppendOutcome::Stored(invented(request))))
            }
            _ => None,
        }
    }

    async fn one_by_one(&self, request: &AppendRequest) -> Outcome {
        let mut streams = Vec::new();
        for write in &request.writes {
            let one = AppendRequest::new(write.stream.clone(), write.expected, write.events.clone());
            match self.inner.append(Arc::new(one)).await? {
                AppendOutcome::Stored(one) | AppendOutcome::AlreadyStored(one) => streams.extend(one.streams),
                conflict => return Ok(conflict),
            }
            // Here the caller may be gone.
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        Ok(AppendOutcome::Stored(Appended::new(streams)))
    }

    /// Defects in what is answered.
    async fn spoil_outcome(&self, request: &AppendRequest, outcome: Outcome) -> Outcome {
        use AppendOutcome::{AlreadyStored, Conflict as InConflict, Stored};
        Ok(match (self.defect, outcome) {
            // `ON CONFLICT DO NOTHING`: success is reported, the events are gone.
            (DropsConflicts, Ok(InConflict(_))) => Stored(invented(request)),
            (ConflictSaysTooLittle, Ok(InConflict(found))) => {
                InConflict(Conflict::new(found.stream, found.expected, Version(found.actual.0.saturating_sub(1))))
            }
            (ConflictOnTheWrite, Ok(InConflict(found))) => match request.writes.first() {
                Some(write) => InConflict(Conflict::new(write.stream.clone(), found.expected, found.actual)),
                None => InConflict(found),
            },
            (FirstOfARepeatedKey, Ok(AlreadyStored(mut first))) => {
                for stream in &mut first.streams {
                    let behind = stream.positions.len() as u64 - 1;
                    stream.version = Version(stream.version.0 - behind);
                    stream.positions.truncate(1);
                }
                AlreadyStored(first)
            }
            (BurnsKeys, outcome) => {
                if !matches!(outcome, Ok(Stored(_) | AlreadyStored(_))) {
                    self.shared().burnt.extend(request.command_key.clone());
                }
                return outcome;
            }
            (KeysOfTheWholeStore, Ok(Stored(first))) => {
                if let Some(key) = &request.command_key {
                    self.shared().results.insert(key.clone(), first.clone());
                }
                Stored(first)
            }
            (AnswersInOrderOfName, Ok(Stored(appended))) => {
                let mut named: Vec<_> =
                    request.writes.iter().map(|write| &write.stream).zip(appended.streams).collect();
                named.sort_by(|a, b| a.0.cmp(b.0));
                Stored(Appended::new(named.into_iter().map(|(_, stream)| stream).collect()))
            }
            (ForgetsIds, Ok(AlreadyStored(_))) if request.command_key.is_none() => {
                let write = &request.writes[0];
                InConflict(Conflict::new(write.stream.clone(), write.expected, self.head(&write.stream).await))
            }
            (FirstIdIsEnough, Ok(InConflict(found))) => {
                let (write, place) = (&request.writes[0], request.writes[0].expected.place());
                let there = self.id_at(&write.stream, place.map_or(Version(1), Version::next)).await;
                if there == write.events.first().map(|event| event.id) {
                    AlreadyStored(invented(request))
                } else {
                    InConflict(found)
                }
            }
            (StoresTheSameAgain, Ok(AlreadyStored(_))) => {
                let mut again = request.clone();
                each_expected(&mut again, |_| ExpectedVersion::Any);
                again.writes.iter_mut().flat_map(|write| &mut write.events).for_each(|event| event.id = Uuid::now_v7());
                self.inner.append(Arc::new(again)).await?
            }
            (VersionsOf16Bits, Ok(Stored(mut appended))) => {
                appended.streams.iter_mut().for_each(|stream| stream.version.0 &= 0xffff);
                Stored(appended)
            }
            (PositionsBackwards, Ok(Stored(mut appended))) => {
                appended.streams.iter_mut().for_each(|stream| stream.positions.reverse());
                Stored(appended)
            }
            (AnswersAnotherTime, Ok(Stored(mut appended))) => {
                let later = now() + chrono::TimeDelta::milliseconds(1);
                appended.streams.iter_mut().for_each(|stream| stream.recorded_at = later);
                Stored(appended)
            }
            (AcceptsInvalid, Err(error)) if error.is_invalid() => Stored(invented(request)),
            (AcceptsTooLarge, Err(error)) if error.is_too_large() => Stored(invented(request)),
            (StoresWhatItRefuses, Err(error)) if error.is_invalid() || error.is_too_large() => {
                let partly =
                    AppendRequest::new(request.writes[0].stream.clone(), ExpectedVersion::Any, vec![an_event()]);
                self.inner.append(Arc::new(partly)).await?;
                return Err(error);
            }
            (_, outcome) => return outcome,
        })
    }

    async fn head(&self, stream: &StreamId) -> Version {
        let mut head = Version(0);
        let load = Load::new(stream.clone());
        let visit = &mut |row: eventsource::LoadRow<'_>| {
            if let eventsource::LoadRow::Event(event) = row {
                head = event.version;
            }
            Ok(())
        };
        let _ = self.inner.load(&load, visit).await;
        head
    }

    async fn id_at(&self, stream: &StreamId, version: Version) -> Option<Uuid> {
        let mut id = None;
        let read = Read::stream(stream).after_version(Version(version.0 - 1)).limit(1);
        let visit = &mut |raw: &eventsource::RawEvent<'_>| {
            id = Some(raw.id);
            Ok(())
        };
        let _ = self.inner.read(&read, visit).await;
        id
    }
}

/// Long enough for others to come between a check and its write.
async fn pause() {
    tokio::time::sleep(Duration::from_millis(2)).await;
}

fn an_event() -> eventsource::NewEvent {
    eventsource::NewEvent::new("thing.happened", 1, b"1".to_vec())
}

fn each_expected(request: &mut AppendRequest, change: impl Fn(ExpectedVersion) -> ExpectedVersion) {
    request.writes.iter_mut().for_each(|write| write.expected = change(write.expected));
}

/// An answer for something that never happened.
fn invented(request: &AppendRequest) -> Appended {
    let streams = request.writes.iter().map(|write| {
        let count = write.events.len() as u64;
        let before = write.expected.place().unwrap_or_default();
        AppendedStream::new(Version(before.0 + count), (1..=count).map(Position).collect(), now())
    });
    Appended::new(streams.collect())
}

/// The limits that a store with this defect has.
pub(super) fn limits(defect: Defect) -> Limits {
    let mut limits = Limits::default();
    if defect == RefusesTheLimit {
        limits.payload -= 1;
        limits.metadata -= 1;
        limits.events -= 1;
    }
    limits
}
