-- Appends with conditions take turns, stream by stream, in one order: whoever writes a stream, with all others; those that only
-- depend on it do not wait for each other. ($1: the streams, sorted; $2: which of them are written)
SELECT CASE WHEN written THEN pg_advisory_xact_lock(hashtextextended(stream, '{es}.events'::regclass::oid::bigint))
            ELSE pg_advisory_xact_lock_shared(hashtextextended(stream, '{es}.events'::regclass::oid::bigint)) END
FROM unnest($1::text[], $2::boolean[]) WITH ORDINALITY AS asked (stream, written, place) ORDER BY place
