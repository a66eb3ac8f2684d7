-- While somebody else holds it this only reads. No row comes back if somebody else was faster: then it is asked again.
WITH clock AS MATERIALIZED (
    SELECT coalesce($7, clock_timestamp()) AS instant
), held AS MATERIALIZED (
    SELECT owner, owned_until FROM {es}.checkpoints, clock
    WHERE name = $1 AND view_version = $2 AND partition = $3 AND owner <> $5 AND owned_until > instant
), claimed AS (
    INSERT INTO {es}.checkpoints AS kept
        (name, view_version, partition, position, event_id, store_id, owner_epoch, updated_at, owner, owned_until)
    SELECT $1, $2, $3, 0, '00000000-0000-0000-0000-000000000000'::uuid, $4, 1, instant, $5, instant + $6 * interval '1 microsecond'
    FROM clock WHERE NOT EXISTS (SELECT FROM held)
    ON CONFLICT (name, view_version, partition) DO UPDATE SET
        owner_epoch = kept.owner_epoch + (kept.owner IS DISTINCT FROM excluded.owner)::int,
        owner = excluded.owner, owned_until = excluded.owned_until
    WHERE kept.owner IS NULL OR kept.owner = excluded.owner OR kept.owned_until <= (SELECT instant FROM clock)
    RETURNING kept.position, kept.event_id, kept.store_id, kept.owner_epoch
)
SELECT position, event_id, store_id, owner_epoch, NULL::uuid, NULL::timestamptz FROM claimed
UNION ALL
SELECT NULL, NULL, NULL, NULL, owner, owned_until FROM held
