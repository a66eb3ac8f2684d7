//! Rows that are folded in the append's transaction: all of it or nothing, and never twice.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use crate::contract::append::{AppendOutcome, AppendRequest};
use crate::contract::inline::{InlineFold, InlineStore};
use crate::contract::read::Read;
use crate::words::column::Row;
use crate::words::stream::{ExpectedVersion, StreamId, Version};

use super::asking::*;
use super::fixture::Fixture;
use super::rule::{Broken, Checked};
use super::traced::{GONE, Slow, TRACED, Traced, UNBEARABLE, expected};

rules![
    an_append_folds_its_events_as_a_reader_gets_them,
    events_that_were_appended_without_their_row_are_folded_first,
    a_row_that_was_deleted_is_folded_from_the_beginning,
    an_append_that_stores_nothing_folds_nothing,
    a_fold_that_fails_leaves_neither_events_nor_rows,
    rows_are_brought_to_the_ends_of_their_streams,
    a_row_that_is_brought_to_its_end_slowly_does_not_go_back,
    rows_are_what_their_streams_make_whoever_appends,
];

const WRITERS: usize = 12;

struct Inline<'f> {
    store: &'f dyn InlineStore,
    views: Vec<Arc<dyn InlineFold>>,
}

impl<'f> Inline<'f> {
    async fn of(fixture: &'f Fixture) -> Checked<Option<Self>> {
        let Some(store) = fixture.inline.as_deref() else { return Ok(None) };
        store.create_view(&TRACED).await?;
        Ok(Some(Self { store, views: vec![Arc::new(Traced::new())] }))
    }

    async fn append(&self, request: AppendRequest) -> Checked<AppendOutcome> {
        Ok(self.store.append_inline(Arc::new(request), &self.views).await?)
    }

    async fn store_now(&self, request: AppendRequest) -> Checked {
        match self.append(request).await? {
            AppendOutcome::Stored(_) => Ok(()),
            other => Err(Broken(format!("an append that must be stored was answered with {other:?}"))),
        }
    }

    async fn row(&self, stream: &StreamId) -> Checked<Option<Row>> {
        Ok(self.store.rows(&TRACED, &[Traced::key(stream)]).await?.pop())
    }

    /// The row is what a reader of the stream would make.
    async fn is_exact(&self, stream: &StreamId, what: &str) -> Checked {
        let should = expected(self.store, stream).await?;
        ensure_eq!(self.row(stream).await?, should, "the row of {stream} after {what}");
        Ok(())
    }
}

fn any(stream: &StreamId, names: &[&'static str]) -> AppendRequest {
    AppendRequest::new(stream.clone(), ExpectedVersion::Any, names.iter().map(|name| named(name)).collect())
}

async fn an_append_folds_its_events_as_a_reader_gets_them(fixture: &Fixture) -> Checked {
    let Some(inline) = Inline::of(fixture).await? else { return Ok(()) };
    let (a, b) = (stream("thing-a"), stream("thing-b"));
    let odd = chrono::DateTime::from_timestamp_nanos(1_234_567_891_234_567_891);
    let mut dressed = event().with_occurred_at(odd);
    dressed.metadata = dressed.metadata.clone().with_actor("anna").with_correlation_id(uuid::Uuid::from_u128(7));
    let request = AppendRequest::new(a.clone(), Version(0), vec![event(), dressed])
        .and(b.clone(), ExpectedVersion::Any, events(3))
        .with_command_key("first");
    inline.store_now(request).await?;
    inline.is_exact(&a, "the first append").await?;
    inline.is_exact(&b, "the first append").await?;
    inline.store_now(AppendRequest::new(a.clone(), Version(2), events(1))).await?;
    inline.is_exact(&a, "the second append").await
}

async fn events_that_were_appended_without_their_row_are_folded_first(fixture: &Fixture) -> Checked {
    let Some(inline) = Inline::of(fixture).await? else { return Ok(()) };
    let (a, b) = (stream("thing-a"), stream("thing-b"));
    store_now(&*fixture.store, &any(&a, &["thing.happened", "thing.happened"])).await?;
    inline.store_now(any(&a, &["thing.happened"])).await?;
    inline.is_exact(&a, "an append to a stream without a row").await?;
    store_now(&*fixture.store, &any(&a, &["thing.happened"])).await?;
    let both = any(&a, &["thing.happened"]).and(b.clone(), Version(0), events(1));
    inline.store_now(both).await?;
    inline.is_exact(&a, "an append behind one without the row").await?;
    inline.is_exact(&b, "an append beside it").await
}

async fn a_row_that_was_deleted_is_folded_from_the_beginning(fixture: &Fixture) -> Checked {
    let Some(inline) = Inline::of(fixture).await? else { return Ok(()) };
    let a = stream("thing-a");
    inline.store_now(any(&a, &["thing.happened", "thing.happened"])).await?;
    inline.store_now(any(&a, &[GONE])).await?;
    ensure_eq!(inline.row(&a).await?, None, "the row that was deleted");
    inline.store_now(any(&a, &["thing.happened"])).await?;
    inline.is_exact(&a, "an append behind the deletion").await?;
    store_now(&*fixture.store, &any(&a, &[GONE, "thing.happened"])).await?;
    inline.store_now(any(&a, &["thing.happened"])).await?;
    inline.is_exact(&a, "a deletion by somebody without the row").await
}

async fn an_append_that_stores_nothing_folds_nothing(fixture: &Fixture) -> Checked {
    let Some(inline) = Inline::of(fixture).await? else { return Ok(()) };
    let a = stream("thing-a");
    let first = AppendRequest::new(a.clone(), Version(0), events(2)).with_command_key("first");
    inline.store_now(first.clone()).await?;
    let again = inline.append(first).await?;
    ensure!(matches!(again, AppendOutcome::AlreadyStored(_)), "a repeated command was answered with {again:?}");
    inline.is_exact(&a, "a repeated command").await?;
    let late = inline.append(AppendRequest::new(a.clone(), Version(1), events(1))).await?;
    ensure!(matches!(late, AppendOutcome::Conflict(_)), "an append that is too late was answered with {late:?}");
    let condition = any(&a, &["thing.happened"]).on_condition(stream("thing-b"), Version(1));
    let moved = inline.append(condition).await?;
    ensure!(matches!(moved, AppendOutcome::Conflict(_)), "a condition that does not hold was answered with {moved:?}");
    inline.is_exact(&a, "two conflicts").await
}

async fn a_fold_that_fails_leaves_neither_events_nor_rows(fixture: &Fixture) -> Checked {
    let Some(inline) = Inline::of(fixture).await? else { return Ok(()) };
    let (a, b) = (stream("thing-a"), stream("thing-b"));
    inline.store_now(any(&a, &["thing.happened"])).await?;
    let failing = any(&b, &["thing.happened"])
        .and(a.clone(), Version(1), vec![named("thing.happened"), named(UNBEARABLE)])
        .with_command_key("unbearable");
    let failed = inline.store.append_inline(Arc::new(failing), &inline.views).await;
    match failed {
        Err(error) if error.to_string().contains(UNBEARABLE) => {}
        other => return Err(Broken(format!("an append whose fold fails was answered with {other:?}"))),
    }
    ensure_eq!(count(inline.store).await?, 1, "events after a fold that failed");
    inline.is_exact(&a, "a fold that failed").await?;
    ensure_eq!(inline.row(&b).await?, None, "the row of the other stream after a fold that failed");
    // Neither versions nor the key are burnt.
    let next = AppendRequest::new(a.clone(), Version(1), events(1)).with_command_key("unbearable");
    inline.store_now(next).await?;
    inline.is_exact(&a, "the append behind it").await
}

async fn rows_are_brought_to_the_ends_of_their_streams(fixture: &Fixture) -> Checked {
    let Some(inline) = Inline::of(fixture).await? else { return Ok(()) };
    let streams: Vec<StreamId> = (0..70).map(|id| stream(&format!("thing-{id}"))).collect();
    for stream in &streams {
        store_now(&*fixture.store, &any(stream, &["thing.happened", "thing.happened"])).await?;
    }
    for _ in 0..2 {
        inline.store.fold_streams(&streams, &inline.views).await?;
        for stream in &streams {
            inline.is_exact(stream, "bringing it to its end").await?;
        }
    }
    store_now(&*fixture.store, &any(&streams[1], &["thing.happened", GONE])).await?;
    inline.store.fold_streams(&streams[..2], &inline.views).await?;
    inline.is_exact(&streams[0], "bringing it to an end that it has").await?;
    ensure_eq!(inline.row(&streams[1]).await?, None, "the row of a stream whose end deletes it");
    Ok(())
}

/// Whoever appends nothing has no place in the stream that an append would wait for.
async fn a_row_that_is_brought_to_its_end_slowly_does_not_go_back(fixture: &Fixture) -> Checked {
    let (Some(inline), Some(store)) = (Inline::of(fixture).await?, fixture.inline.clone()) else { return Ok(()) };
    let a = stream("thing-a");
    store_now(&*fixture.store, &any(&a, &["thing.happened"])).await?;
    let (slow, streams) = (Slow::new(), [a.clone()]);
    let has_read = slow.has_read.clone();
    let views: [Arc<dyn InlineFold>; 1] = [Arc::new(slow)];
    let bringing = tokio::spawn(async move { store.fold_streams(&streams, &views).await });
    while !has_read.load(Relaxed) && !bringing.is_finished() {
        tick().await;
    }
    inline.store_now(any(&a, &["thing.happened"])).await?;
    bringing.await.map_err(|ended| Broken(ended.to_string()))??;
    inline.is_exact(&a, "an append beside bringing it to its end").await
}

/// With the row, without it, and those who append nothing.
async fn rows_are_what_their_streams_make_whoever_appends(fixture: &Fixture) -> Checked {
    let Some(inline) = Inline::of(fixture).await? else { return Ok(()) };
    let streams = [stream("thing-a"), stream("thing-b")];
    let handles = fixture.handles();
    let writers = (0..WRITERS).map(|writer| {
        let (inline, streams, plain) = (&inline, &streams, &handles[writer % handles.len()]);
        async move {
            for round in 0..10 {
                let first = (writer + round) % 2;
                let request = any(&streams[first], &["thing.happened"]).and(
                    streams[1 - first].clone(),
                    ExpectedVersion::Any,
                    vec![named(if round == 4 { GONE } else { "thing.happened" })],
                );
                // A store that is quick would let one after the other finish.
                tokio::task::yield_now().await;
                match writer % 4 {
                    0 => drop(append(&**plain, &request).await?),
                    3 => inline.store.fold_streams(streams, &inline.views).await?,
                    _ => {
                        // A store that stumbles is asked again.
                        let request = Arc::new(request);
                        for _ in 0..100 {
                            match inline.store.append_inline(request.clone(), &inline.views).await {
                                Err(error) if error.is_transient() => tick().await,
                                appended => {
                                    appended?;
                                    break;
                                }
                            }
                        }
                    }
                }
            }
            Checked::Ok(())
        }
    });
    futures::future::try_join_all(writers).await?;
    // What the last ones without the row have left.
    inline.store.fold_streams(&streams, &inline.views).await?;
    for stream in &streams {
        inline.is_exact(stream, "a race").await?;
    }
    let read = Read::all().limit(1);
    ensure!(page(inline.store, &read).await?.1.count == 1, "nothing was appended");
    Ok(())
}
