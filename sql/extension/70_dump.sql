-- Rows and sequences go into pg_dump.
DO $$
DECLARE
	rel pg_catalog.regclass;
BEGIN
	FOR rel IN SELECT c.oid FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid OPERATOR(pg_catalog.=) c.relnamespace
				WHERE n.nspname IN ('certmgr', 'certmgr_private') AND c.relkind IN ('r', 'S') AND c.relpersistence OPERATOR(pg_catalog.=) 'p' ORDER BY c.oid LOOP
		PERFORM pg_catalog.pg_extension_config_dump(rel, '');
	END LOOP;
END
$$;
