-- One event to one stream, with every check, in one statement. No row comes back if a check fails.
-- ?3: what the stream must be at; -2 anything, -1 at least one event, else exactly this version.
INSERT INTO events (stream, version, category, event_id, name, schema_version, encoding, data, meta,
                    correlation_id, causation_id, occurred_at, recorded_at, command_key)
SELECT ?1, head.version + 1, ?2, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12,
       coalesce(?13, max(?4, head.recorded_at)), max(?4, head.recorded_at), ?14
FROM (SELECT * FROM (SELECT version, recorded_at FROM events WHERE stream = ?1 ORDER BY version DESC LIMIT 1)
      UNION ALL SELECT 0, 0 LIMIT 1) AS head
WHERE (?3 = -2 OR head.version = ?3 OR (?3 = -1 AND head.version > 0))
  AND (?14 IS NULL OR NOT EXISTS (SELECT 1 FROM events WHERE stream = ?1 AND command_key = ?14))
RETURNING position, version, recorded_at
