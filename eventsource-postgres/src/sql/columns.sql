position, version, nullif(occurred_at, recorded_at) AS occurred_at, recorded_at, event_id,
    nullif(schema_version, 1) AS schema_version, nullif(encoding, 0::smallint) AS encoding, {stream} AS stream, name, data, meta,
    correlation_id, causation_id, command_key
