# What the templates make, under tools that are not ours: OpenSSL verifies each standard template's certificate for its purpose and
# reads the names and extensions back; name constraints of a sub-CA are enforced by OpenSSL as they are by us. And what a dump brings back.
use strict;
use warnings FATAL => 'all';

use CertmgrTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = CertmgrTest::cluster('template');
my $dir = CertmgrTest::directory();

sub sql { return $node->safe_psql('postgres', $_[0]); }

sub keep
{
	my ($file, $sql) = @_;
	CertmgrTest::write_file("$dir/$file", sql("SELECT $sql") . "\n");
	return "$dir/$file";
}

sql(q{SELECT certmgr.create_root_ca('root', 'CN=Template Root,O=Example', path_length => 2);
	SELECT certmgr.create_intermediate_ca('int', 'root', 'CN=Issuing,O=Example', path_length => 1, crl_url => 'http://crl.example.com/{ca}/{shard}.crl http://crl2.example.com/{serial}',
		ocsp_url => 'http://ocsp.example.com/', ca_issuers_url => 'http://ca.example.com/{issuer}.der');
	SELECT certmgr.install_standard_templates()});
my $root = keep('root.pem', "certmgr.ca_pem('root')");
my $int = keep('int.pem', "certmgr.ca_pem('int')");

# template, subject, names, OpenSSL's purpose, what its text must hold
my @cases = (
	[ 'tls-server', undef, '{www.example.com,192.0.2.1}', 'sslserver', [ qr/DNS:www\.example\.com, IP Address:192\.0\.2\.1/, qr/Subject Alternative Name: critical/,
		qr{URI:http://crl\.example\.com/int/0\.crl}, qr{URI:http://crl2\.example\.com/[0-9a-f]{40}}, qr{OCSP - URI:http://ocsp\.example\.com/}, qr{CA Issuers - URI:http://ca\.example\.com/[0-9a-f]{40}\.der} ] ],
	[ 'tls-client', 'CN=joe,UID=joe', '{email:joe@example.com}', 'sslclient', [ qr/TLS Web Client Authentication\n/ ] ],
	[ 'tls-server-client', undef, '{www.example.com,URI:spiffe://td/app}', 'sslserver', [ qr{URI:spiffe://td/app} ] ],
	[ 'device', 'serialNumber=0815,CN=sensor', '{permanentIdentifier:1.2.3;0815,hardwareModuleName:1.2.3.4;00ff}', 'sslclient', [ qr/serialNumber ?= ?0815/, qr/othername:/ ] ],
	[ 'code-signing', 'CN=Build,O=Example', '{}', 'any', [ qr/Code Signing\n/ ] ],
	[ 'smime', 'CN=Joe,emailAddress=joe@example.com', '{email:joe@example.com}', 'smimesign', [ qr/email:joe\@example\.com/ ] ],
	[ 'time-stamping', 'CN=TSA', '{}', 'timestampsign', [ qr/Extended Key Usage: critical\s+Time Stamping\n/ ] ],
	[ 'smartcard-logon', 'CN=joe', '{UPN:joe@corp.example.com}', 'sslclient', [ qr/UPN::?joe\@corp\.example\.com/, qr/Microsoft Smartcard Login/ ] ],
	[ 'ocsp-signing', 'CN=OCSP', '{}', 'ocsphelper', [ qr/OCSP No Check/ ] ],
	[ 'ipsec', 'CN=gw', '{gw.example.com}', 'any', [ qr/ipsec Internet Key Exchange|1\.3\.6\.1\.5\.5\.7\.3\.17/ ] ],
	[ 'document-signing', 'CN=Joe,title=Dr.,organizationIdentifier=VATDE-1', '{}', 'any', [ qr/1\.3\.6\.1\.5\.5\.7\.3\.36/, qr/Non Repudiation/ ] ],
);
for my $case (@cases)
{
	my ($template, $subject, $sans, $purpose, $words) = @$case;
	my $named = defined $subject ? "'$subject'" : 'NULL';
	my $id = sql("SELECT certmgr.issue_from('int', $named, '$sans', template => '$template', lifetime => '2 days')");
	my $leaf = keep('leaf.pem', "certmgr.certificate_pem($id)");

	command_ok([ 'openssl', 'verify', '-x509_strict', '-CAfile', $root, '-untrusted', $int, '-purpose', $purpose, $leaf ], "$template: openssl verifies for $purpose");
	my ($text) = run_command([ 'openssl', 'x509', '-in', $leaf, '-noout', '-text' ]);
	like($text, $_, "$template: openssl reads $_") for @$words;
}

# Programs that make requests ask for keyEncipherment out of habit: only RSA keys get it (RFC 8813), and none but EC keys agree on keys.
CertmgrTest::write_file("$dir/habit.cnf", "[req]\ndistinguished_name=dn\nreq_extensions=ext\nprompt=no\n[dn]\n[ext]\nkeyUsage=critical,digitalSignature,keyEncipherment,keyAgreement\nextendedKeyUsage=serverAuth\nsubjectAltName=DNS:www.example.com\n");
for my $case (['ec', 'P-256', 'Digital Signature, Key Agreement', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256'], ['ed25519', 'Ed25519', 'Digital Signature', '-newkey', 'ed25519'])
{
	my ($kind, $name, $usages, @newkey) = @$case;
	command_ok([ 'openssl', 'req', '-new', @newkey, '-nodes', '-subj', '/', '-config', "$dir/habit.cnf", '-keyout', "$dir/habit.key", '-out', "$dir/habit.csr" ], "$kind: a request for too much");
	my $request = slurp_file("$dir/habit.csr");
	my $habit = sql("SELECT certmgr.issue_from('int', csr => '$request', template => 'tls-server', lifetime => '2 days')");
	my ($shown) = run_command([ 'openssl', 'x509', '-in', keep('leaf.pem', "certmgr.certificate_pem($habit)"), '-noout', '-text' ]);
	like($shown, qr/Key Usage: critical\s+\Q$usages\E\n/, "$kind: gets what its key can do");
	is(sql("SELECT count(*) FROM certmgr.certificate c, certmgr.lint(certmgr.certificate_pem(c.id)) l WHERE c.id = $habit AND l.level = 'error'"), '0', "$kind: lint is content");
}

# Short lives: noRevAvail and no addresses.
my $id = sql("SELECT certmgr.issue_from('int', NULL, '{www.example.com}', template => 'tls-server', lifetime => '1 day')");
my ($text) = run_command([ 'openssl', 'x509', '-in', keep('leaf.pem', "certmgr.certificate_pem($id)"), '-noout', '-text' ]);
like($text, qr/2\.5\.29\.56|No Revocation Available/i, 'noRevAvail');
unlike($text, qr/crl\.example\.com|ocsp\.example\.com/, 'no address of CRL or OCSP with it');
like($text, qr/ca\.example\.com/, 'the issuer is still found');

# A constrained CA elsewhere: OpenSSL refuses what we refuse.
sql(q{SELECT certmgr.create_template('constrained', subject => '{"CN": true}', sans => '{}', ca => true, path_length => 0, lifetime => '1 year', policies => '[{"oid": "1.2.3.4", "cps": "http://example.com/cps", "notice": "Hands off"}]',
	name_constraints => '{"permitted": ["DNS:example.com", "IP:10.0.0.0/8"], "excluded": ["DNS:secret.example.com"]}')});
CertmgrTest::write_file("$dir/req.cnf", "[req]\ndistinguished_name=dn\nprompt=no\n[dn]\nCN=Sub\n");
command_ok([ 'openssl', 'req', '-new', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-config', "$dir/req.cnf", '-keyout', "$dir/sub.key", '-out', "$dir/sub.csr" ], 'a sub-CA elsewhere makes a request');
CertmgrTest::write_file("$dir/leaf_req.cnf", "[req]\ndistinguished_name=dn\nprompt=no\n[dn]\nCN=leaf\n");
command_ok([ 'openssl', 'req', '-new', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-config', "$dir/leaf_req.cnf", '-keyout', "$dir/leaf.key", '-out', "$dir/leaf.csr" ], 'and so does a leaf below it');
my $csr = slurp_file("$dir/sub.csr");
my $sub = keep('sub.pem', 'certmgr.certificate_pem(' . sql("SELECT certmgr.issue_from('int', csr => '$csr', template => 'constrained')") . ')');
($text) = run_command([ 'openssl', 'x509', '-in', $sub, '-noout', '-text' ]);
like($text, $_, "sub-CA: openssl reads $_") for qr/CA:TRUE, pathlen:0/, qr/Name Constraints: critical/, qr/DNS:secret\.example\.com/, qr{IP:10\.0\.0\.0/255\.0\.0\.0}, qr{CPS: http://example\.com/cps}, qr/Hands off/;
CertmgrTest::write_file("$dir/chain.pem", slurp_file($int) . slurp_file($sub));
for my $name ([ 'www.example.com', 1 ], [ 'www.example.org', 0 ], [ 'secret.example.com', 0 ])
{
	my ($host, $fine) = @$name;
	CertmgrTest::write_file("$dir/leaf.cnf", "basicConstraints=CA:FALSE\nsubjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid\nsubjectAltName=DNS:$host\n");
	run_command([ 'openssl', 'x509', '-req', '-in', "$dir/leaf.csr", '-CA', $sub, '-CAkey', "$dir/sub.key", '-set_serial', '7', '-days', '1', '-extfile', "$dir/leaf.cnf", '-out', "$dir/leaf.pem" ]);
	my @verify = ('openssl', 'verify', '-CAfile', $root, '-untrusted', "$dir/chain.pem", "$dir/leaf.pem");
	if ($fine) { command_ok(\@verify, "$host below the constrained CA"); }
	else { command_fails_like(\@verify, qr/subtree violation/, "$host is outside of it"); }
}

# Templates and who uses them survive dump and restore.
sql(q{SELECT certmgr.create_subscriber('dumped', 'int', sans => '{www.example.com}', template => 'tls-server'); SELECT certmgr.alter_template('smime', publish => true)});
my $published = q{SELECT string_agg(subject || ' ' || encode(fingerprint, 'hex'), ';') FROM certmgr.published_certificate};
like(sql($published), qr/^emailAddress=joe\@example\.com,CN=Joe [0-9a-f]{64}\z|^CN=Joe,emailAddress=joe\@example\.com [0-9a-f]{64}\z/, 'what the template smime issued is published');
$node->safe_psql('postgres', 'CREATE DATABASE copy');
command_ok([ 'pg_dump', '-h', $node->host, '-p', $node->port, '-Fc', '-f', "$dir/dump", 'postgres' ], 'pg_dump');
command_ok([ 'pg_restore', '-h', $node->host, '-p', $node->port, '-d', 'copy', "$dir/dump" ], 'pg_restore');
is($node->safe_psql('copy', q{SELECT t.name FROM certmgr.subscriber s JOIN certmgr.template t ON t.id = s.template_id WHERE s.name = 'dumped'}), 'tls-server', 'the template came along');
is($node->safe_psql('copy', q{SELECT certmgr.install_standard_templates()}), '0', 'and so did the others');
is($node->safe_psql('copy', $published), sql($published), 'what is published still is');
$node->stop;
done_testing();
