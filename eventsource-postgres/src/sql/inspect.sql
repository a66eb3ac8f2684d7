-- What must be known of the server and the schema before anything is written; $1 is the schema.
SELECT version() AS server,
       current_setting('server_version_num')::int AS server_version,
       pg_is_in_recovery() AS is_replica,
       current_setting('fsync') AS fsync,
       current_setting('synchronous_commit') AS synchronous_commit,
       current_setting('server_encoding') AS encoding,
       to_regclass('pg_dist_partition') IS NOT NULL AS has_citus,
       to_regclass(quote_ident($1) || '.store') IS NOT NULL AS is_there
