-- One event to one stream, with every check. A row always comes back: the head, the version that carries the
-- command key, and the new position, or null if it was refused.
WITH turn AS MATERIALIZED (
    SELECT {es}.take_turn(), set_config('lock_timeout', $15, true)
), head AS MATERIALIZED (
    SELECT coalesce(last.version, 0) AS version,
           greatest(coalesce($13, clock_timestamp()), last.recorded_at) AS recorded_at,
           (SELECT version FROM {es}.events WHERE stream = $1 AND command_key = $14) AS keyed
    FROM turn LEFT JOIN LATERAL
         (SELECT version, recorded_at FROM {es}.events WHERE stream = $1 ORDER BY version DESC LIMIT 1) AS last ON true
), stored AS (
    INSERT INTO {es}.events (stream, version, category, event_id, name, schema_version, encoding, data, meta,
                             correlation_id, causation_id, occurred_at, recorded_at, command_key)
    SELECT $1, version + 1, $2, $4, $5, $6, $7, $8, $9, $10, $11, coalesce($12, recorded_at), recorded_at, $14
    FROM head
    WHERE keyed IS NULL AND ($3 = version OR $3 = -2 OR ($3 = -1 AND version > 0))
    RETURNING position
)
SELECT head.version, head.keyed, stored.position, head.recorded_at FROM head LEFT JOIN stored ON true
