//! Reads and loads that go wrong.

use chrono::{DateTime, SubsecRound, TimeDelta};
use eventsource::{
    AsOf, BareEvent, Cursor, EventStore, Load, LoadEnd, LoadRow, Page, Position, RawEvent, Read, Scope, StoreError,
    Version, Visit, VisitLoad,
};
use uuid::Uuid;

use super::broken::Broken;
use super::defect::Defect::*;
use super::rows::{Kept, Row};

type Choice = Box<dyn Fn(&Row) -> bool + Send>;

impl Broken {
    pub(super) async fn read_broken(&self, read: &Read, visit: Visit<'_>) -> Result<Page, StoreError> {
        let (mut rows, mut page) = self.rows_of(read).await?;
        rows.iter_mut().for_each(|row| self.spoil_row(row));
        self.spoil_page(read, &mut rows, &mut page);
        let mut failed = None;
        for row in &rows {
            match visit(&row.raw()) {
                Err(error) if self.defect == CallsOnAfterAnError => failed = Some(error),
                Err(_) if self.defect == LosesTheCallersError => return Ok(page),
                Err(error) => return Err(error),
                Ok(()) => {}
            }
        }
        failed.map_or(Ok(page), Err)
    }

    /// Defects in which events are chosen.
    async fn rows_of(&self, read: &Read) -> Result<(Vec<Row>, Page), StoreError> {
        let mut asked = read.clone();
        let second = TimeDelta::microseconds(1);
        let chosen: Option<Choice> = match (self.defect, &read.scope) {
            (CategoryByPrefix, Scope::Category(category)) => {
                let category = category.to_string();
                Some(Box::new(move |row| row.stream.starts_with(&category)))
            }
            (StreamByPrefix, Scope::Stream(stream)) => {
                let stream = stream.to_string();
                Some(Box::new(move |row| row.stream.starts_with(&stream)))
            }
            (StreamWithoutCase, Scope::Stream(stream)) => {
                let stream = stream.to_string();
                Some(Box::new(move |row| row.stream.eq_ignore_ascii_case(&stream)))
            }
            (FilterBehindLimit, _) => {
                let names = std::mem::take(&mut asked.names);
                let (mut rows, mut page) = self.rows_as_stored(&asked).await?;
                rows.retain(|row| names.is_empty() || names.iter().any(|name| *name == row.name));
                page.count = rows.len();
                page.at_end = rows.len() < read.limit;
                return Ok((rows, page));
            }
            _ => None,
        };
        if chosen.is_some() {
            asked.scope = Scope::All;
        }
        match self.defect {
            IgnoresScope => asked.scope = Scope::All,
            IgnoresNames => asked.names.clear(),
            IgnoresVersions => asked.after_version = Version(0),
            IgnoresUntil => asked.until = None,
            RangesIncludeTheirEnd => {
                asked.recorded.until = asked.recorded.until.map(|until| until + second);
                asked.occurred.until = asked.occurred.until.map(|until| until + second);
            }
            // "There must be something": the newest event for whoever asks behind it.
            ReadsTheNewestAtLeast => {
                let newest = self.inner.position_at(DateTime::<chrono::Utc>::MAX_UTC).await?;
                asked.after = asked.after.min(Position(newest.0.saturating_sub(1)));
                asked.until = asked.until.map(|until| until.min(newest));
            }
            PagesOfAThousand => asked.limit = asked.limit.min(1_000),
            _ => {}
        }
        let (mut rows, mut page) = self.rows_as_stored(&asked).await?;
        if let Some(chosen) = chosen {
            rows.retain(|row| chosen(row));
            page.count = rows.len();
        }
        Ok((rows, page))
    }

    async fn rows_as_stored(&self, read: &Read) -> Result<(Vec<Row>, Page), StoreError> {
        let mut rows = Vec::new();
        let visit = &mut |raw: &eventsource::RawEvent<'_>| {
            rows.push(Row::from(raw));
            Ok(())
        };
        let page = self.inner.read(read, visit).await?;
        Ok((rows, page))
    }

    /// Defects in the columns.
    fn spoil_row(&self, row: &mut Row) {
        match self.defect {
            RewritesJson => {
                if let Ok(value) = serde_json::from_slice::<serde_json::Value>(&row.data) {
                    row.data = value.to_string().into_bytes();
                }
            }
            LosesCorrelation => row.correlation_id = None,
            LosesMetadata => row.meta = None,
            KeepsMilliseconds => row.occurred_at = row.occurred_at.trunc_subsecs(3),
            RecordsTheOccurredTime => row.recorded_at = row.occurred_at,
            RecordedTimeGoesBack if row.version.0.is_multiple_of(2) => row.recorded_at -= TimeDelta::seconds(1),
            OccurredAtTheEpoch if row.occurred_at == row.recorded_at => row.occurred_at = DateTime::UNIX_EPOCH,
            KeyOnEveryEvent => row.command_key = row.command_key.take().or(Some("key".to_owned())),
            CutsNames => row.name.truncate(100),
            _ => {}
        }
    }

    /// Defects in the page and its cursor.
    fn spoil_page(&self, read: &Read, rows: &mut Vec<Row>, page: &mut Page) {
        let last = rows.last().map(|row| Cursor::new(row.position, row.id));
        match self.defect {
            // A transaction that has a position and is not visible to whoever looks there first.
            HidesNewEvents => {
                let mut shared = self.shared();
                rows.retain(|row| !row.position.0.is_multiple_of(3) || !shared.looked_for.insert(row.id));
                page.count = rows.len();
            }
            CursorWithoutId if rows.is_empty() => page.next = Cursor::new(page.watermark, Uuid::nil()),
            ShortPageStaysBack => page.next = last.unwrap_or(Cursor::new(read.after, page.next.event_id)),
            StepsOverRows => {
                if let (false, Some(last)) = (page.at_end, last) {
                    page.next = Cursor::new(Position(last.position.0 + 1), last.event_id);
                }
            }
            FullPageIsTheEnd => page.at_end = true,
            NeverAtTheEnd => page.at_end = false,
            LowWatermark => page.watermark = Position(0),
            // What a transaction that is still open may yet fill.
            HighWatermark => page.watermark = Position(page.watermark.0 + 3),
            CountsTheLimit => page.count = read.limit,
            _ => {}
        }
    }

    pub(super) async fn load_broken(&self, load: &Load, visit: VisitLoad<'_>) -> Result<LoadEnd, StoreError> {
        let mut asked = load.clone().bare(false);
        match self.defect {
            LoadIgnoresAfter => asked.after = Version(0),
            IgnoresMoments => asked.as_of = None,
            OccurredIsRecorded => {
                if let Some(AsOf::OccurredAt(time)) = asked.as_of {
                    asked.as_of = Some(AsOf::RecordedAt(time));
                }
            }
            NeverServesSnapshots => asked.snapshot = None,
            _ => {}
        }
        let (mut snapshot, mut rows, mut end) = self.load_as_stored(&asked).await?;
        if let Some(wrong) = self.wrong_snapshot(load).await {
            asked.snapshot = None;
            asked.after = wrong.version;
            rows = self.load_as_stored(&asked).await?.1;
            snapshot = Some(wrong);
        }
        match self.defect {
            LoadsBackwards => rows.reverse(),
            AbsentStreamFails if rows.is_empty() => return Err(StoreError::failed("there is no such stream")),
            LoadLacksMetadata => rows.iter_mut().for_each(|row| row.meta = None),
            TailFromTheStart if snapshot.is_some() => {
                asked.snapshot = None;
                rows = self.load_as_stored(&asked).await?.1;
            }
            LoadForgetsKeys => end = LoadEnd::default(),
            LooksForKeysInTheTail => end = LoadEnd::new(end.command.filter(|command| command.first > load.after)),
            SnapshotsAreText => {
                if let Some(snapshot) = &mut snapshot {
                    snapshot.data = String::from_utf8_lossy(&snapshot.data).into_owned().into_bytes();
                }
            }
            _ => {}
        }
        if let Some(snapshot) = &snapshot {
            visit(LoadRow::Snapshot(snapshot.raw()))?;
        }
        rows.iter_mut().for_each(|row| self.spoil_row(row));
        let mut failed = None;
        for row in &rows {
            let raw = row.raw();
            let handed = match self.defect {
                BareForgetsSchemaVersions if load.bare => LoadRow::Bare(BareEvent { schema_version: 1, ..bare(&raw) }),
                BareForgetsOccurredTimes if load.bare => LoadRow::Bare(BareEvent { occurred_at: None, ..bare(&raw) }),
                BareUnasked => LoadRow::Bare(bare(&raw)),
                _ => LoadRow::Event(&raw),
            };
            match visit(handed) {
                Err(error) if self.defect == CallsOnAfterAnError => failed = Some(error),
                Err(_) if self.defect == LosesTheCallersError => return Ok(end),
                Err(error) => return Err(error),
                Ok(()) => {}
            }
        }
        failed.map_or(Ok(end), Err)
    }

    async fn load_as_stored(&self, load: &Load) -> Result<(Option<Kept>, Vec<Row>, LoadEnd), StoreError> {
        let (mut snapshot, mut rows) = (None, Vec::new());
        let visit = &mut |row: LoadRow<'_>| {
            match row {
                LoadRow::Snapshot(raw) => snapshot = Some(Kept::from(raw)),
                LoadRow::Event(raw) => rows.push(Row::from(raw)),
                LoadRow::Bare(_) => return Err(StoreError::failed("nobody has asked for bare events")),
            }
            Ok(())
        };
        let end = self.inner.load(load, visit).await?;
        Ok((snapshot, rows, end))
    }

    /// A snapshot that must not serve, if the defect is to serve it.
    async fn wrong_snapshot(&self, load: &Load) -> Option<Kept> {
        let key = load.snapshot.as_ref()?;
        let shared = self.shared();
        let newest = shared.snapshots.iter().rev().find(|snapshot| {
            let mark = &snapshot.mark;
            let (own, further) = (mark.stream == load.stream, mark.version > load.after);
            match self.defect {
                SnapshotOfAnyShape => own && further && mark.key.kind == key.kind,
                SnapshotOfAnyRevision => own && further && mark.key.fingerprint == key.fingerprint,
                SnapshotOfAnyStream => further && mark.key == *key,
                SnapshotBehindTheCaller => own && mark.key == *key,
                SnapshotOfTheFuture => own && further && mark.key == *key && load.as_of.is_some(),
                SnapshotOfWhatHadNotOccurred => {
                    own && further && mark.key == *key && matches!(load.as_of, Some(AsOf::OccurredAt(_)))
                }
                _ => false,
            }
        })?;
        Some(Kept::from(newest))
    }
}

fn bare<'r>(raw: &RawEvent<'r>) -> BareEvent<'r> {
    let RawEvent { position, version, name, schema_version, encoding, data, occurred_at, .. } = *raw;
    BareEvent { position, version, name, schema_version, encoding, data, occurred_at: Some(occurred_at) }
}
