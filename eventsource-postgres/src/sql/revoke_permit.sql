-- Ends the maintenance's permit; answers whether there was one.
SELECT coalesce(current_setting(permit.name, true), '') = '1', set_config(permit.name, '', true)
FROM (SELECT 'eventsource.maintenance_' || '{es}.events'::regclass::oid AS name) AS permit
