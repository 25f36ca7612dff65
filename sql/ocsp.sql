-- OCSP: requests are made here by hand, answers looked at octet by octet; OpenSSL, GnuTLS and Java are asked in test/tap.
SET client_min_messages = warning;
CREATE SCHEMA ocsp_test;
CREATE FUNCTION ocsp_test.tlv(tag int, content bytea) RETURNS bytea LANGUAGE sql IMMUTABLE AS $$
	SELECT set_byte('\x00'::bytea, 0, tag) || CASE WHEN length(content) < 128 THEN set_byte('\x00'::bytea, 0, length(content))
		WHEN length(content) < 256 THEN '\x81'::bytea || set_byte('\x00'::bytea, 0, length(content))
		ELSE set_byte(set_byte('\x820000'::bytea, 1, length(content) / 256), 2, length(content) % 256) END || content $$;
-- CertID of a certificate, with a hash of that many octets
CREATE FUNCTION ocsp_test.id(ca text, serial bytea, size int DEFAULT 32) RETURNS bytea LANGUAGE sql AS $$
	SELECT ocsp_test.tlv(48, ocsp_test.tlv(48, CASE size WHEN 20 THEN '\x06052b0e03021a0500'::bytea WHEN 32 THEN '\x0609608648016503040201'
			WHEN 48 THEN '\x0609608648016503040202' ELSE '\x06096086480165030402030500' END)
		|| ocsp_test.tlv(4, h.name_hash) || ocsp_test.tlv(4, h.key_hash) || ocsp_test.tlv(2, serial))
	  FROM certmgr.issuer_hash h JOIN certmgr.ca a ON a.id = h.ca_id WHERE a.name = ca AND length(h.key_hash) = size $$;
CREATE FUNCTION ocsp_test.request(ids bytea, nonce bytea DEFAULT NULL) RETURNS bytea LANGUAGE sql AS $$
	SELECT ocsp_test.tlv(48, ocsp_test.tlv(48, ocsp_test.tlv(48, ids) || COALESCE(ocsp_test.tlv(162, ocsp_test.tlv(48,
		ocsp_test.tlv(48, '\x06092b0601050507300102'::bytea || ocsp_test.tlv(4, ocsp_test.tlv(4, nonce))))), ''::bytea))) $$;
CREATE FUNCTION ocsp_test.ask(ca text, serial bytea, size int DEFAULT 32, nonce bytea DEFAULT NULL) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	id bytea := ocsp_test.id(ca, serial, size);
	answer bytea := certmgr.ocsp_response(ocsp_test.request(ocsp_test.tlv(48, id), nonce));
BEGIN
	RETURN CASE WHEN length(answer) = 5 THEN 'error ' || get_byte(answer, 4)
		WHEN position(id || '\x8000'::bytea IN answer) > 0 THEN 'good'
		WHEN position(id || '\x8200'::bytea IN answer) > 0 THEN 'unknown'
		WHEN position(id || '\xa111180f'::bytea IN answer) > 0 THEN 'revoked'
		WHEN position(id || '\xa116180f'::bytea IN answer) > 0 THEN
			'revoked, reason ' || get_byte(answer, position(id || '\xa116180f'::bytea IN answer) - 1 + length(id) + 23)
		ELSE encode(answer, 'hex') END || CASE WHEN nonce IS NOT NULL AND position(nonce IN answer) > 0 THEN ', nonce' ELSE '' END;
END $$;
-- waits for the worker
CREATE FUNCTION ocsp_test.signers(ca_name text, wanted int) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
	n bigint;
BEGIN
	FOR i IN 1 .. 600 LOOP
		SELECT count(*) INTO n FROM certmgr.ocsp_signer s JOIN certmgr.ca a ON a.id = s.ca_id WHERE a.name = ca_name
		   AND NOT EXISTS (SELECT FROM certmgr_private.job j WHERE j.kind = 'ocsp' AND j.target_id = a.id AND j.due_at <= now());
		EXIT WHEN n = wanted;
		PERFORM pg_sleep(0.05);
	END LOOP;
	RETURN n;
END $$;

SELECT certmgr.create_root_ca('ocsp root', 'CN=OCSP Root') IS NOT NULL AS made;
SELECT certmgr.create_intermediate_ca('ocsp sub', 'ocsp root', 'CN=OCSP Sub') IS NOT NULL AS made;
SELECT certmgr.create_subscriber('ocsp web', 'ocsp sub', sans => '{ocsp.example.com}') IS NOT NULL AS made;
SELECT certmgr.issue('ocsp web') AS one, certmgr.issue('ocsp web') AS two, certmgr.issue('ocsp web') AS three \gset
SELECT serial AS serial_one FROM certmgr.certificate WHERE id = :one \gset
SELECT serial AS serial_two FROM certmgr.certificate WHERE id = :two \gset

-- each hash
SELECT size, ocsp_test.ask('ocsp sub', :'serial_one', size) FROM unnest(ARRAY[20, 32, 48, 64]) AS size;
-- never issued; issued by another CA; of a CA that is not ours; a hash that nobody knows
SELECT ocsp_test.ask('ocsp sub', '\x1234'), ocsp_test.ask('ocsp root', :'serial_one');
SELECT encode(certmgr.ocsp_response(ocsp_test.request(ocsp_test.tlv(48, replace(ocsp_test.id('ocsp sub', :'serial_one')::text, (SELECT substr(h.key_hash::text, 3) FROM certmgr.issuer_hash h
	JOIN certmgr.ca a ON a.id = h.ca_id WHERE a.name = 'ocsp sub' AND length(key_hash) = 32), repeat('00', 32))::bytea))), 'hex') AS not_ours;
SELECT encode(certmgr.ocsp_response(ocsp_test.request(ocsp_test.tlv(48, replace(ocsp_test.id('ocsp sub', :'serial_one')::text, '608648016503040201', '608648016503040209')::bytea))), 'hex') AS no_such_hash;
-- revoked, with and without reason; a hold and its end; a CA
SELECT certmgr.revoke(:one, 'keyCompromise') IS NOT NULL AS revoked, certmgr.revoke(:two) IS NOT NULL AS revoked;
SELECT ocsp_test.ask('ocsp sub', :'serial_one'), ocsp_test.ask('ocsp sub', :'serial_two', 20);
SELECT serial AS serial_three FROM certmgr.certificate WHERE id = :three \gset
SELECT ocsp_test.ask('ocsp sub', :'serial_three'), ocsp_test.ask('ocsp sub', :'serial_three');
BEGIN;
SELECT certmgr.revoke(:three, 'certificateHold') IS NOT NULL AS held;
SELECT ocsp_test.ask('ocsp sub', :'serial_three');
ROLLBACK;
SELECT ocsp_test.ask('ocsp sub', :'serial_three');
SELECT certmgr.revoke(:three, 'certificateHold') IS NOT NULL AS held;
SELECT ocsp_test.ask('ocsp sub', :'serial_three');
SELECT certmgr.unhold(:three);
SELECT ocsp_test.ask('ocsp sub', :'serial_three');
SELECT ocsp_test.ask('ocsp root', c.serial) FROM certmgr.certificate c JOIN certmgr.ca a ON a.certificate_id = c.id WHERE a.name = 'ocsp sub';
-- not yet committed: only for who issued it
BEGIN;
SELECT certmgr.issue('ocsp web') AS four \gset
SELECT ocsp_test.ask('ocsp sub', serial) FROM certmgr.certificate WHERE id = :four;
UPDATE certmgr.certificate SET state = 'failed' WHERE id = :four;
SELECT ocsp_test.ask('ocsp sub', serial) FROM certmgr.certificate WHERE id = :four;
ROLLBACK;

-- nonces: 1 to 128 octets
SELECT n, ocsp_test.ask('ocsp sub', :'serial_three', nonce => decode(repeat('a5', n), 'hex')) FROM unnest(ARRAY[0, 1, 16, 32, 128, 129]) AS n;
-- several in one request: all of one issuer, or unauthorized
SELECT position(ocsp_test.id('ocsp sub', :'serial_three') || '\x8000'::bytea IN a) > 0 AS three, position(ocsp_test.id('ocsp sub', :'serial_one', 20) || '\xa116'::bytea IN a) > 0 AS one,
	   position(ocsp_test.id('ocsp sub', '\x05') || '\x8200'::bytea IN a) > 0 AS none
  FROM certmgr.ocsp_response(ocsp_test.request(ocsp_test.tlv(48, ocsp_test.id('ocsp sub', :'serial_three')) || ocsp_test.tlv(48, ocsp_test.id('ocsp sub', :'serial_one', 20))
		|| ocsp_test.tlv(48, ocsp_test.id('ocsp sub', '\x05')))) AS a;
SELECT encode(certmgr.ocsp_response(ocsp_test.request(ocsp_test.tlv(48, ocsp_test.id('ocsp sub', :'serial_three')) || ocsp_test.tlv(48, ocsp_test.id('ocsp root', '\x05')))), 'hex') AS two_issuers;
SELECT count(*), encode(certmgr.ocsp_response(ocsp_test.request(string_agg(ocsp_test.tlv(48, ocsp_test.id('ocsp sub', '\x05')), ''))), 'hex') = '30030a0101' AS malformed
  FROM generate_series(1, 101);

-- garbage of every sort is malformedRequest (1), never an error; NULL is NULL
SELECT certmgr.ocsp_response(NULL) IS NULL AS null;
SELECT encode(certmgr.ocsp_response(''), 'hex');
SELECT DISTINCT encode(certmgr.ocsp_response(substr(r, 1, n)), 'hex')
  FROM ocsp_test.request(ocsp_test.tlv(48, ocsp_test.id('ocsp sub', :'serial_three')), '\x0102030405') AS r, generate_series(0, length(r) - 1) AS n;
SELECT DISTINCT encode(certmgr.ocsp_response(r || '\x00'), 'hex') FROM ocsp_test.request(ocsp_test.tlv(48, ocsp_test.id('ocsp sub', :'serial_three'))) AS r;
-- signed requests are answered; unknown critical extensions are not
SELECT position(ocsp_test.id('ocsp sub', :'serial_three') || '\x8000'::bytea IN certmgr.ocsp_response(ocsp_test.tlv(48, ocsp_test.tlv(48,
	ocsp_test.tlv(161, '\xa406300431003000'::bytea) || ocsp_test.tlv(48, ocsp_test.tlv(48, ocsp_test.id('ocsp sub', :'serial_three')))) || '\xa00d300b300506032b65700302000a'::bytea))) > 0 AS good;
SELECT encode(certmgr.ocsp_response(ocsp_test.tlv(48, ocsp_test.tlv(48, ocsp_test.tlv(48, ocsp_test.tlv(48, ocsp_test.id('ocsp sub', :'serial_three')))
	|| ocsp_test.tlv(162, ocsp_test.tlv(48, '\x300a06032a03040101ff0400'::bytea))))), 'hex') AS critical;

-- what an HTTP server needs; the second time the same bytes
SELECT next_update - this_update AS lifetime, produced_at >= this_update AS produced, max_age BETWEEN 3500 AND 3600 AS max_age, length(etag) AS etag,
	   response = (certmgr.ocsp_answer(r)).response AS same
  FROM ocsp_test.request(ocsp_test.tlv(48, ocsp_test.id('ocsp sub', :'serial_three'))) AS r, certmgr.ocsp_answer(r);
SELECT max_age, etag, next_update IS NOT NULL AS times, response <> (certmgr.ocsp_answer(r)).response AS signed_anew
  FROM ocsp_test.request(ocsp_test.tlv(48, ocsp_test.id('ocsp sub', :'serial_three')), '\x01') AS r, certmgr.ocsp_answer(r);
SELECT next_update - this_update AS lifetime_of_unknown FROM certmgr.ocsp_answer(ocsp_test.request(ocsp_test.tlv(48, ocsp_test.id('ocsp sub', '\x05'))));
SELECT * FROM certmgr.ocsp_answer('\x00');
SELECT count(*) > 0 AS kept FROM certmgr_private.ocsp_response WHERE certificate_id = :three;
-- read only, repeatable read: answered, not kept
BEGIN READ ONLY;
SELECT ocsp_test.ask('ocsp sub', :'serial_two');
COMMIT;
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT ocsp_test.ask('ocsp sub', :'serial_two');
COMMIT;
SELECT count(*) FROM certmgr_private.ocsp_response WHERE certificate_id = :two AND form > 1;

-- delegated signers: made by the worker; the answer has the certificate in it
SELECT certmgr.alter_ocsp('ocsp sub', url => 'http://ocsp.example/', lifetime => '10 min', signer_lifetime => '3 days');
SELECT ocsp_test.signers('ocsp sub', 1);
SELECT c.usages, c.subject, c.key_algorithm, s.not_after - s.not_before AS lifetime, position('\x06092b06010505073001050402'::bytea IN b.der) > 0 AS nocheck
  FROM certmgr.ocsp_signer s JOIN certmgr.certificate c ON c.id = s.certificate_id JOIN certmgr.certificate_body b ON b.certificate_id = c.id
  JOIN certmgr.ca a ON a.id = s.ca_id WHERE a.name = 'ocsp sub';
SELECT position(b.der IN certmgr.ocsp_response(ocsp_test.request(ocsp_test.tlv(48, ocsp_test.id('ocsp sub', :'serial_three')), '\x07'))) > 0 AS delegated
  FROM certmgr.ocsp_signer s JOIN certmgr.certificate_body b ON b.certificate_id = s.certificate_id JOIN certmgr.ca a ON a.id = s.ca_id WHERE a.name = 'ocsp sub';
SELECT next_update - this_update AS lifetime FROM certmgr.ocsp_answer(ocsp_test.request(ocsp_test.tlv(48, ocsp_test.id('ocsp sub', :'serial_three')), '\x07'));
SELECT count(*) FROM certmgr.expiring_certificate WHERE subject = 'CN=OCSP Signer';
-- one that is past two thirds is replaced; a disabled CA goes on
UPDATE certmgr.ocsp_signer s SET not_before = now() - interval '3 days', not_after = now() + interval '1 day' FROM certmgr.ca a WHERE a.id = s.ca_id AND a.name = 'ocsp sub';
SELECT certmgr.disable_ca('ocsp sub');
SELECT certmgr.alter_ocsp('ocsp sub', delegated => true);
SELECT ocsp_test.signers('ocsp sub', 2);
SELECT ocsp_test.ask('ocsp sub', :'serial_three', nonce => '\x0808');
SELECT certmgr.enable_ca('ocsp sub');
-- errors of alter_ocsp
SELECT certmgr.alter_ocsp(NULL);
SELECT certmgr.alter_ocsp('no such ca');
SELECT certmgr.alter_ocsp('ocsp sub', url => 'http://{nobody}/');
SELECT certmgr.alter_ocsp('ocsp sub', lifetime => '1 s');
SELECT certmgr.alter_ocsp('ocsp sub', signer_lifetime => '1 min');
\set VERBOSITY terse
SELECT certmgr.alter_ocsp('ocsp sub', signer_key_algorithm => 'DES');
\set VERBOSITY default
CREATE ROLE ocsp_operator;
GRANT certmgr_operator TO ocsp_operator;
GRANT USAGE ON SCHEMA certmgr TO ocsp_operator;
GRANT EXECUTE ON FUNCTION certmgr.alter_ocsp(text, text, interval, boolean, interval, text) TO ocsp_operator;
SET ROLE ocsp_operator;
SELECT certmgr.alter_ocsp('ocsp sub', delegated => false);
SELECT length(certmgr.ocsp_response('\x00'));
RESET ROLE;
REVOKE EXECUTE ON FUNCTION certmgr.alter_ocsp(text, text, interval, boolean, interval, text) FROM ocsp_operator;
REVOKE USAGE ON SCHEMA certmgr FROM ocsp_operator;
DROP ROLE ocsp_operator;
-- a key that cannot be used: said in the log, and asked again later
BEGIN;
SELECT certmgr.create_root_ca('ocsp lost', 'CN=OCSP Lost') IS NOT NULL AS made;
UPDATE certmgr_private.key SET sealed = set_byte(sealed, length(sealed) - 1, get_byte(sealed, length(sealed) - 1) # 1) WHERE id = (SELECT key_id FROM certmgr.ca WHERE name = 'ocsp lost');
SET LOCAL client_min_messages = log;
SELECT ocsp_test.ask('ocsp lost', '\x1234');
ROLLBACK;
-- a CA with nothing but its OCSP signer can be dropped
SELECT certmgr.create_root_ca('ocsp spare', 'CN=OCSP Spare', ocsp_url => 'http://ocsp.example/') IS NOT NULL AS made;
SELECT ocsp_test.signers('ocsp spare', 1);
SELECT certmgr.drop_ca('ocsp spare');
SELECT certmgr.drop_subscriber('ocsp web');
DROP SCHEMA ocsp_test CASCADE;
