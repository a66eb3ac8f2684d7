-- Format 1. A file that has it is opened by every later release, so this text never changes.

CREATE TABLE store (
    one        INTEGER PRIMARY KEY CHECK (one = 1),
    id         BLOB    NOT NULL CHECK (length(id) = 16),
    epoch      INTEGER NOT NULL,
    format     INTEGER NOT NULL,
    min_writer INTEGER NOT NULL,
    ordering   TEXT    NOT NULL
) STRICT;

-- AUTOINCREMENT: a position is never given twice, not even after maintenance deleted the newest events.
CREATE TABLE events (
    position       INTEGER PRIMARY KEY AUTOINCREMENT,
    stream         TEXT    NOT NULL,
    version        INTEGER NOT NULL CHECK (version > 0),
    category       TEXT    NOT NULL,
    event_id       BLOB    NOT NULL, -- 16 bytes; not a check, because with a function in one SQLite journals each statement
    name           TEXT    NOT NULL,
    schema_version INTEGER NOT NULL CHECK (schema_version > 0),
    encoding       INTEGER NOT NULL,
    data           BLOB    NOT NULL,
    meta           BLOB,
    correlation_id BLOB,
    causation_id   BLOB,
    occurred_at    INTEGER NOT NULL, -- microseconds since 1970, UTC
    recorded_at    INTEGER NOT NULL, -- microseconds since 1970, UTC; never goes back within a stream
    command_key    TEXT
) STRICT;

CREATE UNIQUE INDEX events_stream_version ON events (stream, version);
CREATE UNIQUE INDEX events_stream_command_key ON events (stream, command_key) WHERE command_key IS NOT NULL;
CREATE INDEX events_category_position ON events (category, position);

CREATE TABLE snapshots (
    stream          TEXT    NOT NULL,
    kind            TEXT    NOT NULL,
    version         INTEGER NOT NULL,
    position        INTEGER NOT NULL,
    fingerprint     INTEGER NOT NULL,
    revision        INTEGER NOT NULL,
    encoding        INTEGER NOT NULL,
    data            BLOB    NOT NULL,
    max_occurred_at INTEGER NOT NULL,
    created_at      INTEGER NOT NULL,
    PRIMARY KEY (stream, kind)
) STRICT, WITHOUT ROWID;

CREATE TABLE checkpoints (
    name         TEXT    NOT NULL,
    view_version INTEGER NOT NULL,
    partition    INTEGER NOT NULL,
    position     INTEGER NOT NULL,
    event_id     BLOB    NOT NULL,
    store_id     BLOB    NOT NULL,
    owner_epoch  INTEGER NOT NULL,
    updated_at   INTEGER NOT NULL,
    owner        BLOB,    -- who has claimed it, and until when
    owned_until  INTEGER,
    PRIMARY KEY (name, view_version, partition)
) STRICT, WITHOUT ROWID;

-- Events that projections could not handle, in order of the bytes of their key.
CREATE TABLE parked (
    name         TEXT    NOT NULL,
    view_version INTEGER NOT NULL,
    partition    INTEGER NOT NULL,
    key          TEXT    NOT NULL,
    position     INTEGER NOT NULL,
    event_id     BLOB    NOT NULL,
    error        TEXT    NOT NULL,
    parked_at    INTEGER NOT NULL, -- microseconds since 1970, UTC
    asked        INTEGER,          -- 0: retry, 1: discard
    PRIMARY KEY (name, view_version, partition, key, position)
) STRICT, WITHOUT ROWID;

-- The tables of views. Of those of one name, one at most is seen under that name.
CREATE TABLE views (
    name         TEXT    NOT NULL,
    view_version INTEGER NOT NULL,
    fingerprint  INTEGER NOT NULL,
    serving      INTEGER NOT NULL,
    created_at   INTEGER NOT NULL,
    PRIMARY KEY (name, view_version, fingerprint)
) STRICT, WITHOUT ROWID;

CREATE UNIQUE INDEX views_serving ON views (name) WHERE serving;

-- Every pair that was ever stored, so that asking what a store holds needs no scan.
CREATE TABLE types (
    name           TEXT    NOT NULL,
    schema_version INTEGER NOT NULL,
    PRIMARY KEY (name, schema_version)
) STRICT, WITHOUT ROWID;

-- Holds a row only inside a transaction of the maintenance API.
CREATE TABLE maintenance_permit (one INTEGER PRIMARY KEY CHECK (one = 1)) STRICT;

CREATE TRIGGER events_are_not_updated BEFORE UPDATE ON events
WHEN NOT EXISTS (SELECT 1 FROM maintenance_permit)
BEGIN
    SELECT RAISE(ABORT, 'events are never updated; use SqliteStore::maintenance');
END;

CREATE TRIGGER events_are_not_deleted BEFORE DELETE ON events
WHEN NOT EXISTS (SELECT 1 FROM maintenance_permit)
BEGIN
    SELECT RAISE(ABORT, 'events are never deleted; use SqliteStore::maintenance');
END;

-- INSERT OR REPLACE fires no delete trigger, so replacing is caught before it happens. A position
-- that was given before is refused too; -1 is SQLite's word for one that it is still to choose.
-- It ends the whole transaction: were the statement alone undone, SQLite would journal each statement for it.
CREATE TRIGGER events_are_not_replaced BEFORE INSERT ON events
WHEN (NEW.position > 0 AND NEW.position <= (SELECT seq FROM sqlite_sequence WHERE name = 'events'))
  OR EXISTS (SELECT 1 FROM events WHERE stream = NEW.stream AND version = NEW.version)
  OR (NEW.command_key IS NOT NULL
      AND EXISTS (SELECT 1 FROM events WHERE stream = NEW.stream AND command_key = NEW.command_key))
BEGIN
    SELECT RAISE(ROLLBACK, 'events are never replaced');
END;

-- A snapshot of a stream that maintenance changed would tell the old story.
CREATE TRIGGER updated_events_drop_snapshots AFTER UPDATE ON events
BEGIN
    DELETE FROM snapshots WHERE stream IN (OLD.stream, NEW.stream);
END;

CREATE TRIGGER deleted_events_drop_snapshots AFTER DELETE ON events
BEGIN
    DELETE FROM snapshots WHERE stream = OLD.stream;
END;

-- The events under the textbook's names, for people with a SQL shell.
CREATE VIEW event_log AS
SELECT
    position,
    category                                                 AS aggregate_type,
    substr(stream, length(category) + 2)                     AS aggregate_id,
    version                                                  AS sequence_number,
    name                                                     AS event_type,
    schema_version                                           AS event_version,
    CASE encoding WHEN 0 THEN CAST(data AS TEXT) END         AS event_data,
    CAST(meta AS TEXT)                                       AS metadata,
    -- Rounded down, also before 1970.
    strftime('%Y-%m-%dT%H:%M:%S', (occurred_at - (occurred_at % 1000000 + 1000000) % 1000000) / 1000000, 'unixepoch')
        || printf('.%06dZ', (occurred_at % 1000000 + 1000000) % 1000000) AS occurred_at,
    -- Rounded down, also before 1970.
    strftime('%Y-%m-%dT%H:%M:%S', (recorded_at - (recorded_at % 1000000 + 1000000) % 1000000) / 1000000, 'unixepoch')
        || printf('.%06dZ', (recorded_at % 1000000 + 1000000) % 1000000) AS recorded_at
FROM events;
