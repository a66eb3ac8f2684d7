INSERT INTO snapshots (stream, kind, version, position, fingerprint, revision, encoding, data, max_occurred_at, created_at)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)
ON CONFLICT (stream, kind) DO UPDATE SET
    version = excluded.version, position = excluded.position, fingerprint = excluded.fingerprint,
    revision = excluded.revision, encoding = excluded.encoding, data = excluded.data,
    max_occurred_at = excluded.max_occurred_at, created_at = excluded.created_at
