-- One event to a stream that must stand at version ?3, with every check, in one statement that commits by itself.
-- What does not hold becomes a null, which its column refuses. (INSERT … SELECT would say it better, but it
-- goes through a temporary table.) It returns no row: the version and the recorded time are known beforehand,
-- the position is the row's id, and a row would wake its reader before the commit is done.
INSERT INTO events (stream, version, category, event_id, name, schema_version, encoding, data, meta,
                    correlation_id, causation_id, occurred_at, recorded_at, command_key)
VALUES (?1,
        CASE WHEN coalesce((SELECT version FROM events WHERE stream = ?1 ORDER BY version DESC LIMIT 1), 0) = ?3 THEN ?3 + 1 END,
        ?2, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, coalesce(?13, ?4),
        CASE WHEN (SELECT recorded_at FROM events WHERE stream = ?1 AND version = ?3) > ?4 THEN NULL ELSE ?4 END,
        ?14)
