-- Several requests of one or more writes, each all or nothing, at most one for a stream. A row for each write comes back:
-- the head, the version that carries the command key, and the new positions, or null if it was refused.
-- $1..$6: the writes (place, request, stream, category, expected, key); $7..$18: the events,
-- and the place of their write, as in append_each.sql.
WITH turn AS MATERIALIZED (
    SELECT {es}.{take_turn}(), set_config('lock_timeout', coalesce($19, current_setting('lock_timeout')), true)
), write AS MATERIALIZED (
    SELECT asked.*, coalesce(last.version, 0) AS head,
           greatest(coalesce($20, clock_timestamp()), last.recorded_at) AS recorded_at,
           (SELECT version FROM {es}.events WHERE stream = asked.stream AND command_key = asked.key) AS keyed
    FROM turn, unnest((SELECT $1::int[]), $2::int[], $3::text[], $4::text[], $5::bigint[], $6::text[])
                   AS asked (place, request, stream, category, expected, key)
         LEFT JOIN LATERAL (SELECT version, recorded_at FROM {es}.events
                            WHERE stream = asked.stream ORDER BY version DESC LIMIT 1) AS last ON true
), admitted AS MATERIALIZED (
    SELECT request FROM write GROUP BY request
    HAVING bool_and(keyed IS NULL AND (expected = head OR expected = -2 OR (expected = -1 AND head > 0)))
), numbered AS MATERIALIZED (
    -- Positions in the order of the requests and their writes.
    SELECT nextval('{es}.events_position_seq') AS position, placed.*
    FROM (SELECT write.stream, write.head + event.ordinal AS version, write.category, write.recorded_at, event.*
          FROM write JOIN admitted USING (request)
               JOIN unnest((SELECT $7::int[]), $8::bigint[], $9::uuid[], $10::text[], $11::int[], $12::smallint[],
                           $13::bytea[], $14::bytea[], $15::uuid[], $16::uuid[], $17::timestamptz[], $18::text[])
                    AS event (place, ordinal, id, name, schema_version, encoding, data, meta, correlation_id,
                              causation_id, occurred_at, key)
                 ON event.place = write.place
          ORDER BY event.place, event.ordinal OFFSET 0) AS placed
), stored AS (
    INSERT INTO {es}.events (position, stream, version, category, event_id, name, schema_version, encoding, data, meta,
                             correlation_id, causation_id, occurred_at, recorded_at, command_key)
    SELECT position, stream, version, category, id, name, coalesce(schema_version, 1), coalesce(encoding, 0::smallint),
           data, meta, correlation_id, causation_id, coalesce(occurred_at, recorded_at), recorded_at, key
    FROM numbered
    -- In the order of streams, so that two processes cannot lock each other out.
    ORDER BY stream, version
    RETURNING stream, version, position
)
SELECT write.place, write.head, write.keyed, write.recorded_at,
       array_agg(stored.position ORDER BY stored.version) FILTER (WHERE stored.position IS NOT NULL) AS positions
FROM write LEFT JOIN stored USING (stream)
GROUP BY write.place, write.head, write.keyed, write.recorded_at
ORDER BY write.place
