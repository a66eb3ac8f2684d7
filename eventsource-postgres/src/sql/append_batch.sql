-- Several events to each of several streams, no two of them the same; a row comes back for each event that was stored.
-- $1..$4: streams, categories, expected versions, keys; $5, $6: the place of each event's stream, and its place in it;
-- $7..$15, $18: the events, and their keys, as in append_each.sql. Of a write with several keys only the first is looked for: if another was used
-- before, their index says so, and the request goes alone.
WITH turn AS MATERIALIZED (
    SELECT {es}.take_turn(), set_config('lock_timeout', coalesce($16, current_setting('lock_timeout')), true),
           coalesce($17, clock_timestamp()) AS now
), write AS MATERIALIZED (
    SELECT asked.stream, asked.category, asked.place - 1 AS place, coalesce(last.version, 0) AS head,
           greatest(turn.now, last.recorded_at) AS recorded_at
    FROM turn, unnest((SELECT $1::text[]), $2::text[], $3::bigint[], $4::text[])
                   WITH ORDINALITY AS asked (stream, category, expected, key, place)
         LEFT JOIN LATERAL (SELECT version, recorded_at FROM {es}.events
                            WHERE stream = asked.stream AND version >= asked.expected
                            ORDER BY version DESC LIMIT 1) AS last ON true
    WHERE (expected = coalesce(last.version, 0) OR expected = -2 OR (expected = -1 AND last.version > 0)) {keyed}
)
INSERT INTO {es}.events (stream, version, category, event_id, name, schema_version, encoding, data, meta,
                         correlation_id, causation_id, occurred_at, recorded_at, command_key)
SELECT stream, head + ordinal, category, id, name, coalesce(schema_version, 1), coalesce(encoding, 0::smallint), data,
       meta, correlation_id, causation_id, coalesce(occurred_at, recorded_at), recorded_at, event.key
FROM write JOIN unnest((SELECT $5::int[]), $6::bigint[], $7::uuid[], $8::text[], $9::int[], $10::smallint[],
                       $11::bytea[], $12::bytea[], $13::uuid[], $14::uuid[], $15::timestamptz[], $18::text[])
                    AS event (place, ordinal, id, name, schema_version, encoding, data, meta, correlation_id,
                              causation_id, occurred_at, key)
                USING (place)
-- In the order of streams, so that two processes cannot lock each other out.
ORDER BY stream, ordinal
RETURNING stream, version, position, recorded_at
