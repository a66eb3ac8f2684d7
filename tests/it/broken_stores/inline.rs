//! What goes wrong with rows that are folded in the append.

use std::sync::Arc;

use eventsource::{
    AppendOutcome, AppendRequest, Checkpoint, Cursor, EventStore, InlineFold, InlineStore, Read, StoreError, StreamId,
    Version, ViewStore,
};
use futures::FutureExt;
use futures::future::BoxFuture;

use super::broken::Broken;
use super::defect::Defect::*;

type Views<'a> = &'a [Arc<dyn InlineFold>];

impl Broken {
    async fn append_inline_broken(
        &self,
        request: Arc<AppendRequest>,
        views: Views<'_>,
    ) -> Result<AppendOutcome, StoreError> {
        self.open()?;
        match self.defect {
            FoldsNothing => self.inner.append(request).await,
            FoldsApart => {
                let outcome = self.inner.append(request.clone()).await?;
                let streams: Vec<StreamId> = request.writes.iter().map(|write| write.stream.clone()).collect();
                self.inner.fold_streams(&streams, views).await?;
                Ok(outcome)
            }
            OverlooksGaps => {
                let outcome = self.inner.append(request.clone()).await?;
                if let AppendOutcome::Stored(appended) = &outcome {
                    for (write, place) in request.writes.iter().zip(&appended.streams) {
                        let before = Version(place.version.0 - place.positions.len() as u64);
                        self.fold_behind(&write.stream, before, views).await?;
                    }
                }
                Ok(outcome)
            }
            FoldsTheRefused => {
                let outcome = self.inner.append_inline(request.clone(), views).await?;
                if !matches!(outcome, AppendOutcome::Stored(_)) {
                    self.fold_behind(&request.writes[0].stream, Version(0), views).await?;
                }
                Ok(outcome)
            }
            _ => self.inner.append_inline(request, views).await,
        }
    }

    /// Folds the events of a stream behind a version onto its row, as if it had none of them.
    async fn fold_behind(&self, stream: &StreamId, after: Version, views: Views<'_>) -> Result<(), StoreError> {
        for view in views {
            let table = view.table();
            let mut rows = self.inner.rows(table, &[view.key_of(stream)]).await?;
            let mut row = rows.pop();
            if let Some(version) = row.as_mut().map(|row| &mut row[1]) {
                // Whatever it says.
                *version = eventsource::ColumnValue::Int(after.0 as i64);
            }
            let mut fold = view.begin(stream, row)?;
            let read = Read::stream(stream).after_version(after);
            self.inner.read(&read, &mut |event| fold.fold(event)).await?;
            let checkpoint = Checkpoint::new(Cursor::START, self.inner.identity());
            self.inner.write_rows(table, &fold.finish()?, checkpoint).await?;
        }
        Ok(())
    }
}

impl InlineStore for Broken {
    fn append_inline<'a>(
        &'a self,
        request: Arc<AppendRequest>,
        views: Views<'a>,
    ) -> BoxFuture<'a, Result<AppendOutcome, StoreError>> {
        self.append_inline_broken(request, views).boxed()
    }

    fn fold_streams<'a>(&'a self, streams: &'a [StreamId], views: Views<'a>) -> BoxFuture<'a, Result<(), StoreError>> {
        async move {
            self.open()?;
            match self.defect {
                LeavesRowsBehind => Ok(()),
                FoldsWithoutALock => {
                    for stream in streams {
                        self.fold_behind(stream, Version(0), views).await?;
                    }
                    Ok(())
                }
                _ => self.inner.fold_streams(streams, views).await,
            }
        }
        .boxed()
    }
}
