//! One stream's commands: the state with everything that was decided, and who waits for what.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{Notify, oneshot};

use crate::contract::append::AppendOutcome;
use crate::folding::aggregate::Aggregate;
use crate::runtime::fold::Folded;
use crate::words::error::StoreError;
use crate::words::event::NewEvent;
use crate::words::stream::{StreamId, Version};

use super::known::Known;
use super::waiting::{Answer, Batch, Waiting, together};

/// Commands that wait for one stream at most.
const WAITING: usize = 16_384;

/// The commands of one stream.
pub(crate) struct Lane<A> {
    pub(super) stream: StreamId,
    inner: Mutex<Inner<A>>,
    /// Tells those who wait for something to change that it has.
    pub(super) changed: Notify,
    weight: AtomicU64,
}

/// Decisions of one era build on each other, and only appends of this process change what is stored in it. When an append
/// fails, all that is not stored is undone, and the next one begins.
pub(super) struct Standing {
    pub(super) era: u64,
    /// What is known to be stored.
    pub(super) stored: Version,
}

struct Inner<A> {
    era: u64,
    /// With everything that was decided; none while it is not known.
    newest: Option<Arc<Known<A>>>,
    /// The last one that is known to be stored, from which a reader goes on.
    stored: Option<Arc<Known<A>>>,
    /// What was stored past the lane while it was busy. It confirms no decision, so it is not among what is stored.
    learned: Option<Arc<Known<A>>>,
    waiting: VecDeque<Waiting<A>>,
    is_loading: bool,
    is_sending: bool,
}

impl<A: Aggregate> Inner<A> {
    /// What was read is stored, and the newest that is known.
    fn take(&mut self, folded: Folded<A>) {
        let known = Arc::new(Known::of(folded));
        self.newest = Some(known.clone());
        self.store(known);
    }

    fn store(&mut self, known: Arc<Known<A>>) {
        self.learned.take_if(|learned| learned.version <= known.version);
        self.stored = Some(known);
    }

    /// The last one that is known to be stored, by whichever way.
    fn last_stored(&self) -> Option<Arc<Known<A>>> {
        [&self.stored, &self.learned].into_iter().flatten().max_by_key(|known| known.version).cloned()
    }
}

/// The state on which something was decided.
pub(crate) struct Basis<A> {
    pub(crate) known: Arc<Known<A>>,
    pub(super) era: u64,
    /// Some of it is not stored yet, as far as is known.
    pub(super) is_ahead: bool,
    /// Its append has not left yet, so it is stored later than it was decided on. One that has left may have been stored long
    /// ago, and others may have written behind it since.
    pub(super) leaves_later: bool,
}

impl<A: Aggregate> Lane<A> {
    pub(super) fn new(stream: StreamId) -> Self {
        let inner = Inner {
            era: 0,
            newest: None,
            stored: None,
            learned: None,
            waiting: VecDeque::new(),
            is_loading: false,
            is_sending: false,
        };
        Self { stream, inner: Mutex::new(inner), changed: Notify::new(), weight: AtomicU64::new(0) }
    }

    pub(crate) fn stream(&self) -> &StreamId {
        &self.stream
    }

    /// Notes a weight; answers whether it is another one by more than a quarter.
    pub(super) fn weighs(&self, bytes: u64) -> bool {
        let before = self.weight.load(Ordering::Relaxed);
        let differs = bytes.abs_diff(before) > before / 4;
        if differs {
            self.weight.store(bytes, Ordering::Relaxed);
        }
        differs
    }

    /// A decision that panics does so before anything is changed.
    fn lock(&self) -> MutexGuard<'_, Inner<A>> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// To decide, where the state is known.
    pub(crate) fn turn(&self) -> Option<Turn<'_, A>> {
        let inner = self.lock();
        let newest = inner.newest.clone()?;
        let is_ahead = inner.stored.as_ref().is_none_or(|stored| stored.version < newest.version);
        // Who was decided last waits last.
        let leaves_later = !inner.waiting.is_empty();
        let basis = Basis { known: newest, era: inner.era, is_ahead, leaves_later };
        Some(Turn { stream: &self.stream, inner, basis })
    }

    /// The last state that is known to be stored.
    pub(crate) fn stored(&self) -> Option<Arc<Known<A>>> {
        self.lock().last_stored()
    }

    /// Whose turn it is to load: none if that is not needed, or another is at it.
    pub(super) fn begin_loading(&self) -> Loading<A> {
        let mut inner = self.lock();
        if inner.newest.is_some() {
            return Loading::NotNeeded;
        }
        if std::mem::replace(&mut inner.is_loading, true) {
            return Loading::ByAnother;
        }
        Loading::Mine(inner.last_stored())
    }

    /// What came of it; nothing if it failed.
    pub(super) fn end_loading(&self, loaded: Option<Folded<A>>) {
        let mut inner = self.lock();
        inner.is_loading = false;
        if let Some(folded) = loaded {
            inner.take(folded);
        }
        self.tell(inner);
    }

    /// Somebody has looked behind a state and found more.
    pub(super) fn renew(&self, basis: &Basis<A>, folded: Folded<A>) {
        let mut inner = self.lock();
        let is_same = inner.newest.as_ref().is_some_and(|newest| Arc::ptr_eq(newest, &basis.known));
        // While something is on its way, its answer will tell.
        if is_same && !inner.is_sending {
            inner.take(folded);
            // What was read says nothing of when it was stored, so it confirms no decision on what was there before.
            inner.era += 1;
            self.tell(inner);
        }
    }

    /// A command on several aggregates has stored something past the lane.
    pub(crate) fn learn(&self, folded: Folded<A>) {
        let mut inner = self.lock();
        if inner.last_stored().is_some_and(|known| known.version >= folded.version) {
            return;
        }
        if inner.is_sending || inner.is_loading {
            inner.learned = Some(Arc::new(Known::of(folded)));
        } else {
            inner.take(folded);
            inner.era += 1;
            self.tell(inner);
        }
    }

    /// What is sent next; none if nothing waits, and then nobody sends.
    pub(super) fn next_batch(&self) -> Option<Batch<A>> {
        let mut inner = self.lock();
        let count = together(&inner.waiting);
        if count == 0 {
            inner.is_sending = false;
            return None;
        }
        let waiting = if count == inner.waiting.len() {
            Vec::from(std::mem::take(&mut inner.waiting))
        } else {
            inner.waiting.drain(..count).collect()
        };
        drop(inner);
        Some(Batch::new(&self.stream, waiting))
    }

    /// Tells everybody in a batch what has become of it; answers whether the sender is to look for more. Behind a batch of
    /// several it is, even if nobody waits yet: they come back now, and the first one to come would else go alone and keep
    /// all others waiting.
    pub(super) fn settle(&self, batch: Batch<A>, outcome: Result<AppendOutcome, StoreError>) -> bool {
        let is_keyed = batch.request.command_key.is_some();
        let appended = match outcome {
            Ok(AppendOutcome::Stored(appended)) => appended,
            // Without a key it is known by its event ids: it was sent before, and the answer was lost.
            Ok(AppendOutcome::AlreadyStored(appended)) if !is_keyed => appended,
            outcome => {
                self.undo(batch.waiting, outcome);
                return false;
            }
        };
        let last = batch.last(&appended);
        let mut inner = self.lock();
        inner.store(last);
        let more = !inner.waiting.is_empty() || batch.waiting.len() > 1;
        inner.is_sending = more;
        self.tell(inner);
        batch.answer(&appended);
        more
    }

    /// A batch was not stored, as far as is known; what waits was decided on it.
    fn undo(&self, batch: Vec<Waiting<A>>, outcome: Result<AppendOutcome, StoreError>) {
        let conflict = match &outcome {
            Ok(AppendOutcome::Conflict(conflict)) => Some(conflict.clone()),
            _ => None,
        };
        // Where events were erased, what was folded from them must go too.
        if let (Some(conflict), Some(stored)) = (&conflict, self.stored())
            && conflict.actual < stored.version
        {
            let mut inner = self.lock();
            (inner.stored, inner.learned) = (None, None);
        }
        let waiting = self.begin_era();
        let is_one = batch.len() == 1;
        for one in batch {
            one.answer(match &outcome {
                Ok(AppendOutcome::Conflict(_)) => Answer::Undone { conflict: conflict.clone(), alone: false },
                Ok(AppendOutcome::Stored(appended) | AppendOutcome::AlreadyStored(appended)) if is_one => {
                    Answer::StoredBefore(appended.clone())
                }
                // One of their keys was used before, or all of them were and the answer was lost.
                Ok(_) => Answer::Undone { conflict: None, alone: true },
                // It may be the fault of one of them alone.
                Err(error) if !is_one && !error.is_transient() => Answer::Undone { conflict: None, alone: true },
                Err(error) => Answer::Failed(error.clone()),
            });
        }
        for one in waiting {
            one.answer(Answer::Undone { conflict: conflict.clone(), alone: false });
        }
    }

    /// Undoes everything that is not known to be stored; answers who has to decide again.
    pub(super) fn begin_era(&self) -> VecDeque<Waiting<A>> {
        let mut inner = self.lock();
        inner.era += 1;
        inner.newest = None;
        inner.is_sending = false;
        let waiting = std::mem::take(&mut inner.waiting);
        self.tell(inner);
        waiting
    }

    pub(super) fn standing(&self) -> Standing {
        let inner = self.lock();
        Standing { era: inner.era, stored: inner.stored.as_ref().map_or(Version(0), |stored| stored.version) }
    }

    /// Ends a change. Who begins to wait before looking misses none.
    fn tell(&self, inner: MutexGuard<'_, Inner<A>>) {
        drop(inner);
        self.changed.notify_waiters();
    }
}

/// Who loads.
pub(super) enum Loading<A> {
    NotNeeded,
    ByAnother,
    /// From this state on.
    Mine(Option<Arc<Known<A>>>),
}

/// The state, while nobody else decides.
pub(crate) struct Turn<'l, A> {
    stream: &'l StreamId,
    inner: MutexGuard<'l, Inner<A>>,
    basis: Basis<A>,
}

impl<A: Aggregate> Turn<'_, A> {
    pub(crate) fn newest(&self) -> &Known<A> {
        &self.basis.known
    }

    /// Nothing to store: ends the turn.
    pub(crate) fn end(self) -> Basis<A> {
        self.basis
    }

    /// Puts a command behind the others. Answers where its answer will come, and what the caller has to send: the command
    /// itself, where nobody else sends.
    pub(crate) fn join(
        mut self,
        events: Vec<NewEvent>,
        command_key: Option<String>,
        alone: bool,
        after: Arc<Known<A>>,
    ) -> Result<(oneshot::Receiver<Answer>, Option<Batch<A>>), StoreError> {
        if self.inner.waiting.len() >= WAITING {
            let stream = self.stream;
            return Err(StoreError::overloaded(format!("{WAITING} commands already wait for stream {stream}")));
        }
        let (answer, answered) = oneshot::channel();
        self.inner.newest = Some(after.clone());
        let waiting = Waiting { count: events.len(), events, command_key, alone, after, answer };
        if std::mem::replace(&mut self.inner.is_sending, true) {
            self.inner.waiting.push_back(waiting);
            return Ok((answered, None));
        }
        let stream = self.stream;
        drop(self);
        Ok((answered, Some(Batch::new(stream, vec![waiting]))))
    }
}
