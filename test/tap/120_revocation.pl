# CRLs and OCSP under tools that are not ours: OpenSSL, GnuTLS, Python's cryptography, Java where it is installed. Numbers after a crash and a
# restore. What the worker does after a revocation.
use strict;
use warnings FATAL => 'all';

use CertmgrTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = CertmgrTest::cluster('revocation');
my $dir = CertmgrTest::directory();

sub sql { return $node->safe_psql('postgres', $_[0]); }

# Answer of a function into a file: text, or bytes given in hexadecimal.
sub keep { my ($file, $expression) = @_; CertmgrTest::write_file("$dir/$file", sql("SELECT $expression") . "\n"); return "$dir/$file"; }

sub keep_bytes
{
	my ($file, $hex) = @_;
	open my $f, '>:raw', "$dir/$file" or die "$dir/$file: $!";
	print $f pack('H*', $hex);
	close $f;
	return "$dir/$file";
}

sub hex_of { my ($file) = @_; open my $f, '<:raw', $file or die "$file: $!"; local $/; return unpack 'H*', <$f>; }

sub run_quietly { my ($out, $err) = run_command([@_]); return "$out\n$err"; }

# ---- a root, an issuing CA with shards and deltas, OCSP ----

sql(q{SELECT certmgr.create_root_ca('root', 'CN=Root');
	SELECT certmgr.create_intermediate_ca('issuing', 'root', 'CN=Issuing', ocsp_url => 'http://ocsp.example/');
	SELECT certmgr.alter_crl('issuing', url => 'http://crl.example/{shard}.crl', shards => 2, delta_url => 'http://crl.example/{shard}.delta', delta_lifetime => '1 hour', delay => '0');
	SELECT certmgr.alter_crl('root', delay => '0');
	SELECT certmgr.create_subscriber('web', 'issuing', sans => '{www.example.com}')});
my ($good, $bad, $held) = map { sql("SELECT certmgr.issue('web')") } 1 .. 3;
# All on one shard, so that one list says it all.
my $tries = 0;
for my $id (\$bad, \$held)
{
	while (sql("SELECT count(DISTINCT shard) FROM certmgr.certificate WHERE id IN ($good, $$id)") ne '1' && $tries++ < 200) { $$id = sql("SELECT certmgr.issue('web')"); }
}
my $shard = sql("SELECT shard FROM certmgr.certificate WHERE id = $good");
my $root = keep('root.pem', "certmgr.ca_pem('root')");
my $int = keep('int.pem', "certmgr.ca_pem('issuing')");
my %leaf = map { ($_->[0] => keep("$_->[0].pem", "certmgr.certificate_pem($_->[1])")) } [ good => $good ], [ bad => $bad ], [ held => $held ];
my $root_crl = keep('root.crl', "certmgr.crl_pem('root')");

# Verified with the complete list of the shard, and with its delta.
sub verify
{
	my ($file, $delta) = @_;
	my $crls = CertmgrTest::write_file("$dir/crls.pem", join '', map { CertmgrTest::slurp($_) } "$dir/base.crl", "$dir/root.crl", $delta ? "$dir/delta.crl" : ());
	return run_quietly('openssl', 'verify', '-x509_strict', '-CAfile', $root, '-untrusted', $int, '-CRLfile', $crls, '-crl_check', '-extended_crl', ($delta ? '-use_deltas' : ()), $file);
}

ok(CertmgrTest::poll_until($node, "SELECT count(*) > 0 FROM certmgr.crl_status WHERE ca = 'issuing' AND shard = $shard AND delta"), 'the worker signs the first lists');
sql("SELECT certmgr.revoke($held, 'certificateHold')");
sql("SELECT certmgr.refresh_crl('issuing')");
keep('base.crl', "certmgr.crl_pem('issuing', $shard)");
like(verify($leaf{good}), qr/good\.pem: OK/, 'openssl: the list of its shard is that of the certificate');
like(verify($leaf{held}), qr/revoked/, 'openssl: on hold is revoked');

# ---- the worker signs a delta after a revocation; a release is told by it ----

# A certificate that is not on the base, and one that leaves it. Numbers have seconds between them, as the times in lists do.
my $number = sql("SELECT max(number) FROM certmgr.crl_status WHERE ca = 'issuing' AND delta");
sql("SELECT certmgr.revoke($bad, 'keyCompromise', now() - interval '1 day'); SELECT certmgr.unhold($held)");
ok(CertmgrTest::poll_until($node, "SELECT max(number) > $number AND bool_and(changed_since IS NULL) FROM certmgr.crl_status WHERE ca = 'issuing' AND shard = $shard AND delta"), 'the worker signs a delta after a revocation');
is(sql("SELECT number FROM certmgr.crl_status WHERE ca = 'issuing' AND shard = $shard AND NOT delta") < sql("SELECT number FROM certmgr.crl_status WHERE ca = 'issuing' AND shard = $shard AND delta"), 1, 'and no complete list');
keep('delta.crl', "certmgr.crl_pem('issuing', $shard, true)");
like(verify($leaf{bad}), qr/bad\.pem: OK/, 'openssl: not on the base');
like(verify($leaf{bad}, 1), qr/revoked/, 'openssl: on the delta');
like(verify($leaf{good}, 1), qr/good\.pem: OK/, 'openssl: a good one with base and delta');
like(verify($leaf{held}, 1), qr/held\.pem: OK/, 'openssl: removeFromCRL releases it');
like(run_quietly('openssl', 'crl', '-in', "$dir/delta.crl", '-noout', '-text'), qr/Delta CRL Indicator: critical.*Issuing Distribution Point: critical.*Remove From CRL/s, 'openssl reads the delta');
like(run_quietly('certtool', '--verify-crl', '--load-ca-certificate', $int, '--infile', "$dir/delta.crl"), qr/Verified/, 'GnuTLS verifies the delta');

# A CA's certificate, revoked by its parent.
my $sub = sql("SELECT certmgr.create_intermediate_ca('lost', 'root', 'CN=Lost'); SELECT certificate_id FROM certmgr.ca WHERE name = 'lost'") =~ s/.*\n//sr;
my $lost = keep('lost.pem', "certmgr.ca_pem('lost')");
sql("SELECT certmgr.revoke($sub, 'cACompromise')");
ok(CertmgrTest::poll_until($node, "SELECT entries = 1 FROM certmgr.crl_status WHERE ca = 'root'"), 'the worker signs the list of the root');
keep('root2.crl', "certmgr.crl_pem('root')");
like(run_quietly('openssl', 'verify', '-CAfile', $root, '-CRLfile', "$dir/root2.crl", '-crl_check', $lost), qr/revoked/, 'openssl: a CA is revoked');

# ---- proof of key ----

{
	my $key = "$dir/proof.key";
	run_quietly('openssl', 'req', '-new', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', $key, '-out', "$dir/proof.csr", '-subj', '/CN=www.example.com');
	my $csr = CertmgrTest::slurp("$dir/proof.csr");
	my $id = sql("SELECT certmgr.issue('web', '$csr')");
	my $pem = sql("SELECT certmgr.certificate_pem($id)");
	my $print = sql("SELECT encode(fingerprint, 'hex') FROM certmgr.certificate_body WHERE certificate_id = $id");
	my (undef, undef, $said) = $node->psql('postgres', "SELECT certmgr.revoke_by_key('$pem', '$csr')");
	like($said, qr/proof does not say that this certificate is to be revoked.*O=revoke\/CN=$print/s, 'the request it was issued for is no proof');
	run_quietly('openssl', 'req', '-new', '-key', $key, '-out', "$dir/revoke.csr", '-subj', "/O=revoke/CN=$print");
	is(sql("SELECT certmgr.revoke_by_key('$pem', '" . CertmgrTest::slurp("$dir/revoke.csr") . "')"), $id, 'who has the key may revoke');
	is(sql("SELECT state || ' ' || revocation_reason FROM certmgr.certificate WHERE id = $id"), 'revoked keyCompromise', 'and it is');
}

# ---- OCSP ----

ok(CertmgrTest::poll_until($node, "SELECT count(*) = 1 FROM certmgr.ocsp_signer s JOIN certmgr.ca a ON a.id = s.ca_id WHERE a.name = 'issuing'"), 'the worker makes a signer');

sub ask
{
	my ($name, @options) = @_;
	unlink "$dir/answer.der";
	run_quietly('openssl', 'ocsp', '-issuer', $int, @options, '-cert', $leaf{$name}, '-reqout', "$dir/request.der");
	keep_bytes('answer.der', sql("SELECT encode(certmgr.ocsp_response('\\x" . hex_of("$dir/request.der") . "'), 'hex')"));
	# The request has its nonce; another one is not to be added.
	@options = map { $_ eq '-nonce' ? '-no_nonce' : $_ } @options;
	return run_quietly('openssl', 'ocsp', '-issuer', $int, @options, '-cert', $leaf{$name}, '-reqin', "$dir/request.der", '-respin', "$dir/answer.der", '-CAfile', $root, '-verify_other', $int);
}

for my $hash ('-sha1', '-sha256', '-sha384')
{
	for my $nonce ('-nonce', '-no_nonce')
	{
		my $said = ask('good', $hash, $nonce);
		like($said, qr/Response verify OK/, "openssl verifies ($hash $nonce)");
		like($said, qr/good\.pem: good/, "good ($hash $nonce)");
		unlike($said, qr/no nonce in response|Nonce Verify error/, "nonce as asked ($hash $nonce)");
	}
	like(ask('bad', $hash, '-nonce'), qr/bad\.pem: revoked.*Reason: keyCompromise/s, "revoked ($hash)");
}
like(ask('held', '-no_nonce'), qr/held\.pem: good/, 'released: good');
sql("SELECT certmgr.revoke($held, 'certificateHold')");
like(ask('held', '-no_nonce'), qr/held\.pem: revoked.*Reason: certificateHold/s, 'a kept answer ends with the commit of a revocation');
like(run_quietly('ocsptool', '--verify-response', '--load-response', "$dir/answer.der", '--load-issuer', $int, '--load-trust', $root), qr/Success/, 'GnuTLS verifies an answer');
like(run_quietly('ocsptool', '--response-info', '--infile', "$dir/answer.der", '--load-response', "$dir/answer.der"), qr/Certificate Status: revoked/, 'GnuTLS reads it');

SKIP:
{
	my ($out) = run_command([ 'python3', '-c', 'import cryptography; print(cryptography.__version__)' ]);
	skip 'Python has no module cryptography', 1 unless ($out // '') =~ /^\d/;
	CertmgrTest::write_file("$dir/read.py", <<'END');
import sys
from cryptography import x509
from cryptography.x509 import ocsp
d = sys.argv[1]
r = ocsp.load_der_ocsp_response(open(d + '/answer.der', 'rb').read())
print(r.response_status, r.certificate_status, r.revocation_reason, r.certificates[0].subject.rfc4514_string())
for name in ('base.crl', 'delta.crl'):
    c = x509.load_pem_x509_crl(open(d + '/' + name, 'rb').read())
    issuer = x509.load_pem_x509_certificate(open(d + '/int.pem', 'rb').read())
    print(name, len(c), c.is_signature_valid(issuer.public_key()), sorted(e.oid._name for e in c.extensions))
END
	like(run_quietly('python3', "$dir/read.py", $dir), qr/SUCCESSFUL.*REVOKED.*certificate_hold CN=OCSP Signer\nbase\.crl 1 True.*freshestCRL.*\ndelta\.crl 2 True.*deltaCRLIndicator/s, "Python's cryptography reads answer and lists");
}

SKIP:
{
	skip 'java is not installed', 2 unless -x '/usr/bin/java' && -x '/usr/bin/javac';
	CertmgrTest::write_file("$dir/Check.java", <<'END');
import java.io.*; import java.nio.file.*; import java.security.cert.*; import java.util.*;
public class Check {
	public static void main(String[] a) throws Exception {
		String d = a[0];
		CertificateFactory f = CertificateFactory.getInstance("X.509");
		X509Certificate root = (X509Certificate) f.generateCertificate(new FileInputStream(d + "/root.pem"));
		X509Certificate mid = (X509Certificate) f.generateCertificate(new FileInputStream(d + "/int.pem"));
		X509Certificate leaf = (X509Certificate) f.generateCertificate(new FileInputStream(d + "/" + a[1]));
		PKIXParameters p = new PKIXParameters(Set.of(new TrustAnchor(root, null)));
		CertPathValidator v = CertPathValidator.getInstance("PKIX");
		PKIXRevocationChecker c = (PKIXRevocationChecker) v.getRevocationChecker();
		c.setOptions(EnumSet.of(PKIXRevocationChecker.Option.ONLY_END_ENTITY, PKIXRevocationChecker.Option.NO_FALLBACK));
		c.setOcspResponses(Map.of(leaf, Files.readAllBytes(Paths.get(d + "/answer.der"))));
		p.addCertPathChecker(c);
		try { v.validate(f.generateCertPath(List.of(leaf, mid)), p); System.out.println("VALID"); }
		catch (CertPathValidatorException e) { System.out.println(e.getReason()); }
	}
}
END
	ask('good', '-no_nonce');
	like(run_quietly('java', "$dir/Check.java", $dir, 'good.pem'), qr/VALID/, 'Java: good by OCSP');
	ask('bad', '-no_nonce');
	like(run_quietly('java', "$dir/Check.java", $dir, 'bad.pem'), qr/REVOKED/, 'Java: revoked by OCSP');
}

# ---- kept answers that have ended go, some at a time; those that count stay ----

ask('good', '-no_nonce');
sql(q{INSERT INTO certmgr_private.ocsp_response SELECT -i, 0, 0, now() - interval '3 days', now() - interval '2 days', '\\x00' FROM generate_series(1, 2500) i});
sql('CALL certmgr.work()');
$node->restart;
ok(CertmgrTest::poll_until($node, 'SELECT count(*) FROM certmgr_private.ocsp_response WHERE certificate_id < 0', '0'), 'ended answers are removed');
cmp_ok(sql('SELECT count(*) FROM certmgr_private.ocsp_response'), '>', 0, 'others are not');

# ---- numbers rise, whatever happens ----

my $before = sql("SELECT certmgr.refresh_crl('issuing')");
$node->stop('immediate');
$node->start;
my $after = sql("SELECT certmgr.refresh_crl('issuing')");
cmp_ok($after, '>', $before, 'CRL numbers rise over a crash');
like(ask('good', '-no_nonce'), qr/good\.pem: good/, 'OCSP after a crash, which emptied the kept answers');

my $copy = "$dir/dump.sql";
$node->command_ok([ 'pg_dump', '-f', $copy, 'postgres' ], 'a dump');
$before = sql("SELECT certmgr.refresh_crl('issuing')");
$node->safe_psql('postgres', 'CREATE DATABASE restored');
$node->command_ok([ 'psql', '-X', '-q', '-v', 'ON_ERROR_STOP=1', '-d', 'restored', '-f', $copy ], 'and its restore');
$after = $node->safe_psql('restored', "SELECT certmgr.refresh_crl('issuing')");
cmp_ok($after, '>', $before, 'numbers are larger than any from before, also those that the dump does not know');

$node->stop;
done_testing();
