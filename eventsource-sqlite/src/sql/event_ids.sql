-- The ids of the events that stand at places. ?1: a JSON array of [stream, version].
SELECT asked.key, events.event_id
FROM json_each(?1) AS asked
JOIN events ON events.stream = asked.value ->> 0 AND events.version = asked.value ->> 1
