-- Not for an owner that was taken over.
WITH mine AS MATERIALIZED (
    SELECT 1 FROM {es}.checkpoints
    WHERE name = $1 AND view_version = $2 AND partition = $3 AND owner_epoch = $6 FOR SHARE
), removed AS (
    DELETE FROM {es}.parked USING unnest($4::text[], $5::bigint[]) AS asked (key, position)
    WHERE name = $1 AND view_version = $2 AND partition = $3
      AND parked.key = asked.key AND parked.position = asked.position AND EXISTS (SELECT FROM mine)
)
SELECT count(*) FROM mine
