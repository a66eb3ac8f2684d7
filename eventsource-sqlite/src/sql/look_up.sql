-- What the requests of a batch must know of their streams, and the last position that was given.
-- ?1: a JSON array of streams; ?2: a JSON array of [stream, command key].
-- One value of numbers, because rows and columns cost more than what is in them.
SELECT group_concat(kind || ' ' || place || ' ' || version || ' ' || recorded_at, ' ') FROM (
    SELECT 0 AS kind, asked.key AS place, last.version AS version, last.recorded_at AS recorded_at
    FROM json_each(?1) AS asked
    JOIN events AS last ON last.position =
        (SELECT position FROM events WHERE stream = asked.value ORDER BY version DESC LIMIT 1)
    UNION ALL
    SELECT 1, asked.key, keyed.version, 0
    FROM json_each(?2) AS asked
    JOIN events AS keyed ON keyed.stream = asked.value ->> 0 AND keyed.command_key = asked.value ->> 1
    UNION ALL
    SELECT 2, 0, seq, 0 FROM sqlite_sequence WHERE name = 'events'
)
