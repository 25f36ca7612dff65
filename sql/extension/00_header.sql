-- The schema comes from certmgr.control. Somebody who may create schemas could
-- have planted one of that name with objects that capture ours (CVE-2022-2625):
-- it must be empty and belong to us.
DO $$
DECLARE
	planted record;
BEGIN
	SELECT n.nspowner::pg_catalog.regrole AS owner, n.oid INTO planted
	  FROM pg_catalog.pg_namespace n WHERE n.nspname OPERATOR(pg_catalog.=) 'certmgr';
	IF planted.owner::pg_catalog.text NOT IN (current_user::pg_catalog.text, 'certmgr_owner', pg_catalog.quote_ident(current_user)) THEN
		RAISE EXCEPTION 'schema "certmgr" belongs to role "%"', planted.owner
			USING DETAIL = 'CREATE EXTENSION was run by another role.', HINT = 'Drop the schema, or give it to the role that installs the extension.',
				ERRCODE = 'invalid_schema_name';
	END IF;
	IF EXISTS (SELECT FROM pg_catalog.pg_class c WHERE c.relnamespace OPERATOR(pg_catalog.=) planted.oid)
	   OR EXISTS (SELECT FROM pg_catalog.pg_proc p WHERE p.pronamespace OPERATOR(pg_catalog.=) planted.oid)
	   OR EXISTS (SELECT FROM pg_catalog.pg_type t WHERE t.typnamespace OPERATOR(pg_catalog.=) planted.oid) THEN
		RAISE EXCEPTION 'schema "certmgr" is not empty'
			USING HINT = 'Drop the schema and its objects first.', ERRCODE = 'duplicate_schema';
	END IF;
END
$$;
