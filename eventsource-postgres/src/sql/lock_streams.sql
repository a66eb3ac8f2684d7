-- Appends with conditions take turns, stream by stream, in one order: whoever writes a stream, with all others; those that only
-- depend on it do not wait for each other. ({streams}: place in the order, name in hexadecimal digits, whether it is written)
SELECT CASE WHEN written THEN pg_advisory_xact_lock(key) ELSE pg_advisory_xact_lock_shared(key) END
FROM (SELECT place, written,
             hashtextextended(convert_from(decode(name, 'hex'), 'UTF8'), '{es}.events'::regclass::oid::bigint) AS key
      FROM (VALUES {streams}) AS asked (place, name, written)) AS streams
ORDER BY place
