-- What templates publish: a view, for roles that see nothing else.
SET client_min_messages = warning;
CREATE ROLE regress_publish_front; CREATE ROLE regress_publish_app; CREATE ROLE regress_publish_nobody;
GRANT certmgr_responder TO regress_publish_front;
GRANT certmgr_requester TO regress_publish_app;
SELECT certmgr.create_root_ca('publish', 'CN=Publishing') IS NOT NULL AS made;
SELECT certmgr.create_template('publish mail', subject => '{"CN": true}', sans => '{"email": {"suffix": ["example.com"]}}', usages => '{digitalSignature,emailProtection}') IS NOT NULL AS made;
SELECT certmgr.create_template('publish inner', subject => '{"CN": true}', usages => '{digitalSignature,serverAuth}') IS NOT NULL AS made;
SELECT certmgr.create_subscriber('publish jane', 'publish', 'CN=Jane', '{email:jane@example.com}', template => 'publish mail') IS NOT NULL AS made;
SELECT certmgr.issue_from('publish', 'CN=Joe', '{email:joe@example.com}', template => 'publish mail') AS joe \gset
SELECT certmgr.issue('publish jane') AS jane \gset
SELECT certmgr.issue_from('publish', 'CN=Ended', '{email:ended@example.com}', template => 'publish mail') AS ended \gset
SELECT certmgr.issue_from('publish', sans => '{secret.example.com}', template => 'publish inner') AS inner \gset
SELECT certmgr.issue_from('publish', sans => '{bare.example.com}') AS bare \gset
-- nothing unless a template says so, the ready ones neither
SELECT count(*) FROM certmgr.published_certificate;
BEGIN;
SELECT certmgr.install_standard_templates() AS ready;
SELECT bool_or(publish) AS any FROM certmgr.template;
ROLLBACK;
-- from then on those of before, too
SELECT certmgr.alter_template('publish mail', publish => true);
UPDATE certmgr.certificate SET not_after = now() - interval '1 second' WHERE id = :ended;
SET ROLE regress_publish_front;
SELECT subject, sans, usages, length(serial) AS serial, not_before < now() AS begun, not_after > now() AS valid FROM certmgr.published_certificate ORDER BY id;
SELECT p.fingerprint = sha256(p.der) AS fingerprint, p.pem ~ '^-----BEGIN CERTIFICATE-----\n([A-Za-z0-9+/=]{1,64}\n)+-----END CERTIFICATE-----\n$' AS pem,
	decode(translate(split_part(p.pem, '-----', 3), E'\n', ''), 'base64') = p.der AS same FROM certmgr.published_certificate p ORDER BY id;
-- what a front end finds a certificate by
SELECT id = :joe AS found FROM certmgr.published_certificate WHERE 'email:joe@example.com' = ANY (sans);
-- a function in WHERE is not shown what the view hides
CREATE FUNCTION pg_temp.tell(text) RETURNS boolean LANGUAGE plpgsql COST 0.0001 AS $$ BEGIN IF $1 !~ 'Joe|Jane' THEN RAISE WARNING '%', $1; END IF; RETURN true; END $$;
SELECT count(*) FROM certmgr.published_certificate WHERE pg_temp.tell(subject);
SELECT count(*) FROM certmgr.certificate;
SELECT count(*) FROM certmgr.template;
SELECT certmgr.certificate_pem(:joe);
SET ROLE regress_publish_app;
SELECT count(*) FROM certmgr.published_certificate;
SET ROLE regress_publish_nobody;
SELECT count(*) FROM certmgr.published_certificate;
RESET ROLE;
DROP FUNCTION pg_temp.tell(text);
SELECT string_agg(c.relname, ', ') AS responder_may_read FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
 WHERE n.nspname IN ('certmgr', 'certmgr_private') AND has_any_column_privilege('certmgr_responder', c.oid, 'SELECT');
SELECT string_agg(r.rolname, ', ' ORDER BY r.rolname) AS may_read FROM pg_roles r WHERE r.rolname ~ '^certmgr_' AND has_table_privilege(r.oid, 'certmgr.published_certificate', 'SELECT');
-- revoked, on hold: gone; released: back
SELECT certmgr.revoke(:jane, 'certificateHold') IS NOT NULL AS held;
SELECT id = :joe AS only_joe FROM certmgr.published_certificate;
SELECT certmgr.unhold(:jane);
SELECT certmgr.revoke(:joe, 'keyCompromise') IS NOT NULL AS revoked;
SELECT id = :jane AS only_jane FROM certmgr.published_certificate;
-- the renewed one and the one it replaces, as long as both are valid
SELECT certmgr.renew(:jane) AS next \gset
SELECT array_agg(id ORDER BY id) = ARRAY[:jane, :next]::bigint[] AS both FROM certmgr.published_certificate;
-- not published any more
SELECT certmgr.alter_template('publish mail', publish => false);
SELECT count(*) FROM certmgr.published_certificate;
SELECT certmgr.alter_template('publish mail', publish => true);
SELECT certmgr.drop_subscriber('publish jane');
SELECT certmgr.drop_template('publish mail');
SELECT count(*) FROM certmgr.published_certificate;
DROP ROLE regress_publish_front, regress_publish_app, regress_publish_nobody;
