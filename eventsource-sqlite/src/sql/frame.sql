printf('%d %d %d %d %d %d %d %d %d ', position, version, schema_version, encoding, occurred_at, recorded_at,
       octet_length(stream), octet_length(name), octet_length(data))
    || CASE WHEN coalesce(meta, correlation_id, causation_id, command_key) IS NULL THEN '0 '
       ELSE octet_length(json_array(CAST(meta AS TEXT), hex(correlation_id), hex(causation_id), command_key)) || ' ' END
    || event_id || stream || name || data
    || CASE WHEN coalesce(meta, correlation_id, causation_id, command_key) IS NULL THEN ''
       ELSE json_array(CAST(meta AS TEXT), hex(correlation_id), hex(causation_id), command_key) END
