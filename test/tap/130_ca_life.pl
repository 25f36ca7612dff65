# Four levels of CAs through their life (renewed, rekeyed, cross-signed both ways, imported, signed elsewhere), under tools that are not ours:
# OpenSSL (strict, with CRLs), GnuTLS, Java and Python's cryptography where they are installed. What was issued before verifies after.
use strict;
use warnings FATAL => 'all';

use CertmgrTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = CertmgrTest::cluster('life');
my $dir = CertmgrTest::directory();
my $subject = 0;

sub sql { my ($sql) = @_; return $node->safe_psql('postgres', $sql); }

# Answer of a function into a file.
sub keep
{
	my ($file, $sql) = @_;
	CertmgrTest::write_file("$dir/$file", sql("SELECT $sql") . "\n");
	return "$dir/$file";
}

sub quietly
{
	my ($out, $err) = run_command([@_]);
	return "$out\n$err";
}

my $java = -x '/usr/bin/java' && -x '/usr/bin/javac';
my ($python) = run_command([ 'python3', '-c', 'import cryptography.x509.verification as v; print(v.PolicyBuilder.__name__)' ]);
$python = ($python // '') =~ /PolicyBuilder/;
diag('Java is not installed') unless $java;
diag("Python's cryptography does not verify paths") unless $python;

CertmgrTest::write_file("$dir/Path.java", <<'END');
import java.io.*; import java.security.cert.*; import java.util.*;
public class Path {
	static Collection<? extends Certificate> read(String file) throws Exception {
		try (InputStream in = new FileInputStream(file)) { return CertificateFactory.getInstance("X.509").generateCertificates(in); }
	}
	/* leaf, anchor, others: finds the path by itself. */
	public static void main(String[] a) throws Exception {
		for (int i = 0; i + 2 < a.length; i += 3) {
			X509CertSelector leaf = new X509CertSelector();
			leaf.setCertificate((X509Certificate) read(a[i]).iterator().next());
			Set<TrustAnchor> anchors = new HashSet<>();
			for (Certificate c : read(a[i + 1])) anchors.add(new TrustAnchor((X509Certificate) c, null));
			PKIXBuilderParameters p = new PKIXBuilderParameters(anchors, leaf);
			List<Certificate> all = new ArrayList<>(read(a[i + 2]));
			all.addAll(read(a[i]));
			p.addCertStore(CertStore.getInstance("Collection", new CollectionCertStoreParameters(all)));
			p.setRevocationEnabled(false);
			p.setMaxPathLength(10);
			CertPathBuilder.getInstance("PKIX").build(p);
			System.out.println("VALID " + i / 3);
		}
	}
}
END
CertmgrTest::write_file("$dir/path.py", <<'END');
import sys
from cryptography import x509
from cryptography.x509.verification import PolicyBuilder, Store
read = lambda f: x509.load_pem_x509_certificates(open(f, 'rb').read())
for i in range(1, len(sys.argv) - 2, 3):
	leaf, anchors, others = (read(f) for f in sys.argv[i:i + 3])
	PolicyBuilder().store(Store(anchors)).max_chain_depth(8).build_server_verifier(x509.DNSName('www.example.com')).verify(leaf[0], others)
	print('VALID', i // 3)
END

my @java;

# A leaf with the chain that we give verifies against one root; crls: names of CAs whose lists are looked at.
sub verifies
{
	my ($name, $id, $root, @cas) = @_;
	my $n = ++$subject;
	my $leaf = keep("leaf$n.pem", "certmgr.certificate_pem($id)");
	my $chain = keep("chain$n.pem", "certmgr.chain_pem($id)");
	my $bundle = keep("bundle$n.pem", "certmgr.bundle_pem($id)");
	my $crls = keep("crls$n.pem", "string_agg('-----BEGIN X509 CRL-----' || chr(10) || rtrim(encode(l.der, 'base64'), chr(10)) || chr(10) || '-----END X509 CRL-----', chr(10)) FROM (SELECT DISTINCT ON (scope_id) der FROM certmgr.crl WHERE base_number IS NULL ORDER BY scope_id, number DESC) l");

	command_ok([ 'openssl', 'verify', '-x509_strict', '-CAfile', $root, '-untrusted', $chain, '-CRLfile', $crls, '-crl_check', $leaf ], "$name: OpenSSL, strict, with CRL");
	like(quietly('certtool', '--verify', '--load-ca-certificate', $root, '--infile', $bundle), qr/The certificate is trusted/, "$name: GnuTLS");
	push @java, $leaf, $root, $chain;
	return;
}

# All that was gathered, by one start of each.
sub others_verify
{
	my $expected = @java / 3;
  SKIP:
	{
		skip 'Java is not installed', 1 unless $java;
		my @valid = quietly('java', "$dir/Path.java", @java) =~ /VALID/g;
		is(scalar @valid, $expected, 'Java verifies all of them');
	}
  SKIP:
	{
		skip "Python's cryptography does not verify paths", 1 unless $python;
		my @valid = quietly('python3', "$dir/path.py", @java) =~ /VALID/g;
		is(scalar @valid, $expected, "Python's cryptography verifies all of them");
	}
	return;
}

sub issue
{
	my ($ca) = @_;
	return sql("SELECT certmgr.issue_from('$ca', 'CN=www.example.com', '{www.example.com}')");
}

# ---- four levels ----

sql(q{
	SELECT certmgr.create_root_ca('root', 'CN=Root,O=Example', 'EC-P384', path_length => 4);
	SELECT certmgr.create_intermediate_ca('policy', 'root', 'CN=Policy,O=Example', 'RSA-2048', path_length => 2, signature_algorithm => 'RSA-SHA384');
	SELECT certmgr.create_intermediate_ca('region', 'policy', 'CN=Region,O=Example', path_length => 1);
	SELECT certmgr.create_intermediate_ca('issuing', 'region', 'CN=Issuing,O=Example');
	SELECT certmgr.create_root_ca('other', 'CN=Other Root,O=Example', 'RSA-3072');});
my $root = keep('root.pem', "certmgr.ca_pem('root')");
my $other = keep('other.pem', "certmgr.ca_pem('other')");
my $before = issue('issuing');
verifies('four levels', $before, $root);

# ---- the same key ----

sql("SELECT certmgr.renew_ca('policy'); SELECT certmgr.renew_ca('region'); SELECT certmgr.renew_ca('issuing')");
verifies('issued before renewals with the same keys', $before, $root);
verifies('issued after', issue('issuing'), $root);

# ---- a new key ----

my $old_key = sql("SELECT key_id FROM certmgr.ca WHERE name = 'issuing'");
sql("SELECT certmgr.renew_ca('issuing', new_key => true, key_algorithm => 'EC-P384')");
my $rekeyed = issue('issuing');
sql("SELECT certmgr.refresh_crl('issuing')");
verifies('issued before a new key', $before, $root);
verifies('issued under the new key', $rekeyed, $root);
sql("SELECT certmgr.renew_ca('region', new_key => true); SELECT certmgr.renew_ca('issuing'); SELECT certmgr.refresh_crl('issuing')");
my $region = issue('issuing');
verifies('below a new key two levels up', $region, $root);
verifies('issued before that', $rekeyed, $root);

# The old key goes on signing its list, and says what was revoked.
sql("SELECT certmgr.revoke($before)");
ok($node->poll_query_until('postgres', qq{
	SELECT count(*) = 1 FROM certmgr.crl l JOIN certmgr.crl_scope s ON s.id = l.scope_id JOIN certmgr.ca a ON a.id = s.ca_id
	 WHERE a.name = 'issuing' AND s.key_id = $old_key AND l.entries = 1}), "the worker signs the old key's list after a revocation");
my $leaf = keep('before.pem', "certmgr.certificate_pem($before)");
my $chain = keep('before_chain.pem', "certmgr.chain_pem($before)");
my $crl = keep('old.crl', "'-----BEGIN X509 CRL-----' || chr(10) || rtrim(encode(der, 'base64'), chr(10)) || chr(10) || '-----END X509 CRL-----' FROM certmgr.crl l JOIN certmgr.crl_scope s ON s.id = l.scope_id WHERE s.key_id = $old_key ORDER BY l.number DESC LIMIT 1");
command_fails_like([ 'openssl', 'verify', '-x509_strict', '-CAfile', $root, '-untrusted', $chain, '-CRLfile', $crl, '-crl_check', $leaf ], qr/revoked/, 'OpenSSL sees it on the old key\'s list');

# ---- a new root, linked with the old one both ways ----

my $old_root = sql("SELECT certificate_id FROM certmgr.ca WHERE name = 'root'");
my $new_root = sql("SELECT certmgr.renew_ca('root', new_key => true, lifetime => '15 years')");
my $new_with_old = sql("SELECT certmgr.cross_sign('root', 'root', by_certificate => $old_root)");
my $old_with_new = sql("SELECT certmgr.cross_sign('root', 'root', certificate => $old_root)");
my $new = keep('new_root.pem', "certmgr.ca_pem('root')");
verifies('old path, old root', $region, $root);
sql("SELECT certmgr.set_chain('root', certmgr.certificate_pem($old_with_new), $old_root)");
verifies('old path, new root, by the link', $region, $new);
sql("SELECT certmgr.set_chain('root', NULL, $old_root)");
sql("SELECT certmgr.renew_ca('policy'); SELECT certmgr.renew_ca('region'); SELECT certmgr.renew_ca('issuing'); SELECT certmgr.refresh_crl('issuing')");
my $after = issue('issuing');
verifies('new path, new root', $after, $new);
sql("SELECT certmgr.activate_ca_issuer('root', $new_with_old)");
verifies('new path, old root, by the link', $after, $root);
sql("SELECT certmgr.activate_ca_issuer('root', $new_root)");

# ---- another hierarchy, both ways ----

my $by_other = sql("SELECT certmgr.cross_sign('root', 'other', lifetime => '5 years')");
my $by_root = sql("SELECT certmgr.cross_sign('other', 'root', lifetime => '5 years')");
sql("SELECT certmgr.create_intermediate_ca('other issuing', 'other', 'CN=Other Issuing,O=Example', lifetime => '3 years'); SELECT certmgr.refresh_crl('other issuing')");
my $theirs = issue('other issuing');
verifies('cross-signed, own root', $after, $new);
sql("SELECT certmgr.activate_ca_issuer('root', $by_other)");
verifies('cross-signed, the other root', $after, $other);
sql("SELECT certmgr.activate_ca_issuer('root', $new_root)");
verifies('the other hierarchy, its root', $theirs, $other);
sql("SELECT certmgr.activate_ca_issuer('other', $by_root)");
verifies('the other hierarchy, our root', $theirs, $new);

# ---- a root elsewhere: openssl, as an offline root would be kept; its certificate is imported, later its key ----

CertmgrTest::write_file("$dir/sub.cnf", "basicConstraints=critical,CA:true,pathlen:1\nkeyUsage=critical,keyCertSign,cRLSign\nsubjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid\n");
run_command([ 'openssl', 'req', '-x509', '-newkey', 'rsa:2048', '-keyout', "$dir/off.key", '-passout', 'pass:secret', '-subj', '/O=Example/CN=Offline Root', '-days', '3000', '-sha256',
		'-addext', 'keyUsage=critical,keyCertSign,cRLSign', '-out', "$dir/off.pem" ]);

# Has the offline root sign the request of a CA.
sub sign_elsewhere
{
	my ($ca, $out) = @_;
	my $csr = keep('elsewhere.csr', "certmgr.ca_csr('$ca')");
	run_command([ 'openssl', 'x509', '-req', '-in', $csr, '-CA', "$dir/off.pem", '-CAkey', "$dir/off.key", '-passin', 'pass:secret', '-CAcreateserial', '-days', '1000', '-sha256', '-extfile', "$dir/sub.cnf", '-out', "$dir/$out" ]);
	return CertmgrTest::slurp("$dir/$out");
}
my $off = CertmgrTest::slurp("$dir/off.pem");
sql("SELECT certmgr.import_ca('offline', '$off'); SELECT certmgr.create_intermediate_ca('online', NULL, 'CN=Online,O=Example')");
sql("SELECT certmgr.install_ca_certificate('online', '" . sign_elsewhere('online', 'on1.pem') . "')");
is(sql("SELECT issued_by FROM certmgr.ca_issuers WHERE ca = 'online'"), 'offline', 'the imported certificate is known as the issuer');
sql("SELECT certmgr.refresh_crl('online')");
my $online = issue('online');
verifies('below an offline root', $online, "$dir/off.pem");
is(sql("SELECT certmgr.renew_ca('online', new_key => true)"), '', 'its renewal waits for the offline root');
verifies('issued meanwhile', issue('online'), "$dir/off.pem");
sql("SELECT certmgr.install_ca_certificate('online', '" . sign_elsewhere('online', 'on2.pem') . "'); SELECT certmgr.refresh_crl('online')");
is(sql("SELECT string_agg(state, ',' ORDER BY certificate) FROM certmgr.ca_issuers WHERE ca = 'online'"), 'retired,active', 'the new key is active, the old one retired');
verifies('issued after it', issue('online'), "$dir/off.pem");
verifies('issued before it', $online, "$dir/off.pem");

# A path that its own CAs forbid is not installed.
CertmgrTest::write_file("$dir/end.cnf", "basicConstraints=critical,CA:true,pathlen:0\nkeyUsage=critical,keyCertSign,cRLSign\nsubjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid\n");
run_command([ 'openssl', 'req', '-newkey', 'rsa:2048', '-nodes', '-keyout', "$dir/end.key", '-subj', '/CN=End', '-out', "$dir/end.csr" ]);
run_command([ 'openssl', 'x509', '-req', '-in', "$dir/end.csr", '-CA', "$dir/off.pem", '-CAkey', "$dir/off.key", '-passin', 'pass:secret', '-CAcreateserial', '-days', '900', '-sha256', '-extfile', "$dir/end.cnf", '-out', "$dir/end.pem" ]);
sql("SELECT certmgr.create_intermediate_ca('too deep', NULL, 'CN=Too Deep')");
keep('deep.csr', "certmgr.ca_csr('too deep')");
run_command([ 'openssl', 'x509', '-req', '-in', "$dir/deep.csr", '-CA', "$dir/end.pem", '-CAkey', "$dir/end.key", '-CAcreateserial', '-days', '800', '-sha256', '-extfile', "$dir/end.cnf", '-out', "$dir/deep.pem" ]);
my ($deep, $end) = map { CertmgrTest::slurp("$dir/$_") } 'deep.pem', 'end.pem';
my ($status, $stdout, $stderr) = $node->psql('postgres', "SELECT certmgr.install_ca_certificate('too deep', '$deep', '$end$off')");
like($stderr, qr/Above it is a CA with path length 0; CAs below that one: 1/, 'a chain that its path length forbids is refused');

# With its key: it issues here, what it signed before stays good.
run_command([ 'openssl', 'req', '-x509', '-newkey', 'rsa:2048', '-keyout', "$dir/imp.key", '-passout', 'pass:secret', '-subj', '/O=Example/CN=Imported Root', '-days', '3000', '-sha256',
		'-addext', 'keyUsage=critical,keyCertSign,cRLSign', '-out', "$dir/imp.pem" ]);
my ($imp, $key) = map { CertmgrTest::slurp("$dir/$_") } 'imp.pem', 'imp.key';
sql("SELECT certmgr.import_ca('imported', '$imp', '$key', password => 'secret'); SELECT certmgr.create_intermediate_ca('below', 'imported', 'CN=Below,O=Example'); SELECT certmgr.refresh_crl('below')");
my $imported = issue('below');
verifies('below an imported root', $imported, "$dir/imp.pem");
sql("SELECT certmgr.renew_ca('imported', lifetime => '20 years'); SELECT certmgr.renew_ca('below', new_key => true); SELECT certmgr.refresh_crl('below')");
my $renewed = keep('imp2.pem', "certmgr.ca_pem('imported')");
verifies('imported root renewed: issued before, by its new certificate', $imported, $renewed);
verifies('imported root renewed: issued after, by its old certificate', issue('below'), "$dir/imp.pem");

others_verify();

# ---- issuers and chains are rows like any others ----

my $restored = sql("SELECT count(*) FROM certmgr.ca_issuers");
$node->command_ok([ 'pg_dump', '--no-sync', '-Fc', '-f', "$dir/dump", 'postgres' ], 'dumped');
$node->safe_psql('postgres', 'CREATE DATABASE restored');
$node->command_ok([ 'pg_restore', '-d', 'restored', "$dir/dump" ], 'restored');
is($node->safe_psql('restored', 'SELECT count(*) FROM certmgr.ca_issuers'), $restored, 'a dump has all issuers');
is($node->safe_psql('restored', "SELECT certmgr.chain_pem($after)"), sql("SELECT certmgr.chain_pem($after)"), 'and the same chains');
$node->stop;
done_testing();
