-- What `load.sql` finds, with no more of the events than states and their next snapshots need. Only events have a name;
-- a snapshot has its encoding as form, and the event that carries the command key has none.
WITH snapshot AS MATERIALIZED (
    SELECT position, version, encoding, data, max_occurred_at
    FROM {es}.snapshots
    WHERE stream = $1 AND kind = $3 AND fingerprint = $4 AND revision = $5 AND version > $2
)
SELECT position, version, encoding::bigint AS form, NULL AS name, data, max_occurred_at AS occurred_at
FROM snapshot
UNION ALL
SELECT position, version, NULL, NULL, meta, NULL
FROM {es}.events WHERE stream = $1 AND command_key = $6
UNION ALL
(SELECT position, version, {form}, name, data, occurred_at
 FROM {es}.events
 WHERE stream = $1 AND version > greatest($2, (SELECT version FROM snapshot))
 ORDER BY version {as_found})
