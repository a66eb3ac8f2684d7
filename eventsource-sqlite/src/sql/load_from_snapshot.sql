FROM events
    WHERE stream = ?1 AND version > max(?2, coalesce((SELECT version FROM snapshot), 0))
      AND (?8 IS NULL OR version <= ?8)
      AND (?9 IS NULL OR position <= ?9)
      AND (?10 IS NULL OR recorded_at <= ?10)
      AND (?11 IS NULL OR occurred_at <= ?11)
    ORDER BY version LIMIT ?3
)
