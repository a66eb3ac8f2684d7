-- One event to each of several streams, no two of them the same; a row comes back for each that was stored. That is
-- most of what waits together, and is spared the joins of append_batch.sql.
-- $1..$13: streams, categories, expected versions, keys, and the events; null, in place of an array or in it, is what is
-- usual: no key, schema version 1, JSON, no metadata, the time at which it is recorded.
-- The length of one array is hidden from the planner, which would plan each batch of less than ten anew.
-- No look below the version that is expected: the index would go through all of the stream that lies on a page.
WITH turn AS MATERIALIZED (
    SELECT {es}.take_turn(), set_config('lock_timeout', coalesce($14, current_setting('lock_timeout')), true),
           coalesce($15, clock_timestamp()) AS now
)
INSERT INTO {es}.events (stream, version, category, event_id, name, schema_version, encoding, data, meta,
                         correlation_id, causation_id, occurred_at, recorded_at, command_key)
SELECT asked.stream, coalesce(last.version, 0) + 1, asked.category, id, name, coalesce(schema_version, 1),
       coalesce(encoding, 0::smallint), data, meta, correlation_id, causation_id,
       coalesce(occurred_at, greatest(turn.now, last.recorded_at)), greatest(turn.now, last.recorded_at), asked.key
FROM turn, unnest((SELECT $1::text[]), $2::text[], $3::bigint[], $4::text[], $5::uuid[], $6::text[], $7::int[],
                  $8::smallint[], $9::bytea[], $10::bytea[], $11::uuid[], $12::uuid[], $13::timestamptz[])
               AS asked (stream, category, expected, key, id, name, schema_version, encoding, data, meta,
                         correlation_id, causation_id, occurred_at)
     LEFT JOIN LATERAL (SELECT version, recorded_at FROM {es}.events
                        WHERE stream = asked.stream AND version >= asked.expected
                        ORDER BY version DESC LIMIT 1) AS last ON true
WHERE (expected = coalesce(last.version, 0) OR expected = -2 OR (expected = -1 AND last.version > 0)) {keyed}
-- In the order of streams, so that two processes cannot lock each other out.
ORDER BY asked.stream
RETURNING stream, version, position, recorded_at
