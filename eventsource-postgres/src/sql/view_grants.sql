-- The statements that give a view back what was granted on it, once another one has its name.
SELECT string_agg(format('GRANT %s ON {es}.%I TO %s%s', privilege_type, relname,
                         CASE grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(grantee)) END,
                         CASE WHEN is_grantable THEN ' WITH GRANT OPTION' ELSE '' END), '; ')
FROM pg_class, aclexplode(relacl)
WHERE relnamespace = '{es}'::regnamespace AND relname = $1 AND relkind = 'v' AND grantee <> relowner
