-- Subscribers: what may be said, what is stored, every error.
SET client_min_messages = warning;
SELECT certmgr.create_root_ca('sub root', 'CN=Subscriber Root') IS NOT NULL AS made;

-- defaults: subject from the first name, names canonical and once, usages, key, 90 days
SELECT certmgr.create_subscriber('sub web', 'sub root', sans => '{WWW.Example.com.,dns:www.example.com,192.0.2.1,email:joe@example.com}') IS NOT NULL AS made;
SELECT certmgr.create_subscriber('sub joe', 'sub root', subject => 'cn=joe, o=Example', usages => '{clientauth,digitalsignature}', lifetime => '30 days',
	key_algorithm => 'ec-p384', auto_renew => false, renew_before => '10 days') IS NOT NULL AS made;
SELECT certmgr.create_subscriber('sub rsa', 'sub root', sans => '{*.rsa.example.com}', key_algorithm => 'rsa-2048') IS NOT NULL AS made;
SELECT certmgr.create_subscriber('sub long', 'sub root',
	sans => ARRAY[repeat('a', 60) || '.example.com']) IS NOT NULL AS made;
SELECT certmgr.create_subscriber('sub mail', 'sub root', sans => '{email:joe@example.com}', usages => '{digitalSignature,emailProtection}') IS NOT NULL AS made;
SELECT name, state, owner, subject, sans, usages, lifetime, key_algorithm, auto_renew, renew_before
  FROM certmgr.subscriber WHERE name LIKE 'sub %' ORDER BY name COLLATE "C";

-- errors of create_subscriber
SELECT certmgr.create_subscriber(NULL, 'sub root');
SELECT certmgr.create_subscriber('x', NULL);
SELECT certmgr.create_subscriber('', 'sub root', sans => '{a.example.com}');
SELECT certmgr.create_subscriber(repeat('x', 201), 'sub root', sans => '{a.example.com}');
SELECT certmgr.create_subscriber('x', 'no such ca', sans => '{a.example.com}');
SELECT certmgr.create_subscriber('sub web', 'sub root', sans => '{a.example.com}');
SELECT certmgr.create_subscriber('x', 'sub root');
SELECT certmgr.create_subscriber('x', 'sub root', sans => '{NULL}');
SELECT certmgr.create_subscriber('x', 'sub root', sans => '{a_b..example.com}');
SELECT certmgr.create_subscriber('x', 'sub root', sans => (SELECT array_agg('h' || i || '.example.com') FROM generate_series(1, 1001) i));
SELECT certmgr.create_subscriber('x', 'sub root', subject => 'no equals sign');
SELECT certmgr.create_subscriber('x', 'sub root', sans => '{a.example.com}', usages => '{}');
SELECT certmgr.create_subscriber('x', 'sub root', sans => '{a.example.com}', usages => '{digitalSignature,keyCertSign}');
SELECT certmgr.create_subscriber('x', 'sub root', sans => '{a.example.com}', usages => '{cRLSign}');
SELECT certmgr.create_subscriber('x', 'sub root', sans => '{a.example.com}', usages => '{flying}');
SELECT certmgr.create_subscriber('x', 'sub root', sans => '{a.example.com}', key_algorithm => 'DSA');
SELECT certmgr.create_subscriber('x', 'sub root', sans => '{a.example.com}', lifetime => '0');
SELECT certmgr.create_subscriber('x', 'sub root', sans => '{a.example.com}', lifetime => '-1 day');
SELECT certmgr.create_subscriber('x', 'sub root', sans => '{a.example.com}', lifetime => '101 years');
SELECT certmgr.create_subscriber('x', 'sub root', sans => '{a.example.com}', renew_before => '0');
SELECT certmgr.create_subscriber('x', 'sub root', sans => '{a.example.com}', lifetime => '10 days', renew_before => '10 days');
SELECT certmgr.create_subscriber('x', 'sub root', sans => '{a.example.com}', owner => 'no_such_role');
SELECT count(*) FROM certmgr.subscriber WHERE name = 'x';

-- alter: what is NULL stays; what had been derived follows
SELECT certmgr.alter_subscriber('sub web', sans => '{new.example.com}', key_algorithm => 'RSA-3072');
SELECT certmgr.alter_subscriber('sub joe', lifetime => '60 days', auto_renew => true, owner => current_user);
SELECT certmgr.alter_subscriber('sub rsa', state => 'disabled');
SELECT name, state, owner = current_user AS mine, subject, sans, usages, lifetime, key_algorithm, auto_renew, renew_before
  FROM certmgr.subscriber WHERE name IN ('sub web', 'sub joe', 'sub rsa') ORDER BY name COLLATE "C";
SELECT certmgr.alter_subscriber('sub joe', owner => '');
SELECT owner IS NULL AS nobody FROM certmgr.subscriber WHERE name = 'sub joe';
SELECT certmgr.alter_subscriber(NULL);
SELECT certmgr.alter_subscriber('no such subscriber', state => 'active');
SELECT certmgr.alter_subscriber('sub web', state => 'asleep');
SELECT certmgr.alter_subscriber('sub joe', renew_before => '61 days');
SELECT certmgr.alter_subscriber('sub joe', subject => '');

-- the caller
CREATE ROLE sub_nobody;
GRANT certmgr_requester TO sub_nobody;
GRANT USAGE ON SCHEMA certmgr TO sub_nobody;
GRANT EXECUTE ON FUNCTION certmgr.drop_subscriber(text), certmgr.create_subscriber(text, text, text, text[], interval, text, boolean, interval, text[], text, text, text, boolean),
	certmgr.alter_subscriber(text, text, text[], interval, text, boolean, interval, text[], text, text, text, text, boolean) TO sub_nobody;
SET ROLE sub_nobody;
SELECT certmgr.create_subscriber('x', 'sub root', sans => '{a.example.com}');
SELECT certmgr.alter_subscriber('sub web', state => 'disabled');
SELECT certmgr.drop_subscriber('sub web');
RESET ROLE;
REVOKE EXECUTE ON FUNCTION certmgr.drop_subscriber(text), certmgr.create_subscriber(text, text, text, text[], interval, text, boolean, interval, text[], text, text, text, boolean),
	certmgr.alter_subscriber(text, text, text[], interval, text, boolean, interval, text[], text, text, text, text, boolean) FROM sub_nobody;
REVOKE USAGE ON SCHEMA certmgr FROM sub_nobody;
DROP ROLE sub_nobody;

-- drop: certificates stay, nobody renews them
SELECT certmgr.issue('sub web') AS id \gset
SELECT renew_at IS NOT NULL AS renewed FROM certmgr.certificate WHERE id = :id;
SELECT certmgr.drop_subscriber('sub web');
SELECT state, renew_at, subscriber_id IS NOT NULL AS remembered FROM certmgr.certificate WHERE id = :id;
SELECT certmgr.drop_subscriber('sub web');

-- audited, and undone with the transaction
BEGIN;
SELECT certmgr.drop_subscriber('sub joe');
ROLLBACK;
SELECT action, detail->>'name' AS name, detail->>'state' AS state FROM certmgr.audit_event WHERE object_type = 'subscriber' AND detail->>'ca' = 'sub root' ORDER BY id;
SELECT count(certmgr.drop_subscriber(name)) FROM certmgr.subscriber WHERE name LIKE 'sub %';
