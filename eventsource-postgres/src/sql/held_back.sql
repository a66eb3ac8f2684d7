-- The server's time, and how long the oldest open append is open, if there is one. ($1: the events table)
-- What it may not know of others' sessions is null.
SELECT clock_timestamp(),
       (SELECT extract(epoch FROM clock_timestamp() - min(coalesce(activity.xact_start, prepared.prepared)))::float8
        FROM pg_locks AS locks
             LEFT JOIN pg_stat_activity AS activity USING (pid)
             LEFT JOIN LATERAL (
                 SELECT transactions.prepared
                 FROM pg_locks AS own
                      JOIN pg_prepared_xacts AS transactions ON transactions.transaction = own.transactionid
                 WHERE locks.pid IS NULL AND own.pid IS NULL AND own.locktype = 'transactionid'
                   AND own.virtualtransaction = locks.virtualtransaction
             ) AS prepared ON true
        WHERE locks.locktype = 'advisory' AND locks.objsubid = 2 AND locks.classid = $1::oid
          AND locks.database = (SELECT oid FROM pg_database WHERE datname = current_database()))
