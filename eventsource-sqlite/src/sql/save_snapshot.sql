-- Not if maintenance came after the snapshot's event: the state may hold what was erased. Positions are never
-- reused, so comparing them tells, for the snapshots of every process.
INSERT INTO snapshots (stream, kind, version, position, fingerprint, revision, encoding, data, max_occurred_at, created_at)
SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10
WHERE ?4 > coalesce((SELECT position FROM events WHERE stream = '$maintenance-log' ORDER BY version DESC LIMIT 1), 0)
ON CONFLICT (stream, kind) DO UPDATE SET
    version = excluded.version, position = excluded.position, fingerprint = excluded.fingerprint,
    revision = excluded.revision, encoding = excluded.encoding, data = excluded.data,
    max_occurred_at = excluded.max_occurred_at, created_at = excluded.created_at
