-- Behind the work that it is of. Answers whether the transaction is still the one that was marked, and whether the
-- checkpoint was moved: it stands where its owner left it, or it does not move.
WITH transaction AS MATERIALIZED (
    SELECT coalesce(current_setting('eventsource.transaction', true), '') = '1' AS marked
), moved AS (
    UPDATE {es}.checkpoints
    SET position = $6, event_id = $7, store_id = $8, updated_at = clock_timestamp()
    WHERE name = $1 AND view_version = $2 AND partition = $3 AND position = $4 AND event_id = $5 AND owner_epoch = $9
      AND (SELECT marked FROM transaction)
    RETURNING 1
)
SELECT marked, EXISTS (SELECT FROM moved) FROM transaction
