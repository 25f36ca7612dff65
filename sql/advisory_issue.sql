-- More named negative tests: incidents of issuing that are about numbers, names as SQL, and rules as JSON.
SET client_min_messages = warning;
SELECT certmgr.create_root_ca('adv', 'CN=Advisory') IS NOT NULL AS made;
-- 1532842, 1534145, 1534295 (63 bits where 64 were promised): 20 octets, the sign bit zero by construction and no other bit a constant
CREATE TEMP TABLE adv_serial AS SELECT certmgr.issue_from('adv', sans => '{www.example.com}') AS id FROM generate_series(1, 400);
SELECT count(DISTINCT c.serial) AS serials, min(length(c.serial)) AS shortest, max(length(c.serial)) AS longest, bool_and(get_byte(c.serial, 0) BETWEEN 1 AND 127) AS positive
  FROM certmgr.certificate c JOIN adv_serial USING (id);
-- each of the 152 bits behind the first octet is 1 in some and 0 in others
SELECT count(*) AS bits_that_vary FROM (
	SELECT bit FROM certmgr.certificate c JOIN adv_serial USING (id), generate_series(8, 159) AS bit GROUP BY bit HAVING count(DISTINCT get_bit(c.serial, bit)) = 2) AS b;
-- 2023-06 (two certificates with one serial number): the issuer and the number are unique
DO $$
BEGIN
	UPDATE certmgr.certificate SET serial = (SELECT c.serial FROM certmgr.certificate c WHERE c.ca_id = a.id LIMIT 1) FROM certmgr.ca a WHERE a.id = ca_id AND a.name = 'adv';
EXCEPTION WHEN unique_violation THEN
	RAISE WARNING 'one serial number twice is a unique_violation';
END $$;
-- CVE-2026-39946 (OpenBao: a name became part of a statement): names are values, whatever is in them
SELECT certmgr.create_root_ca('adv"; DROP TABLE certmgr.ca; --', 'CN=Robert'')\; DROP TABLE certmgr.certificate\; --') IS NOT NULL AS made;
SELECT certmgr.issue_from('adv"; DROP TABLE certmgr.ca; --', 'CN=x''\; DELETE FROM certmgr.audit_event\; --', '{www.example.com}', usages => '{digitalSignature,clientAuth}') AS id \gset
SELECT subject FROM certmgr.certificate WHERE id = :id;
SELECT certmgr.revoke_serial('adv"; DROP TABLE certmgr.ca; --', (SELECT encode(serial, 'hex') FROM certmgr.certificate WHERE id = :id)) = :id AS revoked;
SELECT certmgr.revoke_serial('adv', '00'' OR true; --');
-- CVE-2025-59043 (OpenBao: JSON that takes much more than its size): nesting and size have bounds
SELECT certmgr.create_template('adv deep', subject => (repeat('[', 3000) || repeat(']', 3000))::jsonb);
SELECT certmgr.create_template('adv wide', sans => jsonb_build_object('dns', jsonb_build_object('exact', (SELECT jsonb_agg('host' || i || '.example.com') FROM generate_series(1, 100000) i))));
-- 2021-06 (90 days and a second): by a template, to the second
SELECT certmgr.create_template('adv days', max_lifetime => '90 days', cas => '{adv}') IS NOT NULL AS made;
SELECT certmgr.issue_from('adv', sans => '{www.example.com}', template => 'adv days', lifetime => '90 days 1 second');
SELECT certmgr.issue_from('adv', sans => '{www.example.com}', template => 'adv days', lifetime => '90 days') AS id \gset
SELECT not_after - not_before AS validity FROM certmgr.certificate WHERE id = :id;
SELECT certmgr.drop_template('adv days');
