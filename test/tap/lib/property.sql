-- Makes the templates and issues the requests of property.py. psql variables: dir (its files), which must be readable for the server.
SET client_min_messages = warning;
SELECT :'dir' || '/templates.tsv' AS templates, :'dir' || '/requests.tsv' AS requests, :'dir' || '/rows.json' AS rows, :'dir' || '/outcome.json' AS outcomes, :'dir' || '/root.pem' AS root \gset
SELECT certmgr.create_root_ca('property', 'CN=Property', lifetime => '60 years');
CREATE TABLE template_in (j jsonb);
CREATE TABLE request_in (j jsonb);
CREATE TABLE outcome (n int, id bigint, error text);
COPY template_in FROM :'templates';
COPY request_in FROM :'requests';
CREATE FUNCTION texts(j jsonb) RETURNS text[] LANGUAGE sql IMMUTABLE AS $$ SELECT CASE jsonb_typeof(j) WHEN 'array' THEN ARRAY(SELECT jsonb_array_elements_text(j)) END $$;
CREATE FUNCTION seconds(j jsonb) RETURNS interval LANGUAGE sql IMMUTABLE AS $$ SELECT make_interval(secs => (j #>> '{}')::int) $$;
SELECT count(certmgr.create_template(j->>'name', subject => j->'subject', sans => j->'sans', usages => texts(j->'usages'), allowed_usages => texts(j->'allowed_usages'), required_usages => texts(j->'required_usages'),
	key_algorithms => texts(j->'key_algorithms'), lifetime => seconds(j->'lifetime'), min_lifetime => seconds(j->'min_lifetime'), max_lifetime => seconds(j->'max_lifetime'), backdate => seconds(j->'backdate'),
	must_staple => (j->'must_staple')::boolean, no_rev_avail => j->>'no_rev_avail', policies => j->'policies', extensions => j->'extensions')) FROM template_in;
DO $$
DECLARE
	r jsonb;
	id bigint;
	state text;
	said text;
	words text;
BEGIN
	FOR r IN SELECT j FROM request_in LOOP
		BEGIN
			id := certmgr.issue_from('property', r->>'subject', texts(r->'sans'), csr => r->>'csr', template => r->>'template', lifetime => seconds(r->'lifetime'), usages => texts(r->'usages'), key_algorithm => r->>'key');
			INSERT INTO outcome VALUES ((r->'n')::int, id, NULL);
		EXCEPTION WHEN OTHERS THEN
			GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, said = MESSAGE_TEXT, words = PG_EXCEPTION_DETAIL;
			INSERT INTO outcome VALUES ((r->'n')::int, NULL, state || ' ' || said || ' ' || words);
		END;
		IF (r->'n')::int % 2000 = 1999 THEN COMMIT; END IF;
	END LOOP;
END $$;
\pset format unaligned
\pset tuples_only on
\o :root
SELECT certmgr.ca_pem('property');
\o :rows
SELECT jsonb_build_object('name', name, 'subject', subject, 'sans', sans, 'usages', usages, 'allowed_usages', allowed_usages, 'required_usages', required_usages, 'key_algorithms', key_algorithms,
	'lifetime', extract(epoch FROM lifetime)::bigint, 'min_lifetime', extract(epoch FROM min_lifetime)::bigint, 'max_lifetime', extract(epoch FROM max_lifetime)::bigint, 'extensions', extensions,
	'must_staple', must_staple, 'no_rev_avail', no_rev_avail, 'policies', policies) FROM certmgr.template;
\o :outcomes
SELECT json_build_object('request', j->'request', 'error', o.error, 'der', encode(b.der, 'hex')) FROM outcome o JOIN request_in ON (j->'n')::int = o.n LEFT JOIN certmgr.certificate_body b ON b.certificate_id = o.id;
\o
