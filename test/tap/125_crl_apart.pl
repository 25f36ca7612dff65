# CA certificates and end entities on lists of their own (onlyContainsCACerts, onlyContainsUserCerts): what OpenSSL and GnuTLS make of them, with
# deltas, with shards, after a new key, and when the lists are one again.
use strict;
use warnings FATAL => 'all';

use CertmgrTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = CertmgrTest::cluster('crl_apart');
my $dir = CertmgrTest::directory();

sub sql { return $node->safe_psql('postgres', $_[0]); }
sub keep { my ($file, $expression) = @_; CertmgrTest::write_file("$dir/$file", sql("SELECT $expression") . "\n"); return "$dir/$file"; }
sub run_quietly { my ($out, $err) = run_command([@_]); return "$out\n$err"; }
sub ca_certificate { return sql("SELECT certificate_id FROM certmgr.ca WHERE name = '$_[0]'"); }

# One certificate by the lists given (names of files).
sub verify
{
	my ($file, @lists) = @_;
	my $crls = CertmgrTest::write_file("$dir/crls.pem", join '', map { CertmgrTest::slurp("$dir/$_") } @lists);
	my @deltas = grep({ /delta/ } @lists) ? ('-use_deltas') : ();
	return run_quietly('openssl', 'verify', '-x509_strict', '-CAfile', "$dir/root.pem", '-untrusted', "$dir/int.pem", '-CRLfile', $crls, '-crl_check', '-extended_crl', @deltas, "$dir/$file");
}

sub points { return run_quietly('openssl', 'x509', '-in', "$dir/$_[0]", '-noout', '-ext', 'crlDistributionPoints,freshestCRL'); }
sub fetch { keep('user.crl', "certmgr.crl_pem('issuing', covers => 'user')"); keep('ca.crl', "certmgr.crl_pem('issuing', covers => 'ca')"); return; }

# ---- before: one list; then two, of what was issued before, too ----

sql(q{SELECT certmgr.create_root_ca('root', 'CN=Root');
	SELECT certmgr.create_intermediate_ca('issuing', 'root', 'CN=Issuing', path_length => 1);
	SELECT certmgr.create_intermediate_ca('early', 'issuing', 'CN=Early');
	SELECT certmgr.create_subscriber('web', 'issuing', sans => '{www.example.com}')});
my $before = sql("SELECT certmgr.issue('web')");
sql(q{SELECT certmgr.alter_crl('issuing', url => 'http://crl.example/user.crl', ca_url => 'http://crl.example/ca.crl', complete => false, delay => '0',
		delta_url => 'http://crl.example/user.delta', delta_lifetime => '1 hour');
	SELECT certmgr.create_intermediate_ca(n, 'issuing', 'CN=' || n) FROM unnest('{lower,lost}'::text[]) n});
my ($good, $bad, $late) = map { sql("SELECT certmgr.issue('web')") } 1 .. 3;
# A CA whose key is elsewhere is one as well.
sql(q{SELECT certmgr.create_template('sub', ca => true, path_length => 0, usages => '{keyCertSign,cRLSign}', subject => '{"CN": true}')});
run_quietly('openssl', 'req', '-new', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', "$dir/away.key", '-out', "$dir/away.csr", '-subj', '/CN=Away');
my $away = sql("SELECT certmgr.issue_from('issuing', template => 'sub', csr => '" . CertmgrTest::slurp("$dir/away.csr") . "')");
keep('root.pem', "certmgr.ca_pem('root')");
keep('int.pem', "certmgr.ca_pem('issuing')");
keep("$_.pem", "certmgr.ca_pem('$_')") for 'early', 'lower', 'lost';
keep("$_->[0].pem", "certmgr.certificate_pem($_->[1])") for [ before => $before ], [ good => $good ], [ bad => $bad ], [ late => $late ], [ away => $away ];

like(points('good.pem'), qr{URI:http://crl.example/user.crl.*URI:http://crl.example/user.delta}s, 'an end entity names the list of end entities and its delta');
like(points('lower.pem'), qr{URI:http://crl.example/ca.crl\s*$}s, 'a CA names that of CAs, which has no delta');
like(points('away.pem'), qr{URI:http://crl.example/ca.crl\s*$}s, 'so does one whose key is elsewhere');

sql("SELECT certmgr.revoke($_, 'superseded') FROM (SELECT 1) x") for $bad, $before, ca_certificate('lost'), ca_certificate('early'), $away;
sql("SELECT certmgr.refresh_crl('issuing')");
fetch();
my $user = run_quietly('openssl', 'crl', '-in', "$dir/user.crl", '-noout', '-text');
my $ca = run_quietly('openssl', 'crl', '-in', "$dir/ca.crl", '-noout', '-text');
like($user, qr/Issuing Distribution Point: critical\s+Only User Certificates/, 'OpenSSL reads the one');
like($ca, qr/Issuing Distribution Point: critical\s+Only CA Certificates/, 'and the other');
is(scalar(() = $user =~ /Serial Number:/g) . ' ' . scalar(() = $ca =~ /Serial Number:/g), '2 3', 'entries are split');
like(run_quietly('certtool', '--verify-crl', '--load-ca-certificate', "$dir/int.pem", '--infile', "$dir/$_"), qr/Verified\./, "GnuTLS verifies $_") for 'user.crl', 'ca.crl';

like(verify('good.pem', 'user.crl'), qr/good\.pem: OK/, 'a good end entity by the list of end entities');
like(verify('bad.pem', 'user.crl'), qr/certificate revoked/, 'a revoked one');
like(verify('before.pem', 'user.crl'), qr/certificate revoked/, 'one from before, which names no list');
like(verify('lower.pem', 'ca.crl'), qr/lower\.pem: OK/, 'a good CA by the list of CAs');
like(verify("$_.pem", 'ca.crl'), qr/certificate revoked/, "a revoked one ($_)") for 'lost', 'early', 'away';
like(verify('bad.pem', 'ca.crl'), qr/different CRL scope/i, 'the list of CAs says nothing of an end entity');
like(verify('lost.pem', 'user.crl'), qr/different CRL scope/i, 'nor that of end entities of a CA');
like(verify('good.pem', 'user.crl', 'ca.crl'), qr/good\.pem: OK/, 'both at hand: the right one is taken');
like(verify('lost.pem', 'user.crl', 'ca.crl'), qr/certificate revoked/, 'both at hand: the right one is taken');
like(run_quietly('certtool', '--verify', '--load-ca-certificate', "$dir/int.pem", '--load-crl', "$dir/user.crl", '--infile', "$dir/bad.pem"), qr/revoked/i, 'GnuTLS: revoked');
like(run_quietly('certtool', '--verify', '--load-ca-certificate', "$dir/int.pem", '--load-crl', "$dir/user.crl", '--infile', "$dir/good.pem"), qr/Output: Verified/, 'GnuTLS: good');

# ---- each is signed for what it covers; deltas are those of end entities ----

my ($number, $delta) = map { sql("SELECT number FROM certmgr.crl_status WHERE ca = 'issuing' AND $_") } "covers = 'ca'", "covers = 'user' AND delta";
sql("SELECT certmgr.revoke($late, 'keyCompromise')");
ok(CertmgrTest::poll_until($node, "SELECT number > $delta AND changed_since IS NULL FROM certmgr.crl_status WHERE ca = 'issuing' AND covers = 'user' AND delta"), 'the worker signs the delta');
is(sql("SELECT number FROM certmgr.crl_status WHERE ca = 'issuing' AND covers = 'ca'"), $number, 'and no list of CAs for an end entity');
keep('delta.crl', "certmgr.crl_pem('issuing', delta => true, covers => 'user')");
like(run_quietly('openssl', 'crl', '-in', "$dir/delta.crl", '-noout', '-text'), qr/Only User Certificates/, 'the delta has the scope of its base');
like(verify('late.pem', 'user.crl'), qr/late\.pem: OK/, 'not on the base');
like(verify('late.pem', 'user.crl', 'delta.crl'), qr/certificate revoked/, 'on the delta');

# ---- shards, and a new key ----

sql(q{SELECT certmgr.alter_crl('issuing', url => 'http://crl.example/{shard}.crl', shards => 2, delta_url => 'http://crl.example/{shard}.delta');
	SELECT certmgr.create_intermediate_ca('third', 'issuing', 'CN=Third')});
my $sharded = sql("SELECT certmgr.issue('web')");
my $shard = sql("SELECT shard FROM certmgr.certificate WHERE id = $sharded");
sql("SELECT certmgr.revoke(" . ca_certificate('third') . "); SELECT certmgr.refresh_crl('issuing')");
keep('sharded.pem', "certmgr.certificate_pem($sharded)");
keep('third.pem', "certmgr.ca_pem('third')");
keep('shard.crl', "certmgr.crl_pem('issuing', $shard)");
fetch();
like(run_quietly('openssl', 'crl', '-in', "$dir/shard.crl", '-noout', '-text'), qr{URI:http://crl.example/$shard.crl\s+Only User Certificates}, 'a shard is of end entities, and has its address');
like(verify('sharded.pem', 'shard.crl'), qr/sharded\.pem: OK/, 'good by its shard');
sql("SELECT certmgr.revoke($sharded); SELECT certmgr.refresh_crl('issuing')");
keep('shard.crl', "certmgr.crl_pem('issuing', $shard)");
like(verify('sharded.pem', 'shard.crl'), qr/certificate revoked/, 'revoked by its shard');
like(verify('third.pem', 'ca.crl'), qr/certificate revoked/, 'a CA is on the list of CAs still');
like(verify('late.pem', 'user.crl'), qr/certificate revoked/, 'what has no shard is on the list of end entities still');

sql("SELECT certmgr.renew_ca('issuing', new_key => true); SELECT certmgr.create_intermediate_ca('fourth', 'issuing', 'CN=Fourth')");
sql("SELECT certmgr.revoke(" . ca_certificate('fourth') . "); SELECT certmgr.refresh_crl('issuing')");
keep('int2.pem', "certmgr.ca_pem('issuing')");
keep('fourth.pem', "certmgr.ca_pem('fourth')");
keep('ca2.crl', "certmgr.crl_pem('issuing', covers => 'ca')");
keep('ca.crl', "certmgr.crl_pem('issuing', covers => 'ca', issuer => (SELECT issuer_id FROM certmgr.certificate WHERE id = $good))");
like(run_quietly('openssl', 'verify', '-CAfile', "$dir/root.pem", '-untrusted', "$dir/int2.pem", '-CRLfile', "$dir/ca2.crl", '-crl_check', '-extended_crl', "$dir/fourth.pem"), qr/certificate revoked/, 'the new key has its list of CAs');
like(verify('third.pem', 'ca.crl'), qr/certificate revoked/, 'the old key goes on with its own');

# ---- one list again; those that certificates name go on ----

sql(q{SELECT certmgr.alter_crl('issuing', ca_url => '', url => 'http://crl.example/all.crl', shards => 0, delta_url => '', delta_lifetime => '0', complete => true);
	SELECT certmgr.create_intermediate_ca('fifth', 'issuing', 'CN=Fifth')});
keep('fifth.pem', "certmgr.ca_pem('fifth')");
like(points('fifth.pem'), qr{URI:http://crl.example/all.crl\s*$}s, 'a CA names the list of everything');
sql("SELECT certmgr.revoke(" . ca_certificate('lower') . "); SELECT certmgr.refresh_crl('issuing')");
keep('ca.crl', "certmgr.crl_pem('issuing', covers => 'ca', issuer => (SELECT issuer_id FROM certmgr.certificate WHERE id = $good))");
like(verify('lower.pem', 'ca.crl'), qr/certificate revoked/, 'the list that an older CA certificate names goes on');
keep('all.crl', "certmgr.crl_pem('issuing', issuer => (SELECT issuer_id FROM certmgr.certificate WHERE id = $good))");
like(verify("$_.pem", 'all.crl'), qr/certificate revoked/, "the list of everything has both ($_)") for 'lower', 'bad';

$node->stop;
done_testing();
