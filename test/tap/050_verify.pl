# What a private CA issues, and its CRL, under tools that are not ours: OpenSSL (strict) and GnuTLS, for every key algorithm of the CA.
use strict;
use warnings FATAL => 'all';

use CertmgrTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = CertmgrTest::cluster('verify');
my $dir = CertmgrTest::directory();

# Answer of a function into a file.
sub keep
{
	my ($file, $sql) = @_;
	CertmgrTest::write_file("$dir/$file", $node->safe_psql('postgres', "SELECT $sql") . "\n");
	return "$dir/$file";
}

for my $alg ('EC-P256', 'EC-P384', 'EC-P521', 'Ed25519', 'RSA-2048', 'RSA-3072')
{
	$node->safe_psql('postgres', qq{
		SELECT certmgr.create_root_ca('root $alg', 'CN=Root $alg', '$alg');
		SELECT certmgr.create_intermediate_ca('mid $alg', 'root $alg', 'CN=Middle $alg', '$alg', path_length => 1);
		SELECT certmgr.create_intermediate_ca('int $alg', 'mid $alg', 'CN=Issuing $alg,O=Example', '$alg');
		SELECT certmgr.create_subscriber('s $alg', 'int $alg', sans => '{www.example.com,192.0.2.1,2001:db8::1,email:a\@example.com,URI:spiffe://td/a}', key_algorithm => '$alg');});
	my $good = $node->safe_psql('postgres', "SELECT certmgr.issue('s $alg')");
	my $bad = $node->safe_psql('postgres', "SELECT certmgr.issue('s $alg')");
	$node->safe_psql('postgres', "SELECT certmgr.revoke($bad, 'keyCompromise'); SELECT certmgr.refresh_crl('int $alg')");
	my $root = keep('root.pem', "certmgr.ca_pem('root $alg')");
	my $int = keep('int.pem', "certmgr.ca_pem('int $alg')");
	my $chain = keep('chain.pem', "certmgr.chain_pem($good)");
	my $leaf = keep('leaf.pem', "certmgr.certificate_pem($good)");
	my $revoked = keep('revoked.pem', "certmgr.certificate_pem($bad)");
	my $bundle = keep('bundle.pem', "certmgr.bundle_pem($good)");
	my $crl = keep('crl.pem', "'-----BEGIN X509 CRL-----' || chr(10) || rtrim(encode(certmgr.crl('int $alg'), 'base64'), chr(10)) || chr(10) || '-----END X509 CRL-----'");

	command_ok([ 'openssl', 'verify', '-x509_strict', '-CAfile', $root, '-untrusted', $chain, '-CRLfile', $crl, '-crl_check', $leaf ], "$alg: openssl verifies, with the CRL");
	command_fails_like([ 'openssl', 'verify', '-x509_strict', '-CAfile', $root, '-untrusted', $chain, '-CRLfile', $crl, '-crl_check', $revoked ], qr/revoked/, "$alg: openssl sees the revocation");
	# certtool speaks on stderr too, which command_like does not allow.
	my ($said, $aside) = run_command([ 'certtool', '--verify', '--load-ca-certificate', $root, '--infile', $bundle ]);
	like($said, qr/The certificate is trusted/, "$alg: GnuTLS verifies");
	command_like([ 'certtool', '--verify-crl', '--load-ca-certificate', $int, '--infile', $crl ], qr/Verified/, "$alg: GnuTLS verifies the CRL");
}
$node->stop;
done_testing();
