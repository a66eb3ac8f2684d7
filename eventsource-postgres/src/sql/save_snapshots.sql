-- Not if maintenance came after the snapshot's event: the state may hold what was erased. Positions are never
-- reused, so comparing them tells, for the snapshots of every process.
INSERT INTO {es}.snapshots (stream, kind, version, position, fingerprint, revision, encoding, data, max_occurred_at)
SELECT * FROM unnest($1::text[], $2::text[], $3::bigint[], $4::bigint[], $5::bigint[], $6::int[], $7::smallint[],
                     $8::bytea[], $9::timestamptz[])
         AS offered (stream, kind, version, position, fingerprint, revision, encoding, data, max_occurred_at)
WHERE position > coalesce((SELECT position FROM {es}.events WHERE stream = '$maintenance-log'
                           ORDER BY version DESC LIMIT 1), 0)
ORDER BY stream, kind
ON CONFLICT (stream, kind) DO UPDATE SET
    version = excluded.version, position = excluded.position, fingerprint = excluded.fingerprint,
    revision = excluded.revision, encoding = excluded.encoding, data = excluded.data,
    max_occurred_at = excluded.max_occurred_at, created_at = excluded.created_at
