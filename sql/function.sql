-- The manual, "\df+ certmgr.*" in short: every function and procedure with its arguments, its result and its comment; then views and tables.
\pset format unaligned
\pset tuples_only on
SELECT CASE p.prokind WHEN 'p' THEN 'procedure ' ELSE 'function ' END || p.proname || '(' || pg_get_function_arguments(p.oid) || ')' ||
	COALESCE(' -> ' || pg_get_function_result(p.oid), '') || E'\n    ' || obj_description(p.oid, 'pg_proc')
  FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace WHERE n.nspname = 'certmgr'
 ORDER BY p.proname COLLATE "C", pg_get_function_identity_arguments(p.oid) COLLATE "C";
SELECT CASE c.relkind WHEN 'v' THEN 'view ' ELSE 'table ' END || c.relname || E'\n    ' || obj_description(c.oid, 'pg_class')
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = 'certmgr' AND c.relkind IN ('r', 'v')
 ORDER BY c.relname COLLATE "C";
-- what has no comment would be missing above
SELECT count(*) FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace WHERE n.nspname LIKE 'certmgr%' AND obj_description(p.oid, 'pg_proc') IS NULL;
