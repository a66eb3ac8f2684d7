-- $7 to $10: as of a version, position, recorded time, occurred time (null if not asked).
      AND ($7::bigint IS NULL OR version <= $7)
      AND ($8::bigint IS NULL OR position <= $8)
      AND ($9::timestamptz IS NULL
           OR $9 >= (SELECT recorded_at FROM {es}.events WHERE stream = $1 AND events.version = snapshots.version))
      AND ($10::timestamptz IS NULL OR max_occurred_at <= $10)
