-- Another store's events as they are, but for their positions.
INSERT INTO {es}.events (position, stream, version, category, event_id, name, schema_version, encoding, data, meta,
                         correlation_id, causation_id, occurred_at, recorded_at, command_key)
SELECT * FROM unnest($1::bigint[], $2::text[], $3::bigint[], $4::text[], $5::uuid[], $6::text[], $7::int[],
                     $8::smallint[], $9::bytea[], $10::bytea[], $11::uuid[], $12::uuid[], $13::timestamptz[],
                     $14::timestamptz[], $15::text[])
