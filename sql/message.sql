-- Messages whose ids vary: shown as N.
\pset format unaligned
\pset tuples_only on
SELECT certmgr.create_root_ca('message root', 'CN=Message Root') > 0;
SELECT certmgr.create_intermediate_ca('message waiting', NULL, 'CN=Message Waiting') > 0;
SELECT certmgr.create_subscriber('message', 'message root', sans => '{message.example.com}') > 0;
SELECT certmgr.issue('message') AS leaf \gset
SELECT certificate_id AS root FROM certmgr.ca WHERE name = 'message root' \gset
SELECT certmgr.create_dns_provider('message dns', 'manual') > 0;
SELECT certmgr.create_acme_ca('message acme', 'https://127.0.0.1:1/dir', dns_provider => 'message dns', terms_of_service_agreed => true) > 0;
SELECT certmgr.create_subscriber('message external', 'message acme', sans => '{message.example.com}') > 0;
SELECT certmgr.issue('message external') AS pending \gset
-- issue and renew
SELECT certmgr.alter_subscriber('message', state => 'disabled');
SELECT attempt('SELECT certmgr.issue(''message'')');
SELECT certmgr.alter_subscriber('message', state => 'active');
SELECT attempt(format('SELECT certmgr.renew(%s)', :pending));
SELECT attempt(format('SELECT certmgr.renew(%s, key => ''reuse'', csr => ''x'')', :leaf));
SELECT attempt(format('SELECT certmgr.renew(%s, key => ''other'')', :leaf));
SELECT attempt('SELECT certmgr.create_subscriber(''message no name'', ''message acme'')');
SELECT attempt('SELECT certmgr.create_subscriber(''message ed'', ''message acme'', sans => ''{a.example.com}'', key_algorithm => ''Ed25519'')');
SELECT attempt('SELECT certmgr.create_subscriber(''message subject'', ''message acme'', ''CN=a.example.com,O=x'', ''{a.example.com}'')');
SELECT attempt('SELECT certmgr.create_intermediate_ca(''message sub'', ''message acme'', ''CN=x'')');
-- revoke and cancel
SELECT attempt(format('SELECT certmgr.revoke(%s)', :pending));
SELECT attempt(format('SELECT certmgr.revoke(%s)', :root));
SELECT attempt(format('SELECT certmgr.cancel(%s)', :leaf));
SELECT attempt(format('SELECT certmgr.unhold(%s)', :leaf));
SELECT certmgr.cancel(:pending);
SELECT attempt(format('SELECT certmgr.revoke(%s)', :pending));
SELECT attempt(format('SELECT certmgr.certificate_pem(%s)', :pending));
SELECT certmgr.revoke(:leaf, 'superseded') IS NOT NULL;
SELECT attempt(format('SELECT certmgr.unhold(%s)', :leaf));
SELECT attempt(format('SELECT certmgr.private_key_pem(%s)', :root));
-- CAs
SELECT attempt('SELECT certmgr.ca_pem(''message acme'')');
SELECT attempt('SELECT certmgr.ca_pem(''message waiting'')');
SELECT attempt('SELECT certmgr.issue_from(''message waiting'', ''CN=x'')');
SELECT attempt('SELECT certmgr.crl(''message acme'')');
SELECT attempt('SELECT certmgr.crl(''message root'', shard => 3)');
SELECT attempt('SELECT certmgr.drop_ca(''message root'')');
SELECT attempt('SELECT certmgr.ca_csr(''message acme'')');
-- within its own transaction a certificate is not signed yet
BEGIN;
SELECT certmgr.issue('message') AS now \gset
SELECT attempt(format('SELECT certmgr.certificate_pem(%s)', :now));
SELECT attempt(format('SELECT certmgr.private_key_pem(%s)', :now));
ROLLBACK;
