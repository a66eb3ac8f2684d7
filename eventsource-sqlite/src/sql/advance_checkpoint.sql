-- Together with rows. No row changes if a newer owner has claimed it, nor if it is ahead: a batch never goes back.
INSERT INTO checkpoints (name, view_version, partition, position, event_id, store_id, owner_epoch, updated_at)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
ON CONFLICT (name, view_version, partition) DO UPDATE SET
    position = excluded.position, event_id = excluded.event_id, store_id = excluded.store_id,
    owner_epoch = excluded.owner_epoch, updated_at = excluded.updated_at
WHERE checkpoints.owner_epoch <= excluded.owner_epoch AND checkpoints.position <= excluded.position
