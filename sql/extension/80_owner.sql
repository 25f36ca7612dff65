-- Everything belongs to certmgr_owner, so that nothing of ours runs as superuser.
DO $$
DECLARE
	thing record;
BEGIN
	FOR thing IN
		SELECT CASE c.relkind WHEN 'v' THEN 'VIEW' ELSE 'TABLE' END AS kind, c.oid::pg_catalog.regclass::pg_catalog.text AS name
		  FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid OPERATOR(pg_catalog.=) c.relnamespace
		 WHERE n.nspname IN ('certmgr', 'certmgr_private') AND c.relkind IN ('r', 'v')
		UNION ALL
		SELECT CASE p.prokind WHEN 'p' THEN 'PROCEDURE' ELSE 'FUNCTION' END, p.oid::pg_catalog.regprocedure::pg_catalog.text
		  FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_namespace n ON n.oid OPERATOR(pg_catalog.=) p.pronamespace
		 WHERE n.nspname IN ('certmgr', 'certmgr_private')
		UNION ALL
		SELECT 'DOMAIN', t.oid::pg_catalog.regtype::pg_catalog.text
		  FROM pg_catalog.pg_type t JOIN pg_catalog.pg_namespace n ON n.oid OPERATOR(pg_catalog.=) t.typnamespace
		 WHERE n.nspname IN ('certmgr', 'certmgr_private') AND t.typtype OPERATOR(pg_catalog.=) 'd' LOOP
		EXECUTE pg_catalog.format('ALTER %s %s OWNER TO certmgr_owner', thing.kind, thing.name);
	END LOOP;
END
$$;
ALTER SCHEMA certmgr OWNER TO certmgr_owner;
ALTER SCHEMA certmgr_private OWNER TO certmgr_owner;
GRANT USAGE ON SCHEMA certmgr_private TO certmgr_owner;

SELECT certmgr_private.wake();
