-- CA certificates and end entities on CRLs of their own: alter_crl(ca_url), crl(covers). The worker may sign one at any time: only what holds then too is shown.
SET client_min_messages = warning;
SELECT certmgr.create_root_ca('apart root', 'CN=Apart Root') IS NOT NULL AS made;
-- errors
SELECT certmgr.alter_crl('apart root', ca_url => 'nothing');
SELECT certmgr.alter_crl('apart root', ca_url => 'http://crl.example/{shard}.crl');
SELECT certmgr.alter_crl('apart root', ca_url => 'http://crl.example/{serial}.crl');
SELECT certmgr.alter_crl('apart root', url => 'http://crl.example/a http://crl.example/b', ca_url => 'http://crl.example/c http://crl.example/b');
SELECT certmgr.alter_crl('apart root', delta_url => 'http://crl.example/d', ca_url => 'http://crl.example/d');
SELECT certmgr.crl('apart root', covers => 'ca');
SELECT certmgr.crl_pem('apart root', covers => 'user');
SELECT certmgr.crl('apart root', covers => 'nothing');
SELECT certmgr.crl('apart root', covers => NULL);
SELECT certmgr.crl('apart root', 0, covers => 'user');
SELECT certmgr.crl('apart root', covers => 'CA', issuer => 4711);
-- lists of the old and the new kind
SELECT certmgr.alter_crl('apart root', url => 'http://crl.example/user.crl', ca_url => 'http://crl.example/{issuer}.crl');
SELECT certmgr.alter_crl('apart root', ca_url => 'http://crl.example/{issuer}.crl');
SELECT shard, covers, url, open FROM certmgr.crl_scope s JOIN certmgr.ca a ON a.id = s.ca_id WHERE a.name = 'apart root' ORDER BY covers, shard;
SELECT config - 'subject' AS config FROM certmgr.ca WHERE name = 'apart root';
SELECT certmgr.create_intermediate_ca('apart lower', 'apart root', 'CN=Apart Lower') IS NOT NULL AS made;
SELECT certificate_id AS lower FROM certmgr.ca WHERE name = 'apart lower' \gset
SELECT certmgr.issue_from('apart root', 'CN=apart leaf') AS leaf \gset
SELECT id = :lower AS lower, is_ca, shard FROM certmgr.certificate WHERE id IN (:lower, :leaf) ORDER BY id;
SELECT certmgr.revoke(ARRAY[:lower, :leaf]) AS revoked;
SELECT certmgr.refresh_crl('apart root') IS NOT NULL AS signed;
SELECT covers, entries, active_key, open FROM certmgr.crl_status WHERE ca = 'apart root' ORDER BY covers;
SELECT c.id = :lower AS lower, position(c.serial IN certmgr.crl('apart root', covers => 'ca')) > 0 AS ca, position(c.serial IN certmgr.crl('apart root', covers => 'user')) > 0 AS "user",
	   position(c.serial IN certmgr.crl('apart root')) > 0 AS "all" FROM certmgr.certificate c WHERE c.id IN (:lower, :leaf) ORDER BY c.id;
SELECT certmgr.crl('apart root', delta => true, covers => 'ca');
-- shards are of end entities then; the list of them all goes on
SELECT certmgr.alter_crl('apart root', url => 'http://crl.example/{shard}.crl', shards => 2);
SELECT shard, covers, url, open FROM certmgr.crl_scope s JOIN certmgr.ca a ON a.id = s.ca_id WHERE a.name = 'apart root' ORDER BY covers, shard;
SELECT certmgr.create_intermediate_ca('apart next', 'apart root', 'CN=Apart Next') IS NOT NULL AS made;
SELECT shard, is_ca FROM certmgr.certificate WHERE id = (SELECT certificate_id FROM certmgr.ca WHERE name = 'apart next');
SELECT certmgr.issue_from('apart root', 'CN=apart sharded') AS sharded \gset
SELECT shard IS NOT NULL AS has_shard, is_ca FROM certmgr.certificate WHERE id = :sharded;
-- one for both again: shards that say otherwise are closed
SELECT certmgr.alter_crl('apart root', ca_url => '');
SELECT shard, covers, url, open FROM certmgr.crl_scope s JOIN certmgr.ca a ON a.id = s.ca_id WHERE a.name = 'apart root' ORDER BY covers, shard;
SELECT certmgr.create_intermediate_ca('apart last', 'apart root', 'CN=Apart Last') IS NOT NULL AS made;
SELECT shard > 1 AS new_shard, is_ca FROM certmgr.certificate WHERE id = (SELECT certificate_id FROM certmgr.ca WHERE name = 'apart last');
-- and apart again: the same scopes
SELECT certmgr.alter_crl('apart root', url => '', shards => 0, ca_url => 'http://crl.example/ca.crl');
SELECT shard, covers, url, open FROM certmgr.crl_scope s JOIN certmgr.ca a ON a.id = s.ca_id WHERE a.name = 'apart root' ORDER BY covers, shard;
SELECT certmgr.refresh_crl('apart root') IS NOT NULL AS signed;
SELECT detail->>'covers' AS covers, (detail->>'shard')::int AS shard, count(*) > 0 AS signed FROM certmgr.audit_event e JOIN certmgr.ca a ON a.id = e.object_id AND e.object_type = 'ca' WHERE a.name = 'apart root' AND action = 'sign-crl' GROUP BY 1, 2 ORDER BY 1, 2;
-- from the beginning
SELECT certmgr.create_root_ca('apart new', 'CN=Apart New', crl_url => 'http://crl.example/new.crl', crl_ca_url => 'http://crl.example/new-ca.crl') IS NOT NULL AS made;
SELECT certmgr.create_intermediate_ca('apart new lower', 'apart new', 'CN=Apart New Lower', crl_ca_url => 'http://crl.example/lower-ca.crl') IS NOT NULL AS made;
SELECT a.name, covers, shard, open, a.config->>'crl_ca_url' AS url FROM certmgr.crl_scope s JOIN certmgr.ca a ON a.id = s.ca_id WHERE a.name LIKE 'apart new%' ORDER BY a.name, covers, shard;
SELECT certmgr.issue_from('apart new', 'CN=apart new leaf') AS leaf \gset
SELECT position('http://crl.example/new.crl'::bytea IN b.der) > 0 AS "user", position('http://crl.example/new-ca.crl'::bytea IN b.der) > 0 AS ca FROM certmgr.certificate_body b WHERE b.certificate_id = :leaf;
SELECT position('http://crl.example/new.crl'::bytea IN b.der) > 0 AS "user", position('http://crl.example/new-ca.crl'::bytea IN b.der) > 0 AS ca FROM certmgr.certificate_body b JOIN certmgr.ca a ON a.certificate_id = b.certificate_id WHERE a.name = 'apart new lower';
SELECT certmgr.create_root_ca('apart x', 'CN=Apart X', crl_ca_url => 'nothing');
SELECT certmgr.create_root_ca('apart x', 'CN=Apart X', crl_url => 'http://crl.example/x.crl', crl_ca_url => 'http://crl.example/x.crl');
SELECT certmgr.create_intermediate_ca('apart x', 'apart new', 'CN=Apart X', crl_ca_url => 'http://crl.example/{shard}.crl');
SELECT certmgr.create_root_ca('apart gone', 'CN=Apart Gone') IS NOT NULL AS made;
SELECT certmgr.ca_pem('apart gone') AS pem \gset
SELECT certmgr.drop_ca('apart gone');
SELECT certmgr.import_ca('apart gone', :'pem', crl_ca_url => 'http://crl.example/{serial}.crl');
BEGIN;
SELECT certmgr.import_ca('apart gone', :'pem', crl_ca_url => 'http://crl.example/gone.crl') IS NOT NULL AS imported;
SELECT config->>'crl_ca_url' AS url FROM certmgr.ca WHERE name = 'apart gone';
ROLLBACK;
