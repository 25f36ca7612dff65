# CAs whose keys are elsewhere (openssl keeps them): a root and a policy CA known by their certificates, renewed there with the same key and with
# a new one. What certmgr puts into chains is what OpenSSL and GnuTLS verify, for what was issued before and after.
use strict;
use warnings FATAL => 'all';

use CertmgrTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = CertmgrTest::cluster('certificate_only');
my $dir = CertmgrTest::directory();

sub sql { return $node->safe_psql('postgres', $_[0]); }
sub keep { my ($file, $expression) = @_; CertmgrTest::write_file("$dir/$file", sql("SELECT $expression") . "\n"); return "$dir/$file"; }
sub quietly { my ($out, $err) = run_command([@_]); return "$out\n$err"; }
sub pem { return CertmgrTest::slurp("$dir/$_[0].pem"); }

# ---- what the people elsewhere do ----

CertmgrTest::write_file("$dir/ca.cnf", "basicConstraints=critical,CA:true\nkeyUsage=critical,keyCertSign,cRLSign\nsubjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid\n");
sub new_key { quietly('openssl', 'genpkey', '-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:P-256', '-out', "$dir/$_[0].key"); return; }
sub root { my ($name, $key, $days) = @_; quietly('openssl', 'req', '-x509', '-new', '-key', "$dir/$key.key", '-subj', '/O=Away/CN=Away Root', '-days', $days, '-sha256', '-addext', 'keyUsage=critical,keyCertSign,cRLSign', '-out', "$dir/$name.pem"); return; }

# name: of the certificate; key: of the CA that gets it (or its request); by: certificate and key of its issuer
sub certify
{
	my ($name, $request, $by, $by_key, $days) = @_;
	quietly('openssl', 'x509', '-req', '-in', $request, '-CA', "$dir/$by.pem", '-CAkey', "$dir/$by_key.key", '-CAcreateserial', '-days', $days, '-sha256', '-extfile', "$dir/ca.cnf", '-out', "$dir/$name.pem");
	return;
}
sub request { my ($key) = @_; quietly('openssl', 'req', '-new', '-key', "$dir/$key.key", '-subj', '/O=Away/CN=Away Policy', '-out', "$dir/$key.csr"); return "$dir/$key.csr"; }

new_key($_) for 'r1', 'r2', 'p1', 'p2';
root('root1', 'r1', 1000);
certify('policy1', request('p1'), 'root1', 'r1', 900);

# What verifies, with the chain as it is given, by that root.
sub verifies
{
	my ($name, $id, $root) = @_;
	my $leaf = keep('leaf.pem', "certmgr.certificate_pem($id)");
	my $chain = keep('chain.pem', "certmgr.chain_pem($id)");
	my $bundle = keep('bundle.pem', "certmgr.bundle_pem($id)");
	command_ok([ 'openssl', 'verify', '-x509_strict', '-no-CAfile', '-no-CApath', '-trusted', "$dir/$root.pem", '-untrusted', $chain, $leaf ], "$name: OpenSSL");
	like(quietly('certtool', '--verify', '--load-ca-certificate', "$dir/$root.pem", '--infile', $bundle), qr/The certificate is trusted/, "$name: GnuTLS");
	return;
}
# Serial numbers of the issuers in its chain, as they are elsewhere.
sub names_in_chain
{
	my ($id) = @_;
	my %known = map { my $n = $_; (sql("SELECT certmgr.fingerprint('" . pem($n) . "')") => $n) } grep { -e "$dir/$_.pem" } 'root1', 'root2', 'root3', 'policy1', 'policy2', 'policy3';
	my @names;
	push @names, $known{ sql("SELECT certmgr.fingerprint('$_')") } // 'ours' for sql("SELECT certmgr.chain_pem($id)") =~ /-----BEGIN.*?-----END CERTIFICATE-----/gs;
	return "@names";
}
sub issue { return sql("SELECT certmgr.issue_from('issuing', 'CN=www.example.com', '{www.example.com}')"); }
sub install { my ($ca, $certificate) = @_; return sql("SELECT certmgr.install_ca_certificate('$ca', '" . pem($certificate) . "')"); }

# ---- known by their first certificates, an issuing CA below ----

sql("SELECT certmgr.import_ca('root', '" . pem('root1') . "'); SELECT certmgr.import_ca('policy', '" . pem('policy1') . "'); SELECT certmgr.create_intermediate_ca('issuing', NULL, 'CN=Issuing')");
certify('issuing1', keep('issuing.csr', "certmgr.ca_csr('issuing')"), 'policy1', 'p1', 800);
install('issuing', 'issuing1');
is(sql("SELECT string_agg(issued_by, ',' ORDER BY certificate) FROM certmgr.ca_issuers"), 'root,root,policy', 'each issuer is known');
my $first = issue();
is(names_in_chain($first), 'ours policy1', 'the chain goes through the first certificate');
verifies('at first', $first, 'root1');

# ---- the same keys again ----

root('root2', 'r1', 3000);
certify('policy2', request('p1'), 'root2', 'r1', 2500);
install('root', 'root2');
install('policy', 'policy2');
my $second = issue();
is(sql("SELECT string_agg(ca || ' ' || state || ' ' || has_key, ',' ORDER BY certificate) FROM certmgr.ca_issuers WHERE ca <> 'issuing'"),
	'root alternative false,policy alternative false,root active false,policy active false', 'two issuers each, the renewed ones active');
is(names_in_chain($_), 'ours policy2', 'the chain goes through the renewed certificate') for $first, $second;
verifies('issued before, new root certificate', $first, 'root2');
verifies('issued after, old root certificate', $second, 'root1');

# ---- new keys, one after the other ----

certify('policy3', request('p2'), 'root2', 'r1', 2600);
install('policy', 'policy3');
is(names_in_chain($second), 'ours policy2', 'what the old key signed stays with it');
verifies('the old key', $second, 'root2');
certify('issuing2', keep('issuing.csr', "certmgr.ca_csr('issuing')"), 'policy3', 'p2', 2000);
install('issuing', 'issuing2');
my $third = issue();
is(names_in_chain($third), 'ours policy3', 'the renewed issuing CA is under the new key');
verifies('the new key', $third, 'root2');
root('root3', 'r2', 3600);
install('root', 'root3');
is(names_in_chain($third), 'ours policy3', 'a new root changes no path that exists');
verifies('the old root', $third, 'root2');
is(sql("SELECT string_agg(state, ',' ORDER BY certificate) FROM certmgr.ca_issuers WHERE ca = 'root'"), 'retired,retired,active', 'the old root key is retired');

# ---- the first certificate ends: time elsewhere ----

sql("UPDATE certmgr.certificate SET not_after = now() - interval '1 minute' WHERE id = (SELECT certificate_id FROM certmgr.ca WHERE name = 'policy')");
sql("SELECT certmgr.activate_ca_issuer('policy', (SELECT min(certificate) FROM certmgr.ca_issuers WHERE ca = 'policy'))");
sql("UPDATE certmgr.certificate SET not_after = now() - interval '1 minute' WHERE id = (SELECT min(certificate) FROM certmgr.ca_issuers WHERE ca = 'policy')");
sql("SELECT certmgr.activate_ca_issuer('issuing', (SELECT min(certificate) FROM certmgr.ca_issuers WHERE ca = 'issuing'))");
is(names_in_chain($first), 'ours policy2', 'one that has expired is passed by');
verifies('passed by', $first, 'root2');

# ---- rows like any others ----

my $issuers = sql('SELECT count(*) FROM certmgr.ca_issuers');
$node->command_ok([ 'pg_dump', '--no-sync', '-Fc', '-f', "$dir/dump", 'postgres' ], 'dumped');
$node->safe_psql('postgres', 'CREATE DATABASE restored');
$node->command_ok([ 'pg_restore', '-d', 'restored', "$dir/dump" ], 'restored');
is($node->safe_psql('restored', 'SELECT count(*) FROM certmgr.ca_issuers'), $issuers, 'a dump has all issuers');
is($node->safe_psql('restored', "SELECT certmgr.chain_pem($third)"), sql("SELECT certmgr.chain_pem($third)"), 'and the same chains');

$node->stop;
done_testing();
