CASE WHEN schema_version = 1 AND encoding = 0 THEN NULL ELSE schema_version | (encoding::bigint << 32) END
