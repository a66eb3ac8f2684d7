-- Whoever may move checkpoints may write the rows of views and read those that are served.
DO $do$
DECLARE
    shared record;
BEGIN
    FOR shared IN
        SELECT relation.oid::regclass AS name, role.rolname AS role,
               CASE relation.relkind WHEN 'v' THEN 'SELECT' ELSE 'SELECT, INSERT, UPDATE, DELETE' END AS rights
        FROM pg_class AS relation, pg_class AS checkpoints, aclexplode(checkpoints.relacl) AS acl, pg_roles AS role
        WHERE relation.relnamespace = '{es}'::regnamespace
          AND relation.relname IN (
              SELECT format('%s_v%s_%s', name, view_version, lpad(to_hex(fingerprint), 8, '0')) FROM {es}.views
              UNION ALL SELECT name FROM {es}.views WHERE serving)
          AND pg_has_role(relation.relowner, 'USAGE')
          AND checkpoints.oid = '{es}.checkpoints'::regclass
          AND acl.privilege_type = 'UPDATE' AND acl.grantee <> relation.relowner AND role.oid = acl.grantee
    LOOP
        EXECUTE format('GRANT %s ON %s TO %I', shared.rights, shared.name, shared.role);
    END LOOP;
END $do$;
