-- The same as load.sql, as of a moment. With its many conditions it is planned anew each time, so it stands apart.
-- $1 stream, $2 version so far, $3 kind, $4 fingerprint, $5 revision, $6 command key,
-- $7 to $10: as of a version, position, recorded time, occurred time (null if not asked).
WITH snapshot AS MATERIALIZED (
    SELECT position, version, max_occurred_at, encoding, data
    FROM {es}.snapshots
    WHERE stream = $1 AND kind = $3 AND fingerprint = $4 AND revision = $5 AND version > $2
      AND ($7::bigint IS NULL OR version <= $7)
      AND ($8::bigint IS NULL OR position <= $8)
      AND ($9::timestamptz IS NULL
           OR $9 >= (SELECT recorded_at FROM {es}.events WHERE stream = $1 AND events.version = snapshots.version))
      AND ($10::timestamptz IS NULL OR max_occurred_at <= $10)
)
SELECT position, version, max_occurred_at AS occurred_at, max_occurred_at AS recorded_at, NULL::uuid AS event_id,
       NULL::int AS schema_version, encoding, NULL AS stream, NULL AS name, data, NULL::bytea AS meta,
       NULL::uuid AS correlation_id, NULL::uuid AS causation_id, NULL AS command_key
FROM snapshot
UNION ALL
SELECT position, version, occurred_at, recorded_at, event_id,
       NULL, encoding, NULL, NULL, ''::bytea, meta, NULL, NULL, NULL
FROM {es}.events WHERE stream = $1 AND command_key = $6
UNION ALL
(SELECT {columns}
 FROM {es}.events
 WHERE stream = $1 AND version > greatest($2, (SELECT version FROM snapshot))
   AND ($7::bigint IS NULL OR version <= $7)
   AND ($8::bigint IS NULL OR position <= $8)
   AND ($9::timestamptz IS NULL OR recorded_at <= $9)
   AND ($10::timestamptz IS NULL OR occurred_at <= $10)
 ORDER BY version)
