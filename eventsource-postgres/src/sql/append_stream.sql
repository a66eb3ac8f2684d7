-- Several events to one stream; a row comes back for each, and none if they were refused.
-- $1..$3: stream, category, expected version; $4: their keys; $5..$13: the events, as in append_each.sql.
WITH turn AS MATERIALIZED (
    SELECT {es}.take_turn(), set_config('lock_timeout', coalesce($14, current_setting('lock_timeout')), true),
           coalesce($15, clock_timestamp()) AS now
)
INSERT INTO {es}.events (stream, version, category, event_id, name, schema_version, encoding, data, meta,
                         correlation_id, causation_id, occurred_at, recorded_at, command_key)
SELECT $1, coalesce(last.version, 0) + ordinal, $2, id, name, coalesce(schema_version, 1),
       coalesce(encoding, 0::smallint), data, meta, correlation_id, causation_id,
       coalesce(occurred_at, greatest(turn.now, last.recorded_at)), greatest(turn.now, last.recorded_at), key
FROM turn
     LEFT JOIN LATERAL
         (SELECT version, recorded_at FROM {es}.events
          WHERE stream = $1 AND version >= $3 ORDER BY version DESC LIMIT 1) AS last ON true,
     unnest($4::text[], $5::uuid[], $6::text[], $7::int[], $8::smallint[], $9::bytea[], $10::bytea[],
            $11::uuid[], $12::uuid[], $13::timestamptz[])
         WITH ORDINALITY AS event (key, id, name, schema_version, encoding, data, meta, correlation_id, causation_id,
                                   occurred_at, ordinal)
WHERE ($3 = coalesce(last.version, 0) OR $3 = -2 OR ($3 = -1 AND last.version > 0)) {keyed}
ORDER BY ordinal
RETURNING stream, version, position, recorded_at
