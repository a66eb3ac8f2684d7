-- Who holds the watermark back: appends that are open, the oldest first. ($1: the events table)
-- A prepared transaction has no process; it is found by the lock on its own transaction id.
SELECT locks.pid, activity.application_name, activity.state,
       extract(epoch FROM clock_timestamp() - coalesce(activity.xact_start, prepared.prepared))::float8 AS seconds,
       prepared.gid
FROM pg_locks AS locks
     LEFT JOIN pg_stat_activity AS activity USING (pid)
     LEFT JOIN LATERAL (
         SELECT transactions.gid, transactions.prepared
         FROM pg_locks AS own JOIN pg_prepared_xacts AS transactions ON transactions.transaction = own.transactionid
         WHERE locks.pid IS NULL AND own.pid IS NULL AND own.locktype = 'transactionid'
           AND own.virtualtransaction = locks.virtualtransaction
     ) AS prepared ON true
WHERE locks.locktype = 'advisory' AND locks.objsubid = 2 AND locks.classid = $1::oid
  AND locks.database = (SELECT oid FROM pg_database WHERE datname = current_database())
ORDER BY coalesce(activity.xact_start, prepared.prepared) NULLS FIRST LIMIT 100
