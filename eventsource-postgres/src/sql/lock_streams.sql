-- Appends with conditions take turns, stream by stream, in one order. ($1: the streams, sorted)
SELECT pg_advisory_xact_lock(hashtextextended(stream, '{es}.events'::regclass::oid::bigint))
FROM unnest($1::text[]) WITH ORDINALITY AS asked (stream, place) ORDER BY place
