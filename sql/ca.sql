-- Private CAs: hierarchy, path length, algorithms, a parent elsewhere.
SELECT certmgr.create_root_ca('root', 'CN=Test Root,O=Example', path_length => 2) > 0 AS made;
SELECT certmgr.create_intermediate_ca('int', 'root', 'CN=Test Issuing,O=Example', path_length => 1) > 0 AS made;
SELECT certmgr.create_intermediate_ca('sub', 'int', 'CN=Test Sub,O=Example', crl_url => 'http://crl.example.com/sub.crl', ca_issuers_url => 'http://ca.example.com/sub.cer', ocsp_url => 'http://ocsp.example.com') > 0 AS made;
SELECT a, certmgr.create_root_ca('alg ' || a, 'CN=Root ' || a, a) > 0 AS made
  FROM unnest('{EC-P384,EC-P521,Ed25519,RSA-2048}'::text[]) a;
SELECT name, type, state, config FROM certmgr.ca ORDER BY id;
SELECT c.subject, c.usages, c.key_algorithm, length(c.serial) AS serial, c.issuer_id IS NULL AS is_root, b.der IS NOT NULL AS signed
  FROM certmgr.ca a JOIN certmgr.certificate c ON c.id = a.certificate_id JOIN certmgr.certificate_body b ON b.certificate_id = c.id ORDER BY a.id;
-- errors
SELECT certmgr.create_root_ca(NULL, 'CN=x');
SELECT certmgr.create_root_ca('', 'CN=x');
SELECT certmgr.create_root_ca('root', 'CN=x');
SELECT certmgr.create_root_ca('x', NULL);
SELECT certmgr.create_root_ca('x', '');
SELECT certmgr.create_root_ca('x', 'CN=a,,O=b');
SELECT certmgr.create_root_ca('x', 'CN=x', 'EC-P192');
SELECT certmgr.create_root_ca('x', 'CN=x', path_length => -1);
SELECT certmgr.create_root_ca('x', 'CN=x', lifetime => '-1 day');
SELECT certmgr.create_root_ca('x', 'CN=x', crl_lifetime => '1 s');
SELECT certmgr.create_root_ca('x', 'CN=x', crl_url => 'file:///etc/passwd');
SELECT certmgr.create_intermediate_ca('x', 'nosuch', 'CN=x');
SELECT certmgr.create_intermediate_ca('x', 'sub', 'CN=x');
SELECT certmgr.create_intermediate_ca('x', 'int', 'CN=x', path_length => 1);
-- a parent elsewhere: here the other CA signs the request as a stranger would, so only the errors
SELECT certmgr.create_intermediate_ca('far', NULL, 'CN=Far,O=Example') > 0 AS made;
SELECT name, state, status_message FROM certmgr.ca WHERE name = 'far';
SELECT certmgr.ca_csr('far') LIKE '-----BEGIN CERTIFICATE REQUEST-----%' AS csr;
SELECT certmgr.issue_from('far', 'CN=x');
SELECT certmgr.install_ca_certificate('far', 'rubbish');
SELECT certmgr.install_ca_certificate('far', certmgr.ca_pem('root'));
SELECT certmgr.install_ca_certificate('int', certmgr.ca_pem('root'));
SELECT certmgr.ca_csr('nosuch');
SELECT certmgr.issue_from('root', csr => certmgr.ca_csr('far'));
-- off, on, away
SELECT certmgr.disable_ca('sub');
SELECT certmgr.issue_from('sub', 'CN=x');
SELECT certmgr.disable_ca('sub');
SELECT certmgr.enable_ca('sub');
SELECT state FROM certmgr.ca WHERE name = 'sub';
SELECT certmgr.drop_ca('root');
SELECT certmgr.drop_ca('alg Ed25519');
SELECT certmgr.drop_ca('alg Ed25519');
