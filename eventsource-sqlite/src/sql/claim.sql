-- No row comes back if somebody else holds it.
INSERT INTO checkpoints
    (name, view_version, partition, position, event_id, store_id, owner_epoch, updated_at, owner, owned_until)
VALUES (?1, ?2, ?3, 0, zeroblob(16), ?4, 1, ?6, ?5, ?7)
ON CONFLICT (name, view_version, partition) DO UPDATE SET
    owner_epoch = owner_epoch + (owner IS NOT excluded.owner), owner = excluded.owner, owned_until = excluded.owned_until
WHERE owner IS NULL OR owner = excluded.owner OR owned_until <= ?6
RETURNING position, event_id, store_id, owner_epoch
