-- Name constraints: those of every CA above count, for leaves, for CAs below and for cross-signed ones.
BEGIN;
\set ON_ERROR_ROLLBACK on
\set VERBOSITY default
SELECT certmgr.create_root_ca('nc root', 'CN=NC Root,O=Example') > 0 AS made;
SELECT certmgr.create_template('nc tpl', subject => '{"CN": true, "O": true}', sans => '{}', ca => true, path_length => 2, lifetime => '5 years',
	name_constraints => '{"permitted": ["DNS:example.com", "dirName:O=Example"], "excluded": ["DNS:secret.example.com"]}') > 0 AS made;
SELECT certmgr.create_intermediate_ca('nc mid', 'nc root', 'CN=NC Mid,O=Example', path_length => 2, template => 'nc tpl') > 0 AS made;
SELECT certmgr.create_intermediate_ca('nc low', 'nc mid', 'CN=NC Low,O=Example', path_length => 1) > 0 AS made;
SELECT certmgr.create_intermediate_ca('nc lowest', 'nc low', 'CN=NC Lowest,O=Example') > 0 AS made;
-- leaves below
SELECT certmgr.issue_from('nc mid', sans => '{www.example.com}') > 0 AS issued;
SELECT certmgr.issue_from('nc low', sans => '{www.example.com}') > 0 AS issued;
SELECT certmgr.issue_from('nc lowest', sans => '{www.example.com}') > 0 AS issued;
SELECT certmgr.issue_from('nc mid', sans => '{www.example.org}');
SELECT certmgr.issue_from('nc low', sans => '{www.example.org}');
SELECT certmgr.issue_from('nc lowest', sans => '{a.secret.example.com}');
SELECT certmgr.issue_from('nc lowest', 'CN=x,O=Elsewhere', '{www.example.com}');
-- a root is not below anything
SELECT certmgr.issue_from('nc root', sans => '{www.example.org}') > 0 AS issued;
-- CAs below, and another CA by a CA below
SELECT certmgr.create_intermediate_ca('nc stray', 'nc low', 'CN=NC Stray,O=Elsewhere');
SELECT certmgr.create_root_ca('nc other', 'CN=NC Other,O=Elsewhere', path_length => 0) > 0 AS made;
SELECT certmgr.cross_sign('nc other', 'nc low');
-- what a cross-signed certificate gets by a template, and a path length of its own
SELECT certmgr.create_template('nc cross', subject => '{"CN": true, "O": true}', sans => '{}', ca => true, path_length => 3, lifetime => '1 year', policies => '[{"oid": "1.2.3.4"}]', name_constraints => '{"permitted": ["DNS:other.example.com"]}') > 0 AS made;
SELECT certmgr.create_root_ca('nc third', 'CN=NC Third,O=Example', path_length => 5) > 0 AS made;
SELECT certmgr.cross_sign('nc third', 'nc root', template => 'nc cross') AS crossed \gset
SELECT certmgr.describe(certmgr.certificate_pem(c.id))->'path_length' AS path_length, position('other.example.com' IN b.der) > 0 AS name_constraints, position('\x06032a0304' IN b.der) > 0 AS policies,
	not_after - not_before > '364 days' AND not_after - not_before < '367 days' AS a_year FROM certmgr.certificate c JOIN certmgr.certificate_body b ON b.certificate_id = c.id WHERE c.id = :crossed;
SELECT certmgr.describe(certmgr.certificate_pem(certmgr.cross_sign('nc third', 'nc root', path_length => 1, lifetime => '2 years'))) -> 'path_length' AS path_length;
SELECT certmgr.cross_sign('nc third', 'nc root', path_length => -1);
SELECT certmgr.cross_sign('nc third', 'nc root', template => 'no such');
SELECT certmgr.cross_sign('nc other', 'nc root', template => 'nc cross', lifetime => '9 years') > 0 AS no_maximum;
-- the lifetime of the template
SELECT certmgr.create_intermediate_ca('nc year', 'nc root', 'CN=NC Year,O=Example', lifetime => NULL, path_length => 0, template => 'nc cross') > 0 AS made;
SELECT not_after - not_before < '367 days' AS a_year FROM certmgr.certificate WHERE subject = 'CN=NC Year,O=Example';
SELECT certmgr.create_intermediate_ca('nc none', 'nc root', 'CN=NC None,O=Example', lifetime => NULL);
-- one that would outlive its issuer: as the template says, and without one a day at most is passed over
SELECT certmgr.create_root_ca('nc month', 'CN=NC Month,O=Example', lifetime => '30 days') > 0 AS made;
\set VERBOSITY terse
SELECT certmgr.create_intermediate_ca('nc long', 'nc month', 'CN=NC Long,O=Example', path_length => 0, template => 'nc cross');
SELECT certmgr.create_intermediate_ca('nc long', 'nc month', 'CN=NC Long,O=Example', lifetime => '30 days 1 hour', path_length => 0, template => 'nc cross');
SELECT certmgr.cross_sign('nc third', 'nc month', template => 'nc cross');
SELECT certmgr.create_intermediate_ca('nc long', 'nc month', 'CN=NC Long,O=Example', lifetime => '32 days');
SELECT certmgr.alter_template('nc cross', outlives_issuer => 'clamp');
SELECT certmgr.create_intermediate_ca('nc long', 'nc month', 'CN=NC Long,O=Example', path_length => 0, template => 'nc cross') > 0 AS made;
SELECT certmgr.create_intermediate_ca('nc month below', 'nc month', 'CN=NC Month Below,O=Example', lifetime => '30 days 1 hour') > 0 AS made;
SELECT certmgr.cross_sign('nc third', 'nc month', template => 'nc cross') > 0 AS made;
SELECT c.subject, c.not_after = i.not_after AS end_of_issuer FROM certmgr.certificate c JOIN certmgr.certificate i ON i.id = c.issuer_id WHERE i.subject = 'CN=NC Month,O=Example' ORDER BY c.id;
\set ON_ERROR_ROLLBACK off
ROLLBACK;
