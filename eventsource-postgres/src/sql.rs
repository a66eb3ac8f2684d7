//! The statements, with the schema's name in them.

use std::collections::BTreeMap;
use std::sync::Arc;

use eventsource_core::StoreError;
use sqlx::postgres::PgArguments;
use sqlx::query::Query;
use sqlx::{AssertSqlSafe, Postgres, query};

/// Every statement of a store, made once. The schema is the only name that is not fixed, and it is checked and quoted.
#[derive(Debug)]
pub(crate) struct Sql {
    pub(crate) keeps_statements: bool,
    /// The schema, as an identifier.
    pub(crate) es: String,
    pub(crate) append_one: Append,
    pub(crate) append_batch: Append,
    pub(crate) append_each: Append,
    pub(crate) append_stream: Append,
    /// For requests of several writes.
    pub(crate) append_writes: Arc<str>,
    /// The same inside a transaction of the caller's, which may append many times.
    pub(crate) append_in: Arc<str>,
    /// Why the statement of one event has stored nothing: the head, the event with the key, the event in its place.
    pub(crate) refusal: Arc<str>,
    pub(crate) heads: Arc<str>,
    lock_streams: Arc<str>,
    pub(crate) stored_events: Arc<str>,
    pub(crate) keyed_event: Arc<str>,
    pub(crate) event_at: Arc<str>,
    pub(crate) load_tail: Arc<str>,
    /// The same for several streams, each behind a version of its own.
    pub(crate) load_tails: Arc<str>,
    pub(crate) load_bare: Arc<str>,
    /// The same with a look for a command key.
    pub(crate) load_bare_keyed: Arc<str>,
    /// The same from a snapshot, where one may serve.
    pub(crate) load_bare_snapshot: Arc<str>,
    pub(crate) load: Arc<str>,
    pub(crate) load_as_of: LoadAsOf,
    /// The beginning of a page; the filters follow.
    pub(crate) page: Arc<str>,
    pub(crate) cursor: Arc<str>,
    pub(crate) watermark: Arc<str>,
    /// Whether there are events behind a position, and the last one before a number is missing.
    pub(crate) dense: Arc<str>,
    pub(crate) position_at: Arc<str>,
    pub(crate) note_types: Arc<str>,
    pub(crate) held_types: Arc<str>,
    pub(crate) save_snapshots: Arc<str>,
    pub(crate) snapshot_streams: Arc<str>,
    pub(crate) load_checkpoint: Arc<str>,
    pub(crate) save_checkpoint: Arc<str>,
    /// Together with the work of somebody else's, in a transaction that was marked when it began.
    pub(crate) advance_checkpoint: Arc<str>,
    pub(crate) mark_transaction: Arc<str>,
    pub(crate) is_marked: Arc<str>,
    pub(crate) claim: Arc<str>,
    pub(crate) release: Arc<str>,
    pub(crate) inspect_store: Arc<str>,
    pub(crate) status: Arc<str>,
    pub(crate) held_back: Arc<str>,
    pub(crate) begin_epoch: Arc<str>,
    pub(crate) lock_snapshots: Arc<str>,
    pub(crate) permit: Arc<str>,
    /// Answers whether it was still there, which it is not behind the end of its transaction.
    pub(crate) revoke: Arc<str>,
    pub(crate) take_turn: Arc<str>,
    pub(crate) lock_events: Arc<str>,
    pub(crate) last_position: Arc<str>,
    pub(crate) set_position: Arc<str>,
    pub(crate) event_ids: Arc<str>,
    pub(crate) import: Arc<str>,
    pub(crate) held_views: Arc<str>,
    /// What the schema has of a name: its kind, and whether the view of that name is served.
    pub(crate) relation: Arc<str>,
    pub(crate) note_view: Arc<str>,
    pub(crate) unserve_view: Arc<str>,
    pub(crate) note_served: Arc<str>,
    pub(crate) forget_view: Arc<str>,
    pub(crate) forget_checkpoint: Arc<str>,
    pub(crate) forget_parked: Arc<str>,
    pub(crate) park: Arc<str>,
    pub(crate) unpark: Arc<str>,
    /// In the transaction of what was made of them.
    pub(crate) take_parked: Arc<str>,
    pub(crate) parked: Arc<str>,
    pub(crate) ask_parked: Arc<str>,
    pub(crate) share_views: Arc<str>,
    pub(crate) view_grants: Arc<str>,
}

/// A statement that appends, without and with a look for command keys.
#[derive(Debug)]
pub(crate) struct Append {
    plain: Arc<str>,
    keyed: Arc<str>,
}

impl Append {
    pub(crate) fn keyed(&self, keyed: bool) -> &Arc<str> {
        if keyed { &self.keyed } else { &self.plain }
    }
}

/// The statement that loads as of a moment, for each kind of moment.
#[derive(Debug)]
pub(crate) struct LoadAsOf {
    pub(crate) version: Arc<str>,
    pub(crate) position: Arc<str>,
    pub(crate) recorded_at: Arc<str>,
    pub(crate) occurred_at: Arc<str>,
}

impl Sql {
    /// A statement, prepared once for each connection that keeps statements.
    pub(crate) fn query<'q>(&self, text: &Arc<str>) -> Query<'q, Postgres, PgArguments> {
        query(AssertSqlSafe(text.clone())).persistent(self.keeps_statements)
    }

    /// The statement that locks streams, with true for those that are written. Their names are in it as hexadecimal
    /// digits, so that it needs no parameters and can follow another statement in the same round trip.
    pub(crate) fn lock_streams<'s>(&self, streams: impl Iterator<Item = (&'s str, bool)>) -> String {
        // Sorted, so that no two wait for each other, and what is written counts as that.
        let streams: BTreeMap<&str, bool> = streams.collect();
        let row = |(place, (stream, written)): (usize, (&str, bool))| {
            let digits: String = stream.bytes().map(|byte| format!("{byte:02x}")).collect();
            format!("({place}, '{digits}', {written})")
        };
        let rows: Vec<String> = streams.into_iter().enumerate().map(row).collect();
        self.lock_streams.replace("{streams}", &rows.join(", "))
    }

    pub(crate) fn new(schema: &str, keeps_statements: bool) -> Result<Self, StoreError> {
        let es = quoted(schema)?;
        let columns = include_str!("sql/columns.sql").trim();
        // A limit that is none, and not known to be none when the statement is planned: so PostgreSQL takes the events of a
        // stream as the index has them, where it would find all of a long one and sort them before it sends the first.
        let as_found = include_str!("sql/as_found.sql").trim();
        let fill = |text: &str| -> Arc<str> { text.replace("{es}", &es).replace("{as_found}", as_found).into() };
        let load = |text: &str| fill(&text.replace("{columns}", &columns.replace("{stream}", "NULL")));
        let bare = |text: &str| fill(&text.replace("{form}", include_str!("sql/form.sql").trim()));
        let read = |text: &str| fill(&text.replace("{columns}", &columns.replace("{stream}", "stream")));
        let snapshot_and_tail = |snapshot: &str, tail: &str| {
            include_str!("sql/load.sql").replace("{snapshot_as_of}", snapshot).replace("{tail_as_of}", tail)
        };
        let as_of = |snapshot, tail| load(&snapshot_and_tail(&format!("AND {snapshot}"), &format!("AND {tail}")));
        let append = |text: &str, plain: &str, keyed: &str| {
            let with = |look: &str| fill(&text.replace("{keyed}", look));
            Append { plain: with(plain), keyed: with(keyed) }
        };
        let writes = include_str!("sql/append_writes.sql");
        Ok(Self {
            keeps_statements,
            held_views: fill(
                "SELECT view_version, fingerprint, serving FROM {es}.views WHERE name = $1 \
                 ORDER BY view_version, created_at, fingerprint",
            ),
            relation: fill(
                "SELECT relkind::text, EXISTS (SELECT FROM {es}.views WHERE name = $1 AND serving) \
                 FROM pg_class WHERE relnamespace = '{es}'::regnamespace AND relname = $1",
            ),
            note_view: fill(
                "INSERT INTO {es}.views (name, view_version, fingerprint, serving) VALUES ($1, $2, $3, false)",
            ),
            unserve_view: fill("UPDATE {es}.views SET serving = false WHERE name = $1 AND serving"),
            note_served: fill(
                "UPDATE {es}.views SET serving = true WHERE name = $1 AND view_version = $2 AND fingerprint = $3",
            ),
            forget_view: fill(
                "DELETE FROM {es}.views WHERE name = $1 AND view_version = $2 AND fingerprint = $3 AND NOT serving",
            ),
            forget_checkpoint: fill("DELETE FROM {es}.checkpoints WHERE name = $1 AND view_version = $2"),
            forget_parked: fill("DELETE FROM {es}.parked WHERE name = $1 AND view_version = $2"),
            park: fill(include_str!("sql/park.sql")),
            unpark: fill(include_str!("sql/unpark.sql")),
            take_parked: fill(
                "DELETE FROM {es}.parked USING unnest($4::text[], $5::bigint[]) AS asked (key, position) \
                 WHERE name = $1 AND view_version = $2 AND partition = $3 \
                 AND parked.key = asked.key AND parked.position = asked.position",
            ),
            parked: fill(
                "SELECT key, position, event_id, error, parked_at, asked FROM {es}.parked \
                 WHERE name = $1 AND view_version = $2 AND partition = $3 \
                 AND ($4::text IS NULL OR key = $4) AND (NOT $5 OR asked IS NOT NULL) AND (key, position) > ($6, $7) \
                 ORDER BY key, position LIMIT $8",
            ),
            ask_parked: fill(
                "UPDATE {es}.parked SET asked = $6 WHERE name = $1 AND view_version = $2 AND partition = $3 \
                 AND key = $4 AND ($5::bigint IS NULL OR position = $5)",
            ),
            share_views: fill(include_str!("sql/share_views.sql")),
            view_grants: fill(include_str!("sql/view_grants.sql")),
            append_one: append(
                include_str!("sql/append_one.sql"),
                "",
                "AND NOT EXISTS (SELECT FROM {es}.events WHERE stream = $1 AND command_key = $14)",
            ),
            append_batch: append(
                include_str!("sql/append_batch.sql"),
                "",
                "AND NOT EXISTS (SELECT FROM {es}.events WHERE stream = asked.stream AND command_key = asked.key)",
            ),
            append_each: append(
                include_str!("sql/append_each.sql"),
                "",
                "AND NOT EXISTS (SELECT FROM {es}.events WHERE stream = asked.stream AND command_key = asked.key)",
            ),
            append_stream: append(
                include_str!("sql/append_stream.sql"),
                "",
                "AND NOT EXISTS (SELECT FROM unnest($4::text[]) AS asked (key) \
                 JOIN {es}.events AS done ON done.stream = $1 AND done.command_key = asked.key)",
            ),
            append_writes: fill(&writes.replace("{take_turn}", "take_turn")),
            append_in: fill(&writes.replace("{take_turn}", "take_turn_once")),
            // Here too the length is hidden from the planner, as in append_each.sql.
            refusal: fill(
                "SELECT (SELECT version FROM {es}.events WHERE stream = $1 ORDER BY version DESC LIMIT 1), \
                 (SELECT min(done.version) FROM unnest((SELECT $2::text[])) AS asked (key) \
                 JOIN {es}.events AS done ON done.stream = $1 AND done.command_key = asked.key), \
                 (SELECT event_id FROM {es}.events WHERE stream = $1 AND version = $3 + 1)",
            ),
            heads: fill(
                "SELECT asked.stream, coalesce((SELECT version FROM {es}.events WHERE stream = asked.stream \
                 ORDER BY version DESC LIMIT 1), 0) FROM unnest((SELECT $1::text[])) AS asked (stream)",
            ),
            lock_streams: fill(include_str!("sql/lock_streams.sql")),
            stored_events: fill(
                "SELECT event_id, position, recorded_at FROM {es}.events \
                 WHERE stream = $1 AND version >= $2 AND version < $2 + $3 ORDER BY version",
            ),
            keyed_event: fill("SELECT version, meta, event_id FROM {es}.events WHERE stream = $1 AND command_key = $2"),
            event_at: fill("SELECT version, meta, event_id FROM {es}.events WHERE stream = $1 AND version = $2"),
            load_bare: bare(include_str!("sql/load_bare.sql")),
            load_bare_keyed: bare(
                &include_str!("sql/load_bare_keyed.sql").replace("{tail}", include_str!("sql/load_bare.sql")),
            ),
            load_bare_snapshot: bare(include_str!("sql/load_bare_snapshot.sql")),
            load_tail: load(include_str!("sql/load_tail.sql")),
            load_tails: read(include_str!("sql/load_tails.sql")),
            load: load(&snapshot_and_tail("", "")),
            load_as_of: LoadAsOf {
                version: as_of("version <= $7", "version <= $7"),
                position: as_of("position <= $7", "position <= $7"),
                recorded_at: as_of(
                    "(SELECT recorded_at FROM {es}.events \
                      WHERE stream = $1 AND events.version = snapshots.version) <= $7",
                    "recorded_at <= $7",
                ),
                occurred_at: as_of("max_occurred_at <= $7", "occurred_at <= $7"),
            },
            page: read("SELECT {columns} FROM {es}.events"),
            cursor: fill(
                "SELECT position, event_id FROM {es}.events WHERE position <= $1 ORDER BY position DESC LIMIT 1",
            ),
            watermark: fill("SELECT {es}.watermark()"),
            dense: fill(
                "SELECT count(*) > 0, max(position) FILTER (WHERE position = $1 + place) \
                 FROM (SELECT position, row_number() OVER (ORDER BY position) AS place FROM {es}.events \
                 WHERE position > $1 ORDER BY position LIMIT 1000) AS behind",
            ),
            position_at: fill(
                "SELECT position - 1 FROM {es}.events WHERE recorded_at > $1 AND position <= $2 \
                 ORDER BY position LIMIT 1",
            ),
            note_types: fill(
                "INSERT INTO {es}.types (name, schema_version) SELECT * FROM unnest($1::text[], $2::int[]) \
                 ON CONFLICT DO NOTHING",
            ),
            // Names are ASCII, and this order is that of their bytes whatever the database's.
            held_types: fill("SELECT name, schema_version FROM {es}.types ORDER BY name COLLATE \"C\", schema_version"),
            save_snapshots: fill(include_str!("sql/save_snapshots.sql")),
            snapshot_streams: fill(
                "SELECT stream FROM {es}.snapshots WHERE starts_with(stream, $1 || '-') AND kind = $2 \
                 ORDER BY random() LIMIT $3",
            ),
            load_checkpoint: fill(
                "SELECT position, event_id, store_id, owner_epoch FROM {es}.checkpoints \
                 WHERE name = $1 AND view_version = $2 AND partition = $3",
            ),
            save_checkpoint: fill(include_str!("sql/save_checkpoint.sql")),
            advance_checkpoint: fill(include_str!("sql/advance_checkpoint.sql")),
            mark_transaction: fill("SELECT set_config('eventsource.transaction', '1', true)"),
            is_marked: fill("SELECT coalesce(current_setting('eventsource.transaction', true), '') = '1'"),
            claim: fill(include_str!("sql/claim.sql")),
            release: fill(
                "UPDATE {es}.checkpoints SET owner = NULL, owned_until = NULL \
                 WHERE name = $1 AND view_version = $2 AND partition = $3 AND owner = $4",
            ),
            inspect_store: fill(include_str!("sql/inspect_store.sql")),
            status: fill(include_str!("sql/status.sql")),
            held_back: fill(include_str!("sql/held_back.sql")),
            begin_epoch: fill("UPDATE {es}.store SET epoch = epoch + 1"),
            take_turn: fill("SELECT {es}.take_turn()"),
            lock_events: fill("LOCK TABLE {es}.events IN SHARE ROW EXCLUSIVE MODE"),
            last_position: fill(
                "SELECT greatest((SELECT max(position) FROM {es}.events), \
                 CASE WHEN NOT $1 THEN pg_sequence_last_value('{es}.events_position_seq') END, 0)",
            ),
            set_position: fill(
                "SELECT setval('{es}.events_position_seq', \
                 greatest($1, pg_sequence_last_value('{es}.events_position_seq')))",
            ),
            event_ids: fill(
                "SELECT asked.place, events.event_id \
                 FROM unnest($1::int[], $2::text[], $3::bigint[]) AS asked (place, stream, version) \
                 JOIN {es}.events USING (stream, version)",
            ),
            import: fill(include_str!("sql/import.sql")),
            lock_snapshots: fill("LOCK TABLE {es}.snapshots IN SHARE ROW EXCLUSIVE MODE"),
            permit: fill("SELECT set_config('eventsource.maintenance_' || '{es}.events'::regclass::oid, '1', true)"),
            revoke: fill(include_str!("sql/revoke_permit.sql")),
            es: es.clone(),
        })
    }
}

/// A schema's name as an identifier; only names that need no thought are allowed.
pub(crate) fn quoted(schema: &str) -> Result<String, StoreError> {
    identifier(schema).ok_or_else(|| {
        StoreError::invalid(format!(
            "schema {schema:?} is not allowed; a schema's name is lower-case letters, digits and `_`, 63 bytes at most"
        ))
    })
}

/// The only way of a name into a statement.
pub(crate) fn identifier(name: &str) -> Option<String> {
    let mut bytes = name.bytes();
    let fits = bytes.next().is_some_and(|first| first.is_ascii_lowercase() || first == b'_')
        && bytes.all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
        && name.len() <= 63;
    fits.then(|| format!("\"{name}\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_schema_that_would_need_quoting_is_refused() {
        assert_eq!(quoted("eventsource").unwrap(), "\"eventsource\"");
        for bad in ["", "Es", "1es", "e s", "e\"s", "e'; DROP", "ü", &"e".repeat(64)] {
            assert!(quoted(bad).unwrap_err().is_invalid(), "{bad}");
        }
    }

    #[test]
    fn no_placeholder_is_left_in_a_statement() {
        let sql = Sql::new("es", true).unwrap();
        let locks = sql.lock_streams([("account-it's", true), ("account-a", false)].into_iter());
        assert!(locks.contains("(0, '6163636f756e742d61', false), (1, '6163636f756e742d69742773', true)"), "{locks}");
        let all = format!("{:?}", Sql { lock_streams: locks.into(), ..sql });
        let placeholder = |text: &&str| {
            let end = text.find(|c: char| !c.is_ascii_lowercase() && c != '_').unwrap_or(text.len());
            end > 0 && text[end..].starts_with('}')
        };
        assert_eq!(all.split('{').find(placeholder), None);
    }
}
