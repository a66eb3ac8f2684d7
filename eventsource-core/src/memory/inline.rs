//! Rows that are folded together with an append.

use std::sync::Arc;

use futures::FutureExt;
use futures::future::BoxFuture;

use crate::contract::append::{AppendOutcome, AppendRequest, Appended};
use crate::contract::inline::{InlineFold, InlineRows, InlineStore};
use crate::words::error::StoreError;
use crate::words::stream::StreamId;
use crate::words::view_table::{RowChanges, ViewTable};

use super::MemoryStore;
use super::log::Log;

type Changes<'v> = Vec<(&'v ViewTable, RowChanges)>;

impl MemoryStore {
    fn append_inline_now(
        &self,
        request: &AppendRequest,
        views: &[Arc<dyn InlineFold>],
    ) -> Result<AppendOutcome, StoreError> {
        request.check(&self.shared.limits)?;
        let mut log = self.open_log_mut()?;
        let before = log.len();
        let outcome = log.append(request, self.shared.clock.now())?;
        if let AppendOutcome::Stored(appended) = &outcome {
            let rows = views.iter().map(|view| InlineRows::written(&**view, request));
            match log.fold_inline(rows, Some((request, appended))) {
                Ok(changes) => log.change(changes),
                Err(error) => {
                    log.take_back(before);
                    return Err(error);
                }
            }
        }
        drop(log);
        self.shared.changed.notify_waiters();
        Ok(outcome)
    }
}

impl Log {
    /// What becomes of the rows; nothing is written yet.
    fn fold_inline<'v>(
        &self,
        views: impl Iterator<Item = InlineRows<'v>>,
        appended: Option<(&AppendRequest, &Appended)>,
    ) -> Result<Changes<'v>, StoreError> {
        let mut changes = Vec::new();
        for mut rows in views.filter(|rows| !rows.is_empty()) {
            let table = rows.table();
            rows.begin(self.views.rows(table, &rows.keys())?)?;
            if let Some((request, appended)) = appended {
                rows.fold_appended(request, appended)?;
            }
            for (stream, after) in rows.behind() {
                self.events(stream, after, None).try_for_each(|event| rows.fold(&event.raw()))?;
            }
            changes.push((table, rows.finish()?));
        }
        Ok(changes)
    }

    fn change(&mut self, changes: Changes<'_>) {
        for (table, changes) in changes {
            self.views.change(table, &changes);
        }
    }
}

/// The folds run while the store is locked.
impl InlineStore for MemoryStore {
    fn append_inline<'a>(
        &'a self,
        request: Arc<AppendRequest>,
        views: &'a [Arc<dyn InlineFold>],
    ) -> BoxFuture<'a, Result<AppendOutcome, StoreError>> {
        async move { self.append_inline_now(&request, views) }.boxed()
    }

    fn fold_streams<'a>(
        &'a self,
        streams: &'a [StreamId],
        views: &'a [Arc<dyn InlineFold>],
    ) -> BoxFuture<'a, Result<(), StoreError>> {
        async move {
            let mut log = self.open_log_mut()?;
            let changes = log.fold_inline(views.iter().map(|view| InlineRows::of(&**view, streams)), None)?;
            log.change(changes);
            Ok(())
        }
        .boxed()
    }
}
