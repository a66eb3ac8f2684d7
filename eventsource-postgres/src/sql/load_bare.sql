SELECT position, version, CASE WHEN schema_version = 1 AND encoding = 0 THEN NULL
                               ELSE schema_version | (encoding::bigint << 32) END AS form, name, data
FROM {es}.events WHERE stream = $1 AND version > $2 ORDER BY version
