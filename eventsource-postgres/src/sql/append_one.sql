-- One event to one stream, with every check; no row comes back if it was refused.
-- Each further look-up and each further table of the plan costs as much as the checks of an index: hence no head
-- where nobody asks for it, and no look for a key where there is none. And no look below the version that is expected:
-- the index would go through all of the stream that lies on a page.
INSERT INTO {es}.events (stream, version, category, event_id, name, schema_version, encoding, data, meta,
                         correlation_id, causation_id, occurred_at, recorded_at, command_key)
SELECT $1, coalesce(last.version, 0) + 1, $2, $4, $5, $6, $7, $8, $9, $10, $11,
       coalesce($12, greatest(turn.now, last.recorded_at)), greatest(turn.now, last.recorded_at), $14
FROM (SELECT {es}.take_turn(), set_config('lock_timeout', $15, true), coalesce($13, clock_timestamp()) AS now) AS turn
     LEFT JOIN LATERAL
         (SELECT version, recorded_at FROM {es}.events
          WHERE stream = $1 AND version >= $3 ORDER BY version DESC LIMIT 1) AS last ON true
WHERE ($3 = coalesce(last.version, 0) OR $3 = -2 OR ($3 = -1 AND last.version > 0)) {keyed}
RETURNING version, position, recorded_at
