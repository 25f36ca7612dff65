-- Who may what: PUBLIC nothing, roles a list.
SET client_min_messages = warning;
DROP ROLE IF EXISTS regress_certmgr_app, regress_certmgr_other, regress_certmgr_aud;
RESET client_min_messages;
CREATE ROLE regress_certmgr_app; CREATE ROLE regress_certmgr_other; CREATE ROLE regress_certmgr_aud;
GRANT certmgr_requester TO regress_certmgr_app, regress_certmgr_other;
GRANT certmgr_auditor TO regress_certmgr_aud;
SELECT certmgr.create_subscriber('app', 'sub', sans => '{app.example.com}', owner => 'regress_certmgr_app') > 0 AS made;
SET ROLE regress_certmgr_app;
SELECT certmgr.issue('app') AS id \gset
SELECT certmgr.certificate_pem(:id) IS NOT NULL AS pem, certmgr.private_key_pem(:id) IS NOT NULL AS key;
SELECT name FROM certmgr.subscriber;
SELECT count(*) > 0 AS own, bool_and(sans = '{DNS:app.example.com}') AS only_own FROM certmgr.certificate;
SELECT certmgr.issue('web');
SELECT certmgr.issue_from('sub', 'CN=x');
SELECT certmgr.create_root_ca('mine', 'CN=x');
SELECT sealed_key FROM certmgr.certificate_body;
SELECT * FROM certmgr_private.key;
SELECT * FROM certmgr.audit_event;
SET ROLE regress_certmgr_other;
SELECT certmgr.issue('app');
SELECT count(*) FROM certmgr.certificate;
SET ROLE regress_certmgr_aud;
SELECT count(*) > 0 AS all_rows FROM certmgr.certificate;
SELECT sealed_key FROM certmgr.certificate_body;
SELECT sealed FROM certmgr_private.key;
SELECT certmgr.issue('app');
RESET ROLE;
SELECT r.rolname AS role, n.nspname || '.' || p.proname AS may_call
  FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace, pg_roles r
 WHERE n.nspname LIKE 'certmgr%' AND r.rolname LIKE 'certmgr\_%' AND r.rolname <> 'certmgr_owner'
   AND has_function_privilege(r.oid, p.oid, 'EXECUTE') ORDER BY 1, 2;
SELECT n.nspname || '.' || p.proname AS public_may_call FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
 WHERE n.nspname LIKE 'certmgr%' AND has_function_privilege('public', p.oid, 'EXECUTE');
SELECT certmgr.drop_subscriber('app');
DROP ROLE regress_certmgr_app, regress_certmgr_other, regress_certmgr_aud;
