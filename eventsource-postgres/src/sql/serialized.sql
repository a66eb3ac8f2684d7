-- One append at a time, each with the lock on a row until its commit: positions are given in the order of commits.
CREATE FUNCTION {es}.take_turn() RETURNS void LANGUAGE sql VOLATILE AS $$
    SELECT FROM {es}.turn FOR UPDATE
$$;

-- Commits come in the order of positions, so below a visible event nothing can appear.
CREATE FUNCTION {es}.watermark() RETURNS bigint LANGUAGE sql VOLATILE AS $$
    SELECT coalesce(max(position), 0) FROM {es}.events
$$;
