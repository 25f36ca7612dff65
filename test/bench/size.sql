-- bench.fill(rows): that many issued certificates of the CA 'issuing', of a year, in the tables: rows as issue() puts them, with bodies of a few bytes.
-- Indexes are made anew afterwards; filled row by row it would take an hour.
CREATE FUNCTION bench.fill(rows bigint) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
	indexes text[];
	command text;
	last bigint := (SELECT COALESCE(max(id), 0) FROM certmgr.certificate);
BEGIN
	SELECT array_agg(pg_get_indexdef(i.indexrelid)) INTO indexes FROM pg_index i
	 WHERE i.indrelid IN ('certmgr.certificate'::regclass, 'certmgr.certificate_body'::regclass) AND NOT i.indisprimary;
	FOR command IN SELECT format('DROP INDEX %s', i.indexrelid::regclass) FROM pg_index i
		WHERE i.indrelid IN ('certmgr.certificate'::regclass, 'certmgr.certificate_body'::regclass) AND NOT i.indisprimary
	LOOP
		EXECUTE command;
	END LOOP;
	INSERT INTO certmgr.certificate (ca_id, issuer_id, subscriber_id, state, source, serial, subject, sans, usages, key_algorithm, not_before, not_after, created_at, requested_by, renew_at)
	SELECT m.ca_id, m.issuer_id, 1000 + i / 10, 'issued', 'issued', set_byte(decode(md5(last || ' ' || i) || substr(md5((-i)::text), 1, 8), 'hex'), 0, 1 + i::int % 127), m.subject, m.sans, m.usages, 'EC-P256',
		   t.at, t.at + interval '90 days', t.at, 'bench', t.at + interval '60 days'
	  FROM bench.model m, generate_series(1, rows) i, LATERAL (SELECT now() - (rows - i) * interval '3 seconds' AS at) t;
	INSERT INTO certmgr.certificate_body (certificate_id, der, fingerprint)
	SELECT id, '\x3000', sha256(int8send(id)) FROM certmgr.certificate WHERE id > last;
	FOREACH command IN ARRAY indexes LOOP
		EXECUTE command;
	END LOOP;
END
$$;
