# ACME by DNS-01 on real parts (Pebble validates by BIND): 50 orders at once, then as many while the worker is killed at
# 20 random moments. Wanted: every order issues, as many certificates at Pebble as names, no TXT record left.
use strict;
use warnings FATAL => 'all';

use CertmgrTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(sleep);

my $orders = 50;
my $node = CertmgrTest::cluster('acme');
my $dns = CertmgrTest::bind();
my $acme = CertmgrTest::pebble($dns);
plan skip_all => 'this Pebble stands no parallel orders' unless CertmgrTest::pebble_is_safe($acme);

my $anchors = CertmgrTest::slurp($acme->{ACME_TLS_CA});
my $config = CertmgrTest::rfc2136_config($dns);
$node->safe_psql('postgres', qq{
	SELECT certmgr.create_dns_provider('bind', 'rfc2136', '$config', '$dns->{TSIG_SECRET}');
	SELECT certmgr.create_acme_ca('pebble', '$acme->{ACME_DIRECTORY}', dns_provider => 'bind', terms_of_service_agreed => true, trust_anchors => '$anchors');
});
ok(CertmgrTest::poll_until($node, q{SELECT state = 'active' FROM certmgr.ca WHERE name = 'pebble'}), 'the account is registered');

# Orders of one round: names host1.roundN.example.test and so on; the first asks for apex and wildcard, and a name in another zone.
sub order_all
{
	my ($round) = @_;
	$node->safe_psql('postgres', qq{
		SELECT certmgr.create_subscriber('r$round ' || i, 'pebble', auto_renew => false, sans => CASE i
			WHEN 1 THEN '{r$round.example.test,*.r$round.example.test,r$round.other.test}'::text[]
			ELSE ARRAY['h' || i || '.r$round.example.test'] END) FROM generate_series(1, $orders) i;
		SELECT certmgr.issue('r$round ' || i) FROM generate_series(1, $orders) i;});
	return;
}

sub issued { my ($round) = @_; return "SELECT count(*) FROM certmgr.certificate c JOIN certmgr.subscriber s ON s.id = c.subscriber_id WHERE s.name LIKE 'r$round %' AND c.state = 'issued'"; }

sub no_litter
{
	my ($round) = @_;
	ok(CertmgrTest::poll_until($node, q{SELECT count(*) FROM certmgr.dns_record WHERE state <> 'removed'}, '0'), "round $round: the ledger is clean");
	is(CertmgrTest::txt_records($dns, 'example.test'), '', "round $round: no TXT record is left in example.test");
	is(CertmgrTest::txt_records($dns, 'other.test'), '', "round $round: nor in other.test");
	return;
}

order_all(1);
ok(CertmgrTest::poll_until($node, issued(1), $orders, 120), "round 1: $orders orders at once all issue")
  or diag($node->safe_psql('postgres', 'SELECT id, step, ca_status, message FROM certmgr.order_status WHERE finished_at IS NULL LIMIT 10'));
is(CertmgrTest::certificates_at_pebble($acme), $orders, 'round 1: as many certificates at Pebble as orders');
no_litter(1);

# What was issued verifies with tools that are not ours.
my $dir = CertmgrTest::directory();
my $id = $node->safe_psql('postgres', q{SELECT c.id FROM certmgr.certificate c JOIN certmgr.subscriber s ON s.id = c.subscriber_id WHERE s.name = 'r1 1'});
CertmgrTest::write_file("$dir/leaf.pem", $node->safe_psql('postgres', "SELECT certmgr.certificate_pem($id)") . "\n");
CertmgrTest::write_file("$dir/chain.pem", $node->safe_psql('postgres', "SELECT certmgr.chain_pem($id)") . "\n");
command_ok([ 'openssl', 'verify', '-CAfile', $acme->{ACME_ROOT}, '-untrusted', "$dir/chain.pem", "$dir/leaf.pem" ], 'openssl verifies the chain');
command_like([ 'openssl', 'x509', '-in', "$dir/leaf.pem", '-noout', '-ext', 'subjectAltName' ], qr/\*\.r1\.example\.test/, 'with the wildcard');

order_all(2);
my $kills = 0;
for my $n (1 .. 20)
{
	sleep rand 0.7;
	my ($pid) = eval { CertmgrTest::worker_pids($node, 'certmgr worker%') };
	next unless $pid;
	CertmgrTest::kill9($pid);
	$kills++;
	CertmgrTest::wait_for_server($node);
}
note("$kills kills hit a worker");
ok($kills > 0, 'some kills hit a worker');
ok(CertmgrTest::poll_until($node, issued(2), $orders, 240), "round 2: all issue although the worker was killed $kills times")
  or diag($node->safe_psql('postgres', 'SELECT id, step, ca_status, next_attempt, message FROM certmgr.order_status WHERE finished_at IS NULL LIMIT 10'));
is(CertmgrTest::certificates_at_pebble($acme), 2 * $orders, 'round 2: no certificate too many at Pebble');
no_litter(2);

# Revocation goes to the CA.
$node->safe_psql('postgres', "SELECT certmgr.revoke($id, 'superseded')");
ok(CertmgrTest::poll_until($node, "SELECT count(*) FROM certmgr_private.job WHERE kind = 'acme_revoke'", '0'), 'the worker revoked it at the CA');
is($node->safe_psql('postgres', "SELECT state FROM certmgr.certificate WHERE id = $id"), 'revoked', 'and it is revoked here');

$node->stop;
done_testing();
