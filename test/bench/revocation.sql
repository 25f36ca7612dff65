-- A CA with :entries revoked certificates, one with :live certificates to revoke, one to answer OCSP for. Only rows: nothing here reads their bytes.
SELECT certmgr.create_root_ca('bench crl', 'CN=Bench CRL');
SELECT certmgr.create_root_ca('bench ocsp', 'CN=Bench OCSP', ocsp_url => 'http://ocsp.example/');
SELECT certmgr.alter_crl('bench crl', delay => '1 day');
SELECT certmgr.alter_crl('bench ocsp', delay => '1 day');

-- Serial numbers of 20 octets, as issued; those for OCSP end with a counter, so that pgbench can make a request.
INSERT INTO certmgr.certificate (ca_id, issuer_id, state, source, serial, subject, sans, usages, key_algorithm, not_before, not_after, created_at, requested_by, revoked_at, revocation_reason)
SELECT a.id, a.certificate_id, 'revoked', 'issued', decode('01' || md5(i::text) || substr(md5((-i)::text), 1, 6), 'hex'), 'CN=' || i, '{}', '{digitalSignature,serverAuth}', 'EC-P256',
	   now(), now() + interval '90 days', now(), 'bench', now(), CASE i % 2 WHEN 0 THEN 'unspecified' ELSE 'keyCompromise' END
  FROM certmgr.ca a, generate_series(1, :entries) i WHERE a.name = 'bench crl';
INSERT INTO certmgr.certificate (ca_id, issuer_id, state, source, serial, subject, sans, usages, key_algorithm, not_before, not_after, created_at, requested_by)
SELECT a.id, a.certificate_id, 'issued', 'issued', '\x0102030405060708090a0b0c'::bytea || int8send(i), 'CN=' || i, '{}', '{digitalSignature,serverAuth}', 'EC-P256',
	   now(), now() + interval '90 days', now(), 'bench'
  FROM certmgr.ca a, generate_series(1, :live) i WHERE a.name = 'bench ocsp';
VACUUM ANALYZE certmgr.certificate;
CREATE SEQUENCE bench.victim;
SELECT setval('bench.victim', (SELECT id FROM certmgr.certificate WHERE serial = '\x0102030405060708090a0b0c'::bytea || int8send(100001)));

-- Everything of a request that stands before the last eight octets of the serial number, and what follows with a nonce: hexadecimal, lengths below 128.
CREATE FUNCTION bench.tlv(tag text, hex text, more int DEFAULT 0) RETURNS text LANGUAGE sql AS
	$$ SELECT tag || lpad(to_hex(length(hex) / 2 + more), 2, '0') || hex $$;
CREATE FUNCTION bench.ocsp_head(behind int) RETURNS text LANGUAGE sql AS $$
	SELECT bench.tlv('30', bench.tlv('30', bench.tlv('30', bench.tlv('30', bench.tlv('30', '300906052b0e03021a0500' || bench.tlv('04', encode(h.name_hash, 'hex')) || bench.tlv('04', encode(h.key_hash, 'hex'))
		|| '0214' || '0102030405060708090a0b0c', 8), 8), 8), 8 + behind), 8 + behind)
	  FROM certmgr.issuer_hash h JOIN certmgr.ca a ON a.id = h.ca_id WHERE a.name = 'bench ocsp' AND length(h.key_hash) = 20 $$;
