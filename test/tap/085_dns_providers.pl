# The other DNS providers through the whole product, each validated by Pebble through the DNS that it writes: PowerDNS (the real server) by its
# API and by dynamic updates, Knot by dynamic updates, a webhook in lego's shape and in ours, acme-dns. Apex and wildcard, two zones,
# values of somebody else, lost answers, a killed worker, wrong credentials.
use strict;
use warnings FATAL => 'all';

use CertmgrTest;
use JSON::PP;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(sleep);

my $node = CertmgrTest::cluster('providers');
my $serial = 0;

# A provider and a CA of that name; Pebble asks the name server of the peer.
sub provider
{
	my ($name, $type, $acme, $secret, %config) = @_;
	my $anchors = CertmgrTest::slurp($acme->{ACME_TLS_CA});
	my $config = encode_json(\%config);
	$node->safe_psql('postgres', qq{
		SELECT certmgr.create_dns_provider('$name', '$type', \$c\$$config\$c\$, \$s\$$secret\$s\$);
		SELECT certmgr.create_acme_ca('$name', '$acme->{ACME_DIRECTORY}', dns_provider => '$name', terms_of_service_agreed => true, trust_anchors => '$anchors')});
	return;
}

sub order
{
	my ($ca, @sans) = @_;
	my $s = 's' . ++$serial;
	my $sans = join ',', @sans;
	$node->safe_psql('postgres', "SELECT certmgr.create_subscriber('$s', '$ca', auto_renew => false, sans => '{$sans}')");
	return $node->safe_psql('postgres', "SELECT certmgr.issue('$s')");
}

sub issues
{
	my ($what, @ids) = @_;
	my $ids = join ',', @ids;
	my $ok = ok(CertmgrTest::poll_until($node, "SELECT count(*) FROM certmgr.certificate WHERE id IN ($ids) AND state = 'issued'", scalar @ids, 90), $what);
	diag($node->safe_psql('postgres', "SELECT certificate, step, message FROM certmgr.order_status WHERE certificate IN ($ids) AND finished_at IS NULL")) unless $ok;
	return $ok;
}

# What the order waits for, once it matches; the order is then given up.
sub says
{
	my ($id, $like, $what) = @_;
	my $message;
	my $ok = CertmgrTest::wait_until(sub { $message = $node->safe_psql('postgres', "SELECT message FROM certmgr.order_status WHERE certificate = $id"); return $message =~ $like; }, 30);
	ok($ok, $what) or diag($message);
	$node->safe_psql('postgres', "SELECT certmgr.cancel($id)");
	return;
}

sub clean
{
	my ($what, $records, $expected) = @_;
	# With a wrong credential it is never known whether a record was written: those are tried for ever.
	ok(CertmgrTest::poll_until($node, q{SELECT count(*) FROM certmgr.dns_record r JOIN certmgr.dns_provider p ON p.id = r.dns_provider_id WHERE r.state <> 'removed' AND p.name NOT LIKE '% wrong'}, '0'),
		"$what: the ledger is clean");
	is($records->(), $expected // '', "$what: nothing of ours is left in DNS") if $records;
	return;
}

# TXT records of all zones of a real server.
sub txt
{
	my ($dns) = @_;
	return join "\n", grep { $_ ne '' } map { CertmgrTest::txt_records($dns, $_) } split / /, $dns->{DNS_ZONES};
}

# Kills the worker some times while orders are under way.
sub kill_some
{
	my ($what) = @_;
	my $kills = 0;
	for (1 .. 6)
	{
		sleep rand 0.4;
		my ($pid) = eval { CertmgrTest::worker_pids($node, 'certmgr worker%') };
		next unless $pid;
		CertmgrTest::kill9($pid);
		$kills++;
		CertmgrTest::wait_for_server($node);
	}
	ok($kills > 0, "$what: the worker was killed $kills times");
	return;
}

# ---- PowerDNS by its API ----
{
	my $dns = CertmgrTest::start_peer('powerdns.sh', {});
	my $acme = CertmgrTest::pebble($dns);
	my %config = (endpoint => $dns->{API_URL}, nameservers => [ $dns->{DNS_SERVER} ], resolvers => [ $dns->{DNS_SERVER} ]);
	my $foreign;

	# With quotes inside, if they may be there: PowerDNS 5.1 refuses what it shows itself.
	for my $value ('of \\\\\"somebody\\\\\" else', 'of somebody else')
	{
		# A server that says no to an update of somebody who has no key is the real one.
		next if system('curl', '-fsS', '-o', "$dns->{dir}/out", '-X', 'PATCH', '-H', "X-API-Key: $dns->{API_KEY}", '-d',
			"{\"rrsets\":[{\"name\":\"_acme-challenge.example.test.\",\"type\":\"TXT\",\"ttl\":300,\"changetype\":\"REPLACE\",\"records\":[{\"content\":\"\\\"$value\\\"\",\"disabled\":false}]}]}",
			"$dns->{API_URL}/api/v1/servers/localhost/zones/example.test.") != 0;
		$foreign = '_acme-challenge.example.test. "' . $value =~ s/\\\\\\/\\/gr . '"';
		last;
	}
	isnt($foreign, undef, 'PowerDNS takes a value of somebody else') or die;
	is(txt($dns), $foreign, 'PowerDNS: somebody else has a value at the name');
	provider('powerdns', 'powerdns', $acme, $dns->{API_KEY}, %config);
	issues('PowerDNS: apex, wildcard, a zone below, another zone', order('powerdns', 'example.test', '*.example.test', 'www.sub.example.test', 'other.test'));
	clean('PowerDNS', sub { txt($dns) }, $foreign);
	# Orders that change the same set at the same time.
	issues('PowerDNS: five orders at the same names', map { order('powerdns', 'example.test', '*.example.test') } 1 .. 5);
	clean('PowerDNS, five orders', sub { txt($dns) }, $foreign);
	my @ids = map { order('powerdns', "k$_.example.test", "*.k$_.example.test") } 1 .. 5;
	kill_some('PowerDNS');
	issues('PowerDNS: orders issue although the worker was killed', @ids);
	clean('PowerDNS, killed worker', sub { txt($dns) }, $foreign);
	provider('powerdns wrong', 'powerdns', $acme, 'wrong', %config);
	says(order('powerdns wrong', 'a.example.test'), qr/PowerDNS refused to list its zones.*HTTP 401: check the secret \(api-key in pdns\.conf\)/s, 'PowerDNS: a wrong key');

	# The same server by dynamic updates.
	provider('powerdns updates', 'rfc2136', $acme, $dns->{TSIG_SECRET}, server => $dns->{DNS_SERVER}, key_name => $dns->{TSIG_KEY}, nameservers => [ $dns->{DNS_SERVER} ]);
	issues('PowerDNS by dynamic updates', order('powerdns updates', 'example.test', '*.example.test', 'other.test'));
	clean('PowerDNS by dynamic updates', sub { txt($dns) }, $foreign);
	CertmgrTest::stop_peer($_) for $dns, $acme;
}

# ---- Knot by dynamic updates ----
{
	my $dns = CertmgrTest::start_peer('knot.sh', {});
	my $acme = CertmgrTest::pebble($dns);
	my %config = (server => $dns->{DNS_SERVER}, key_name => $dns->{TSIG_KEY}, nameservers => [ $dns->{DNS_SERVER} ]);

	provider('knot', 'rfc2136', $acme, $dns->{TSIG_SECRET}, %config);
	issues('Knot: apex, wildcard, a zone below, another zone', order('knot', 'example.test', '*.example.test', 'www.sub.example.test', 'other.test'));
	clean('Knot', sub { txt($dns) });
	provider('knot wrong', 'rfc2136', $acme, 'd3JvbmcgIG9mIHRoZSB1bml0IHRlc3QgMDEyMzQ1Ng==', %config);
	says(order('knot wrong', 'a.example.test'), qr/BADSIG|BADKEY|NOTAUTH/, 'Knot: a wrong key');
	CertmgrTest::stop_peer($_) for $dns, $acme;
}

# ---- webhooks ----
{
	my $hook = CertmgrTest::double('webhook', 'changes=1');
	my $acme = CertmgrTest::pebble($hook);
	my %config = (trust_anchors => CertmgrTest::slurp($hook->{API_TLS_CA}), nameservers => [ $hook->{DNS_SERVER} ]);
	my $records = sub { join ' ', sort keys %{ CertmgrTest::control($hook, '/dns') } };

	provider('httpreq', 'webhook', $acme, 'hook-password', %config, endpoint => "$hook->{API_URL}/httpreq/", username => 'hook', zone => [ 'example.test', 'other.test' ]);
	CertmgrTest::control($hook, '/faults', [ map { { path => $_, do => 'lost' } } 'present', 'cleanup' ]);
	issues('webhook, httpreq: apex, wildcard, another zone, lost answers', order('httpreq', 'example.test', '*.example.test', 'www.other.test'));
	clean('webhook, httpreq', $records);
	provider('raw', 'webhook', $acme, 'hook-password', %config, endpoint => "$hook->{API_URL}/raw", format => 'httpreq-raw', username => 'hook', zone => [ 'example.test', 'other.test' ]);
	issues('webhook, httpreq-raw: apex, wildcard, another zone', order('raw', 'example.test', '*.example.test', 'www.other.test'));
	clean('webhook, httpreq-raw', $records);
	my (undef, $told) = $node->psql('postgres', q{CALL certmgr.check_dns_provider('raw', 'example.test')});
	like($told, qr/^f\|add: .*writes answers to dns-01 challenges only/, 'webhook, httpreq-raw: a probe is no challenge');
	provider('httpreq wrong', 'webhook', $acme, 'wrong', %config, endpoint => "$hook->{API_URL}/httpreq", username => 'hook', zone => 'example.test');
	says(order('httpreq wrong', 'a.example.test'), qr/the webhook refused to add a TXT record.*HTTP 401: who are you\?\. Check the secret/s, 'webhook, httpreq: a wrong password');

	provider('signed', 'webhook', $acme, '0123456789abcdef0123456789abcdef', %config, endpoint => "$hook->{API_URL}/certmgr", format => 'certmgr');
	CertmgrTest::control($hook, '/faults', [ { body => '"action":"add"', do => 'lost' }, { body => '"action":"remove"', do => 'lost' }, { body => 'find_zone', do => 'answer', status => 429, headers => { 'Retry-After' => '1' } } ]);
	issues('webhook, signed: apex, wildcard, a zone below, lost answers, 429', order('signed', 'example.test', '*.example.test', 'www.sub.example.test'));
	clean('webhook, signed', $records);
	cmp_ok(CertmgrTest::control($hook, '/state')->{replays}, '>=', 2, 'lost answers were asked for again with the same key');
	provider('signed wrong', 'webhook', $acme, 'another key of good length', %config, endpoint => "$hook->{API_URL}/certmgr", format => 'certmgr');
	says(order('signed wrong', 'a.example.test'), qr/the webhook refused to find the zone.*the signature is wrong/s, 'webhook, signed: a wrong key');
	CertmgrTest::control($hook, '/faults', [ { body => '"action":"add"', do => 'wait' } ]);
	my $id = order('signed', 'killed.example.test', '*.killed.example.test');
	ok(CertmgrTest::wait_until(sub { return !@{ CertmgrTest::control($hook, '/faults') } }, 60), 'webhook: the call is under way');
	my ($pid) = CertmgrTest::worker_pids($node, 'certmgr worker%');
	ok(CertmgrTest::kill9($pid), 'webhook: the worker is killed');
	CertmgrTest::control($hook, '/go', {});
	CertmgrTest::wait_for_server($node);
	issues('webhook: the order issues', $id);
	clean('webhook, killed worker', $records);
	CertmgrTest::stop_peer($_) for $hook, $acme;
}

# ---- acme-dns: the challenge names are CNAMEs into its zone ----
{
	my $dns = CertmgrTest::double('acmedns', 'accounts=2');
	my $acme = CertmgrTest::pebble($dns);
	my @accounts = split /;/, $dns->{ACCOUNTS};
	my ($first, $second) = map { (split / /)[0] } @accounts;
	my ($user, $password) = (split / /, $accounts[0])[ 1, 2 ];
	my %config = (trust_anchors => CertmgrTest::slurp($dns->{API_TLS_CA}), endpoint => $dns->{API_URL}, nameservers => [ $dns->{DNS_SERVER} ], resolvers => [ $dns->{DNS_SERVER} ]);

	CertmgrTest::control($dns, '/set', { cname => { '_acme-challenge.example.test' => $first, '_acme-challenge.www.other.test' => $second } });
	provider('acmedns', 'acme-dns', $acme, join("\n", @accounts), %config);
	CertmgrTest::control($dns, '/faults', [ { path => 'update', do => 'lost' }, { path => 'update', skip => 1, do => 'answer', status => 503, headers => { 'Retry-After' => '1' } } ]);
	issues('acme-dns: apex and wildcard by one account, another zone by another', order('acmedns', 'example.test', '*.example.test', 'www.other.test'));
	clean('acme-dns');
	provider('acmedns one', 'acme-dns', $acme, $password, %config, fulldomain => $first, username => $user);
	issues('acme-dns: an account in the config', order('acmedns one', 'example.test'));
	provider('acmedns wrong', 'acme-dns', $acme, 'wrong', %config, fulldomain => $first, username => $user);
	says(order('acmedns wrong', 'example.test'), qr/acme-dns refused to update.*HTTP 401: forbidden\. Check user name and password/s, 'acme-dns: a wrong password');
	says(order('acmedns one', 'plain.example.test'), qr/Create the record: _acme-challenge\.plain\.example\.test CNAME \Q$first\E/, 'acme-dns: a name that is not delegated');
	CertmgrTest::stop_peer($_) for $dns, $acme;
}

$node->stop;
done_testing();
