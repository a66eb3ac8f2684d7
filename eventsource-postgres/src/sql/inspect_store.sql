-- Whose schema it is, and what this role may do in it.
SELECT store.id, store.epoch, store.format, store.min_writer, store.ordering,
       (SELECT seqcache FROM pg_sequence WHERE seqrelid = '{es}.events_position_seq'::regclass) AS sequence_cache,
       has_sequence_privilege('{es}.events_position_seq', 'USAGE') AS may_use_sequence,
       has_table_privilege('{es}.events', 'SELECT') AND has_table_privilege('{es}.events', 'INSERT')
         AND has_table_privilege('{es}.snapshots', 'SELECT') AND has_table_privilege('{es}.snapshots', 'INSERT')
         AND has_table_privilege('{es}.snapshots', 'UPDATE')
         AND has_table_privilege('{es}.checkpoints', 'SELECT') AND has_table_privilege('{es}.checkpoints', 'INSERT')
         AND has_table_privilege('{es}.checkpoints', 'UPDATE')
         AND has_table_privilege('{es}.parked', 'SELECT') AND has_table_privilege('{es}.parked', 'INSERT')
         AND has_table_privilege('{es}.parked', 'UPDATE') AND has_table_privilege('{es}.parked', 'DELETE')
         AND has_table_privilege('{es}.views', 'SELECT')
         AND has_table_privilege('{es}.types', 'SELECT') AND has_table_privilege('{es}.types', 'INSERT')
         AND (store.ordering <> 'serialized'
              OR has_table_privilege('{es}.turn', 'SELECT') AND has_table_privilege('{es}.turn', 'UPDATE')) AS may_write,
       '{es}.events'::regclass::oid AS events
FROM {es}.store
