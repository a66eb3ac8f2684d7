-- What the requests of a batch must know of their streams, and the last position that was given.
-- ?1: a JSON array of streams; ?2: a JSON array of [stream, command key].
SELECT 0 AS kind, asked.key AS place, last.version AS version, last.recorded_at AS recorded_at
FROM json_each(?1) AS asked
JOIN events AS last ON last.stream = asked.value
    AND last.version = (SELECT max(version) FROM events WHERE stream = asked.value)
UNION ALL
SELECT 1, asked.key, keyed.version, 0
FROM json_each(?2) AS asked
JOIN events AS keyed ON keyed.stream = asked.value ->> 0 AND keyed.command_key = asked.value ->> 1
UNION ALL
SELECT 2, 0, seq, 0 FROM sqlite_sequence WHERE name = 'events';
