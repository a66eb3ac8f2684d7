-- One event to a stream that must stand at version ?3, with every check, in one statement that commits by itself.
-- No row is inserted if a check fails. It returns no row either: the version and the recorded time are
-- known beforehand, the position is the row's id, and a row would wake its reader before the commit is done.
INSERT INTO events (stream, version, category, event_id, name, schema_version, encoding, data, meta,
                    correlation_id, causation_id, occurred_at, recorded_at, command_key)
SELECT ?1, ?3 + 1, ?2, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, coalesce(?13, ?4), ?4, ?14
FROM (SELECT * FROM (SELECT version, recorded_at FROM events WHERE stream = ?1 ORDER BY version DESC LIMIT 1)
      UNION ALL SELECT 0, ?4 LIMIT 1) AS head
WHERE head.version = ?3
  AND head.recorded_at <= ?4
  AND (?14 IS NULL OR NOT EXISTS (SELECT 1 FROM events WHERE stream = ?1 AND command_key = ?14))
