-- What may serve as a start, the event that carries the command key, and the tail; told apart by the event id and
-- the name, which only events have. The parts come in the order of the text.
-- $1 stream, $2 version so far, $3 kind, $4 fingerprint, $5 revision, $6 command key, $7 the moment. Each kind of moment has
-- a statement of its own, in which nothing stands that is null for the others.
WITH snapshot AS MATERIALIZED (
    SELECT position, version, max_occurred_at, encoding, data
    FROM {es}.snapshots
    WHERE stream = $1 AND kind = $3 AND fingerprint = $4 AND revision = $5 AND version > $2 {snapshot_as_of}
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
 WHERE stream = $1 AND version > greatest($2, (SELECT version FROM snapshot)) {tail_as_of}
 ORDER BY version {as_found})
