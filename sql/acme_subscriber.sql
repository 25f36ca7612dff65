-- What subscribers of ACME CAs may want besides names: lifetime, profile, partial_issue; every error. Rolled back, so that the worker never sees it.
SET client_min_messages = warning;
\set VERBOSITY default
BEGIN;
SELECT certmgr.create_acme_ca('as plain', 'https://ca.example.test/directory', terms_of_service_agreed => true) IS NOT NULL AS made;
SELECT certmgr.create_acme_ca('as timed', 'https://ca.example.test/other', terms_of_service_agreed => true, quirks => '{"validity": true}') IS NOT NULL AS made;
SELECT certmgr.create_root_ca('as root', 'CN=AS Root') IS NOT NULL AS made;
-- as long as the CA likes is the default, also by a template
SELECT certmgr.create_subscriber('as sub', 'as plain', sans => '{a.example.test}') IS NOT NULL AS made;
SELECT certmgr.create_template('as template', lifetime => '20 days', max_lifetime => '30 days') IS NOT NULL AS made;
SELECT certmgr.create_subscriber('as by template', 'as plain', sans => '{a.example.test}', template => 'as template') IS NOT NULL AS made;
SELECT certmgr.create_subscriber('as private', 'as root', sans => '{a.example.test}') IS NOT NULL AS made;
SELECT certmgr.create_subscriber('as timed', 'as timed', sans => '{b.example.test}', lifetime => '10 days', profile => 'short', partial_issue => true, renew_before => '2 days') IS NOT NULL AS made;
SELECT name, lifetime, profile, partial_issue FROM certmgr.subscriber WHERE name LIKE 'as %' ORDER BY name;
-- it goes into the order, and to a renewal, and to no CA that takes none
SELECT certmgr.issue('as timed') AS id \gset
SELECT lifetime FROM certmgr.acme_order WHERE certificate_id = :id;
SELECT certmgr.issue_from('as timed', sans => '{c.example.test}', lifetime => '5 days') AS id \gset
SELECT lifetime FROM certmgr.acme_order WHERE certificate_id = :id;
UPDATE certmgr.certificate SET state = 'failed' WHERE id = :id;
SELECT certmgr.renew(:id) AS id \gset
SELECT lifetime FROM certmgr.acme_order WHERE certificate_id = :id;
SELECT certmgr.alter_acme_ca('as timed', quirks => '{"validity": false}');
SELECT certmgr.issue('as timed') AS id \gset
SELECT o.lifetime, c.status_message FROM certmgr.certificate c JOIN certmgr.acme_order o ON o.certificate_id = c.id WHERE c.id = :id;
-- zero and empty take away
SELECT certmgr.alter_subscriber('as timed', lifetime => '0', profile => '', partial_issue => false);
SELECT certmgr.alter_subscriber('as timed', owner => '');
SELECT name, lifetime, profile, partial_issue, renew_before FROM certmgr.subscriber WHERE name = 'as timed';
-- what is on order is cancelled with its subscriber, once
SELECT certmgr.drop_subscriber('as timed');
SELECT count(*), min(state::text), max(status_message) FROM certmgr.certificate c WHERE subscriber_id IS NOT NULL AND NOT EXISTS (SELECT FROM certmgr.subscriber s WHERE s.id = c.subscriber_id) AND sans = '{DNS:b.example.test}';
SELECT count(*) FROM certmgr.acme_order o JOIN certmgr.certificate c ON c.id = o.certificate_id WHERE c.sans = '{DNS:b.example.test}' AND o.step <> 'failed';
-- a key that was made here is kept, the request is for the names that are wanted now
SELECT certmgr.create_subscriber('as names', 'as plain', sans => '{old.example.test,both.example.test}') IS NOT NULL AS made;
SELECT certmgr.issue('as names') AS id \gset
UPDATE certmgr.certificate SET state = 'failed' WHERE id = :id;
SELECT certmgr.alter_subscriber('as names', sans => '{new.example.test,both.example.test}');
SELECT certmgr.renew(:id, key => 'reuse') AS next \gset
SELECT n.spki = o.spki AS same_key, n.sealed_key <> o.sealed_key AS sealed_anew, c.sans, a.identifiers, position('new.example.test'::bytea IN n.csr) > 0 AS wants_new, position('old.example.test'::bytea IN n.csr) > 0 AS wants_old
  FROM certmgr.certificate_body o, certmgr.certificate_body n, certmgr.certificate c, certmgr.acme_order a WHERE o.certificate_id = :id AND n.certificate_id = :next AND c.id = :next AND a.certificate_id = :next;
-- errors
\set ON_ERROR_ROLLBACK on
SELECT certmgr.create_subscriber('as x', 'as plain', sans => '{a.example.test}', lifetime => '10 days');
SELECT certmgr.alter_subscriber('as sub', lifetime => '10 days');
SELECT certmgr.issue_from('as plain', sans => '{a.example.test}', lifetime => '10 days');
SELECT certmgr.alter_acme_ca('as plain', quirks => '{"validity": true}');
SELECT certmgr.alter_subscriber('as sub', lifetime => '-1 day');
SELECT certmgr.alter_subscriber('as sub', renew_before => '-1 day');
SELECT certmgr.alter_subscriber('as by template', lifetime => '31 days');
SELECT certmgr.alter_subscriber('as sub', profile => repeat('x', 129));
SELECT certmgr.create_subscriber('as x', 'as root', sans => '{a.example.test}', profile => 'short');
SELECT certmgr.alter_subscriber('as private', partial_issue => true);
SELECT certmgr.issue_from('as plain', sans => '{a.example.test}', lifetime => '-1 day');
SELECT certmgr.create_acme_ca('as http', 'https://ca.example.test/http', terms_of_service_agreed => true) IS NOT NULL AS made;
SELECT certmgr.set_challenge_type('as http', 'http-01');
SELECT certmgr.issue_from('as http', sans => '{192.0.2.1}');
-- names that the CA is known to refuse: at once, and not only when a certificate is ordered
SELECT certmgr.create_subscriber('as x', 'as plain', sans => (SELECT array_agg(i || '.example.test') FROM generate_series(1, 101) i));
SELECT certmgr.alter_subscriber('as sub', sans => (SELECT array_agg(i || '.example.test') FROM generate_series(1, 101) i));
SELECT certmgr.issue_from('as plain', sans => (SELECT array_agg(i || '.example.test') FROM generate_series(1, 101) i));
SELECT certmgr.create_acme_ca('as pair', 'https://ca.example.test/pair', terms_of_service_agreed => true, quirks => '{"names_max": 2}') IS NOT NULL AS made;
SELECT certmgr.create_subscriber('as pair', 'as pair', sans => '{a.example.test,b.example.test,c.example.test}');
SELECT certmgr.create_subscriber('as pair', 'as pair', sans => '{*.example.test,a.example.test,b.example.test,example.test}') IS NOT NULL AS covered_ones_do_not_count;
SELECT certmgr.issue('as pair') IS NOT NULL AS nor_when_it_is_ordered;
SELECT certmgr.alter_subscriber('as pair', sans => '{a.example.test,b.example.test,c.example.test}');
SELECT certmgr.alter_acme_ca('as pair', quirks => '{"names_max": 2, "wildcards": false, "ip": false, "idn": false}');
SELECT certmgr.alter_subscriber('as pair', sans => '{*.example.test}');
SELECT certmgr.alter_subscriber('as pair', sans => '{192.0.2.1}');
SELECT certmgr.alter_subscriber('as pair', sans => '{bücher.example.test}');
-- what it was given when it could is no reason not to change something else
SELECT certmgr.alter_subscriber('as pair', state => 'disabled');
SELECT state, sans FROM certmgr.subscriber WHERE name = 'as pair';
ROLLBACK;
