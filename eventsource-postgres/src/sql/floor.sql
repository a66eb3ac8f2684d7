-- The in-flight floor. An append holds a shared lock that says which positions it cannot have drawn (those up to
-- the sequence's last value before it drew), and readers stay below the lowest such floor.
-- Plain SQL, so that the planner inlines it.
CREATE FUNCTION {es}.take_turn() RETURNS void LANGUAGE sql VOLATILE AS $$
    SELECT pg_advisory_xact_lock_shared(
        '{es}.events'::regclass::oid::int,
        (coalesce(pg_sequence_last_value('{es}.events_position_seq'), 0) & 2147483647)::int)
$$;

-- Up to here, every event that will ever exist is visible to a statement that begins later. It must be a
-- statement of its own: one that reads events has taken its snapshot before it looks at the locks.
-- 31 bits of the floor are in the lock; the sum brings them back, exact while no append stays open across 2^30 others.
CREATE FUNCTION {es}.watermark() RETURNS bigint LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    newest bigint := coalesce(pg_sequence_last_value('{es}.events_position_seq'), 0);
    floor  bigint;
BEGIN
    SELECT min(newest + ((objid::bigint - (newest & 2147483647) + 3221225472) & 2147483647) - 1073741824) INTO floor
    FROM pg_locks
    WHERE locktype = 'advisory' AND objsubid = 2 AND classid = '{es}.events'::regclass::oid
      AND database = (SELECT oid FROM pg_database WHERE datname = current_database());
    RETURN least(newest, floor);
END $$;
