-- The event that carries the command key ($3), told by its lack of a name, and the tail.
SELECT position, version, NULL::bigint AS form, NULL AS name, meta AS data
FROM {es}.events WHERE stream = $1 AND command_key = $3
UNION ALL
({tail})
