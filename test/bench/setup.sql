SELECT certmgr.create_root_ca('root', 'CN=Bench Root');
SELECT certmgr.create_intermediate_ca('issuing', 'root', 'CN=Bench Issuing');
SELECT certmgr.create_subscriber('web', 'issuing', sans => '{www.example.com,example.com}');
SELECT certmgr.create_template('web', subject => '{"CN": {"required": true, "values": "**.example.com"}, "O": {"fixed": "Example"}}', max_lifetime => '1 year',
	sans => '{"dns": {"suffix": "example.com", "regex": "[a-z.]+", "max": 10}, "ip": {"cidr": "10.0.0.0/8"}}', key_algorithms => '{EC-P256,EC-P384}', policies => '["1.2.3.4"]');
SELECT certmgr.create_subscriber('web by template', 'issuing', sans => '{www.example.com,example.com}', template => 'web');
SELECT certmgr.issue('web');

-- The baseline: the same three rows, with the same indexes and constraints, put by plain SQL.
CREATE SCHEMA bench;
CREATE TABLE bench.certificate (LIKE certmgr.certificate INCLUDING ALL);
CREATE TABLE bench.certificate_body (LIKE certmgr.certificate_body INCLUDING ALL);
CREATE TABLE bench.audit_event (LIKE certmgr.audit_event INCLUDING ALL);
CREATE TABLE bench.model AS SELECT c.ca_id, c.issuer_id, c.subject, c.sans, c.usages, b.der, b.fingerprint, b.sealed_key
  FROM certmgr.certificate c JOIN certmgr.certificate_body b ON b.certificate_id = c.id WHERE c.source = 'issued' LIMIT 1;
CREATE FUNCTION bench.plain() RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
	new bigint;
	m bench.model;
BEGIN
	SELECT * INTO m FROM bench.model;
	INSERT INTO bench.certificate (ca_id, issuer_id, subscriber_id, state, source, serial, subject, sans, usages, key_algorithm, not_before, not_after, created_at, requested_by, renew_at)
	VALUES (m.ca_id, m.issuer_id, 1, 'issued', 'issued', uuid_send(gen_random_uuid()), m.subject, m.sans, m.usages, 'EC-P256', now(), now() + interval '90 days', now(), 'bench', now() + interval '60 days')
	RETURNING id INTO new;
	INSERT INTO bench.certificate_body (certificate_id, der, fingerprint, sealed_key) VALUES (new, m.der, m.fingerprint, m.sealed_key);
	INSERT INTO bench.audit_event (at, actor, action, object_type, object_id) VALUES (now(), 'bench', 'issue', 'certificate', new);
	RETURN new;
END
$$;
