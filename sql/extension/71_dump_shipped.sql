-- Of rows that come with the extension pg_dump leaves those out: CREATE EXTENSION brings them.
SELECT pg_catalog.pg_extension_config_dump('certmgr.acme_preset', 'WHERE NOT shipped');
SELECT pg_catalog.pg_extension_config_dump('certmgr.acme_quirk', 'WHERE NOT shipped');
SELECT pg_catalog.pg_extension_config_dump('certmgr.acme_limit', 'WHERE NOT shipped');
