-- 0 is the code of a retry, which was done. No event is parked unless its projection is this owner's, whose row stays locked until it is: whoever takes over
-- afterwards sees what was parked. One that is not noted, and not behind the checkpoint either, was removed since.
WITH mine AS MATERIALIZED (
    SELECT position FROM {es}.checkpoints
    WHERE name = $1 AND view_version = $2 AND partition = $3 AND owner_epoch = $4 FOR SHARE
), sent AS MATERIALIZED (
    SELECT * FROM unnest($5::text[], $6::bigint[], $7::uuid[], $8::text[], $9::timestamptz[])
        AS sent (key, position, event_id, error, parked_at)
), noted AS (
    INSERT INTO {es}.parked (name, view_version, partition, key, position, event_id, error, parked_at)
    SELECT $1, $2, $3, sent.key, sent.position, sent.event_id, sent.error, sent.parked_at FROM sent, mine
    WHERE sent.position > mine.position
    ON CONFLICT (name, view_version, partition, key, position) DO UPDATE SET error = excluded.error, asked = nullif(parked.asked, 0)
), changed AS (
    UPDATE {es}.parked SET error = sent.error, asked = nullif(asked, 0) FROM sent, mine
    WHERE parked.name = $1 AND parked.view_version = $2 AND parked.partition = $3
      AND parked.key = sent.key AND parked.position = sent.position AND sent.position <= mine.position
)
SELECT count(*) FROM mine
