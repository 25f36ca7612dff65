# Around an order: rate limits that are kept before the CA says no, one order at a time where the CA wants that, a CA that is down (circuit
# breaker) and another one that steps in, a late certificate, turns between subscribers.
use strict;
use warnings FATAL => 'all';

use CertmgrTest;
use IPC::Run ();
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = CertmgrTest::cluster('limits');
my $dns  = CertmgrTest::bind();
my $one  = CertmgrTest::pebble($dns);
my $two  = CertmgrTest::pebble($dns);
my $config = CertmgrTest::rfc2136_config($dns);

$node->safe_psql('postgres', qq{SELECT certmgr.create_dns_provider('bind', 'rfc2136', '$config', '$dns->{TSIG_SECRET}')});
for my $ca ([ 'one', $one ], [ 'two', $two ])
{
	my $anchors = CertmgrTest::slurp($ca->[1]{ACME_TLS_CA});
	$node->safe_psql('postgres', qq{SELECT certmgr.create_acme_ca('$ca->[0]', '$ca->[1]{ACME_DIRECTORY}', dns_provider => 'bind', terms_of_service_agreed => true, trust_anchors => '$anchors')});
	ok(CertmgrTest::poll_until($node, "SELECT state = 'active' FROM certmgr.ca WHERE name = '$ca->[0]'"), "CA $ca->[0] is registered");
}

# Subscribers PREFIX1 ... PREFIXn of a CA, a certificate ordered for each.
sub order
{
	my ($prefix, $n, $ca) = @_;
	$node->safe_psql('postgres', qq{
		SELECT certmgr.create_subscriber('$prefix' || i, '$ca', auto_renew => false, sans => ARRAY['$prefix' || i || '.example.test']) FROM generate_series(1, $n) i;
		SELECT certmgr.issue('$prefix' || i) FROM generate_series(1, $n) i});
	return;
}
sub issued { my ($prefix) = @_; return "SELECT count(*) FROM certmgr.certificate c JOIN certmgr.subscriber s ON s.id = c.subscriber_id WHERE s.name LIKE '$prefix%' AND c.state = 'issued'"; }
sub message { my ($name) = @_; return $node->safe_psql('postgres', "SELECT c.status_message FROM certmgr.certificate c JOIN certmgr.subscriber s ON s.id = c.subscriber_id WHERE s.name = '$name' ORDER BY c.id LIMIT 1"); }

# ---- rate limits ----

$node->safe_psql('postgres', q{SELECT certmgr.set_acme_limit('one', 'account_orders', 2, '4 seconds')});
order('lim', 4, 'one');
ok(CertmgrTest::poll_until($node, q{SELECT count(*) > 0 FROM certmgr.certificate WHERE status_message LIKE 'waits for the CA''s rate limit of orders of our account until %'}),
	'what is above the limit waits and says why');
ok(CertmgrTest::poll_until($node, issued('lim'), '4'), 'all are issued in the end');
is($node->safe_psql('postgres', q{SELECT extract(epoch FROM max(o.created_at) - min(o.created_at)) < 1 AND extract(epoch FROM max(o.finished_at) - min(o.created_at)) > 3
	FROM certmgr.order_status o WHERE o.subscriber LIKE 'lim%'}), 't', 'two at once, two when the limit let them');
is($node->safe_psql('postgres', 'SELECT count(*) FROM certmgr_private.acme_charge'), '0', 'nothing is left to be given back');
$node->safe_psql('postgres', q{SELECT certmgr.set_acme_limit('one', 'account_orders', NULL, NULL); DELETE FROM certmgr.acme_limit_state});

# A name that fails is not tried more often than five times an hour: Pebble refuses this one each time.
$node->safe_psql('postgres', q{
	INSERT INTO certmgr.acme_limit_state (ca_id, scope, key, tat) SELECT id, 'name_failures', 'bad1.example.test', now() + interval '1 hour' FROM certmgr.ca WHERE name = 'one'});
order('bad', 1, 'one');
ok(CertmgrTest::poll_until($node, q{SELECT status_message LIKE '%rate limit of failures of bad1.example.test%' FROM certmgr.certificate c JOIN certmgr.subscriber s ON s.id = c.subscriber_id WHERE s.name = 'bad1'}),
	'a name with too many failures waits');
$node->safe_psql('postgres', q{SELECT certmgr.cancel(c.id) FROM certmgr.certificate c JOIN certmgr.subscriber s ON s.id = c.subscriber_id WHERE s.name = 'bad1'});

# ---- one order at a time ----

$node->safe_psql('postgres', q{SELECT certmgr.alter_acme_ca('one', quirks => '{"in_flight": 1}')});
order('serial', 4, 'one');
ok(CertmgrTest::poll_until($node, issued('serial'), '4'), 'a CA that takes one order at a time: all are issued');
# Each is finished before the next one is known to the CA.
is($node->safe_psql('postgres', q{
	SELECT count(*) FROM certmgr.order_status a JOIN certmgr.order_status b ON a.subscriber LIKE 'serial%' AND b.subscriber LIKE 'serial%' AND a.finished_at < b.finished_at
	 WHERE b.finished_at - a.finished_at < interval '5 ms'}), '0', 'none overlapped');
$node->safe_psql('postgres', q{SELECT certmgr.alter_acme_ca('one', quirks => '{}')});

# ---- the CA is down: its breaker opens, another one steps in, the first order stays ----

my $pebble = CertmgrTest::slurp("$one->{dir}/pebble.pid") + 0;
kill 'KILL', $pebble;
CertmgrTest::wait_until(sub { !kill 0, $pebble }, 10, 'Pebble one is gone');
$node->safe_psql('postgres', q{
	SELECT certmgr.create_subscriber('fall', 'one', auto_renew => false, sans => '{fall.example.test}');
	SELECT certmgr.set_fallback('fall', '{two}', '2 seconds');
	SELECT certmgr.issue('fall')});
ok(CertmgrTest::poll_until($node, issued('fall'), '1'), 'another CA delivers');
is($node->safe_psql('postgres', q{SELECT a.name || ' ' || c.state FROM certmgr.certificate c JOIN certmgr.subscriber s ON s.id = c.subscriber_id JOIN certmgr.ca a ON a.id = c.ca_id
	WHERE s.name = 'fall' ORDER BY c.id}), "one pending\ntwo issued", 'the first order is still there');
ok(CertmgrTest::poll_until($node, q{SELECT breaker <> 'closed' FROM certmgr.acme_ca_status WHERE ca = 'one'}), 'the breaker of the CA that is down opens');
like($node->safe_psql('postgres', q{SELECT finding FROM certmgr.health WHERE object = 'ca one'}), qr/does not answer as it should/, 'health says so');
is($node->safe_psql('postgres', q{SELECT breaker FROM certmgr.acme_ca_status WHERE ca = 'two'}), 'closed', 'that of the other is closed');

# It comes back, as another process that knows no accounts: the order finds its way, late.
my $again = IPC::Run::start([ "$one->{dir}/pebble", '-config', "$one->{dir}/pebble.json", '-dnsserver', $dns->{DNS_SERVER} ],
	'<', \undef, '>>', $one->{PEBBLE_LOG}, '2>&1', init => sub { $ENV{PEBBLE_VA_NOSLEEP} = 1; $ENV{PEBBLE_WFE_NONCEREJECT} = 0; $ENV{PEBBLE_AUTHZREUSE} = 0; });
CertmgrTest::wait_until(sub { system("curl -fsS -m 2 -o /dev/null --cacert $one->{ACME_TLS_CA} $one->{ACME_DIRECTORY} 2>/dev/null") == 0 }, 20, 'Pebble one answers');
# The pause is over as soon as somebody says so.
$node->safe_psql('postgres', q{
	UPDATE certmgr.acme_breaker SET open_until = now();
	UPDATE certmgr_private.job SET due_at = now() WHERE lease_until IS NULL;
	SELECT certmgr.alter_acme_ca('one')});
ok(CertmgrTest::poll_until($node, issued('fall'), '2'), 'the first CA delivers late') || diag(message('fall'));
ok(CertmgrTest::poll_until($node, q{SELECT breaker FROM certmgr.acme_ca_status WHERE ca = 'one'}, 'closed'), 'its breaker is closed again');
is($node->safe_psql('postgres', q{SELECT c.metadata->>'late' || ' ' || (c.renew_at IS NULL)::text || ' ' || (c.metadata->>'instead' = f.certificate_id::text)::text
	FROM certmgr.fallback_certificate f JOIN certmgr.certificate c ON c.id = f.first_id}), 'true true true', 'what came late is kept and marked');

# ---- turns: a fleet of one subscriber does not stand in the way of another ----

$node->append_conf('postgresql.conf', 'certmgr.max_orders_in_flight = 2');
$node->restart;
$node->safe_psql('postgres', q{
	SELECT certmgr.create_subscriber('fleet', 'two', auto_renew => false, sans => '{fleet.example.test}');
	SELECT certmgr.create_subscriber('small', 'two', auto_renew => false, sans => '{small.example.test}');
	SELECT certmgr.issue('fleet') FROM generate_series(1, 20);
	SELECT certmgr.issue('small')});
ok(CertmgrTest::poll_until($node, issued('small'), '1'), 'the small one is served');
ok(CertmgrTest::poll_until($node, issued('fleet'), '20', 120), 'and the fleet');
# By the first request of each: how long an order then takes is the CA's affair.
cmp_ok($node->safe_psql('postgres', q{WITH first AS (SELECT o.subscriber, min(x.id) AS request FROM certmgr.order_status o JOIN certmgr.acme_exchange x ON x.order_id = o.id
		WHERE o.subscriber IN ('fleet', 'small') GROUP BY o.id, o.subscriber)
	SELECT count(*) FROM first f JOIN first s ON f.subscriber = 'fleet' AND s.subscriber = 'small' AND f.request < s.request}),
	'<', 15, 'the small one, asked for last, is not served last');

# Neither does what waits in front and behind: a CA that takes one order at a time, and that one waits for a person.
$node->safe_psql('postgres', q{
	SELECT certmgr.create_dns_provider('hand', 'manual');
	SELECT certmgr.set_dns_zone('queue.example.test', 'hand');
	SELECT certmgr.alter_acme_ca('one', quirks => '{"in_flight": 1}');
	SELECT certmgr.create_subscriber('queue', 'one', auto_renew => false, sans => '{queue.example.test}');
	SELECT certmgr.create_subscriber('between', 'two', auto_renew => false, sans => '{between.example.test}');
	BEGIN;
	SELECT certmgr.issue('queue') FROM generate_series(1, 300);
	SELECT certmgr.issue('between');
	SELECT certmgr.issue('queue') FROM generate_series(1, 300);
	COMMIT});
ok(CertmgrTest::poll_until($node, issued('between'), '1', 60), 'one between two queues is served');
is($node->safe_psql('postgres', issued('queue')), '0', 'while those wait');

$again->kill_kill;
$node->stop;
done_testing();
