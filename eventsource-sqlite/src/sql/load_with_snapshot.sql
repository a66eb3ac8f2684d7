-- What may serve as a start, and the event that carries the command key.
-- ?1 stream, ?2 version so far, ?3 events at most, ?4 kind, ?5 fingerprint, ?6 revision, ?7 command key,
-- ?8 to ?11: as of a version, position, recorded time, occurred time (null if not asked).
WITH snapshot AS MATERIALIZED (
    SELECT version, position, encoding, data, max_occurred_at
    FROM snapshots
    WHERE stream = ?1 AND kind = ?4 AND fingerprint = ?5 AND revision = ?6 AND version > ?2
      AND (?8 IS NULL OR version <= ?8)
      AND (?9 IS NULL OR position <= ?9)
      AND (?10 IS NULL OR ?10 >= (SELECT recorded_at FROM events
                                  WHERE stream = ?1 AND events.version = snapshots.version))
      AND (?11 IS NULL OR max_occurred_at <= ?11)
)
SELECT 0 AS kind, data, version, position, encoding, max_occurred_at FROM snapshot
UNION ALL
SELECT 2, coalesce(meta, x''), version, 0, 0, 0 FROM events WHERE ?7 IS NOT NULL AND stream = ?1 AND command_key = ?7
UNION ALL
