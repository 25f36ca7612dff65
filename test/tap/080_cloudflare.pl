# Cloudflare by its double (test/doubles/cloudflare.py), validated by Pebble through the DNS that the double serves: apex and wildcard, two
# zones, somebody else's values at the same name, lost answers, 429, a worker killed between call and commit, credentials that lack
# something. At the end of each part no record of ours is left.
use strict;
use warnings FATAL => 'all';

use CertmgrTest;
use JSON::PP;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = CertmgrTest::cluster('cloudflare');
my $api = CertmgrTest::double('cloudflare', 'page=2', 'pending=pending.test');
my $acme = CertmgrTest::pebble($api);
my $anchors = CertmgrTest::slurp($acme->{ACME_TLS_CA});

sub provider
{
	my ($name, $secret, %config) = @_;
	my $config = encode_json({ endpoint => "$api->{API_URL}/client/v4", trust_anchors => CertmgrTest::slurp($api->{API_TLS_CA}), nameservers => [ $api->{DNS_SERVER} ], resolvers => [ $api->{DNS_SERVER} ], %config });
	$node->safe_psql('postgres', qq{
		SELECT certmgr.create_dns_provider('$name', 'cloudflare', \$c\$$config\$c\$, '$secret');
		SELECT certmgr.create_acme_ca('$name', '$acme->{ACME_DIRECTORY}', dns_provider => '$name', terms_of_service_agreed => true, trust_anchors => '$anchors')});
	return;
}

my $serial = 0;
# Issues for the SANs; the certificate's id.
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
	my ($id, $what) = @_;
	my $ok = ok(CertmgrTest::poll_until($node, "SELECT state = 'issued' FROM certmgr.certificate WHERE id = $id", 't', 90), $what);
	diag($node->safe_psql('postgres', "SELECT step, message FROM certmgr.order_status WHERE certificate = $id"), "\n", encode_json(CertmgrTest::control($api, '/log'))) unless $ok;
	return $ok;
}

# What the order waits for, once it matches.
sub says
{
	my ($id, $like, $what) = @_;
	my $message;
	my $ok = CertmgrTest::wait_until(sub { $message = $node->safe_psql('postgres', "SELECT message FROM certmgr.order_status WHERE certificate = $id"); return $message =~ $like; }, 30);
	ok($ok, $what) or diag($message);
	return;
}

sub clean
{
	my ($what) = @_;
	ok(CertmgrTest::poll_until($node, q{SELECT count(*) FROM certmgr.dns_record WHERE state <> 'removed'}, '0'), "$what: the ledger is clean");
	my @left = grep { $_->{comment} } @{ CertmgrTest::control($api, '/state')->{records} };
	is_deeply(\@left, [], "$what: no record of ours is left at Cloudflare");
	return;
}

sub requests { return scalar @{ CertmgrTest::control($api, '/log') }; }
sub faults { return CertmgrTest::control($api, '/faults', [@_]); }
sub foreign { return [ sort map { "$_->{name} $_->{content}" } grep { !$_->{comment} } @{ CertmgrTest::control($api, '/state')->{records} } ]; }

provider('cloudflare', 'good-token');

# Somebody else's values at the name, more than a page of them.
CertmgrTest::control($api, '/set', { record => { name => '_acme-challenge.example.test', content => $_ } }) for '"of somebody else"', 'unquoted', '"v3"';
my $theirs = foreign();

my $before = requests();
my $id = order('cloudflare', 'example.test', '*.example.test', 'www.other.test');
issues($id, 'apex, wildcard and a name of another zone');
clean('first order');
is_deeply(foreign(), $theirs, 'the values of somebody else are untouched');
# Two zones: found by 1 and 2 questions, written by one batch each, cleaned by one batch each.
is(requests() - $before, 7, 'as few requests as there can be');
is($node->safe_psql('postgres', 'SELECT count(*) FROM certmgr.dns_record WHERE record_id ~ $$^[0-9a-f]{32}$$ AND zone_id ~ $$^[0-9a-f]{32}$$'), '3', 'ids of zones and records are in the ledger');

# Answers that are lost, of writing and of cleaning up.
faults({ method => 'POST', path => 'batch', body => '"posts":\[\{', do => 'lost' }, { method => 'POST', path => 'batch', body => '"deletes":\[\{', do => 'lost' },
	{ method => 'GET', path => 'zones.name=', do => 'lost' });
issues(order('cloudflare', 'example.test', '*.example.test'), 'answers of all calls were lost once');
clean('lost answers');
is_deeply(CertmgrTest::control($api, '/faults'), [], 'all of them');
is_deeply(foreign(), $theirs, 'the values of somebody else are untouched after that');

# Too fast; a gateway's page; a connection that breaks.
faults({ method => 'GET', path => 'zones.name=', do => 'answer', status => 429, text => '{}', headers => { 'Retry-After' => '2' } },
	{ method => 'POST', path => 'batch', do => 'answer', status => 502, text => '<html>bad gateway</html>', headers => { 'Content-Type' => 'text/html' } },
	{ method => 'POST', path => 'batch', do => 'drop' });
$id = order('cloudflare', 'slow.example.test');
issues($id, '429, 502 and a broken connection');
my @log = @{ CertmgrTest::control($api, '/log') };
my ($limited) = grep { ($log[$_]{status} // 0) == 429 } 0 .. $#log;
cmp_ok($log[ $limited + 1 ]{at} - $log[$limited]{at}, '>=', 1.9, 'Retry-After was honoured');
clean('429');

# What the API has said yes to is seen a while later.
CertmgrTest::control($api, '/set', { visible => '1.5' });
issues(order('cloudflare', 'late.example.test'), 'records that are seen late');
CertmgrTest::control($api, '/set', { visible => '0' });
clean('seen late');

# What the API has said yes to is never seen: the order waits and says where; given up, it leaves nothing.
faults({ method => 'POST', path => 'batch', body => '"posts":\[\{', do => 'answer', status => 200, text => '{"success":true,"errors":[],"result":{"posts":[]}}' });
$id = order('cloudflare', 'absent.example.test');
says($id, qr/record "_acme-challenge\.absent\.example\.test" is not yet at 1 of 1 name servers/, 'a record that the API only pretends to have made');
$node->safe_psql('postgres', "SELECT certmgr.cancel($id)");
clean('never seen');

# A crowded name: an answer that fits no datagram, a list of many pages after a lost answer.
CertmgrTest::control($api, '/set', { record => { name => '_acme-challenge.crowd.example.test', content => '"' . ('x' x 40) . $_ . '"' } }) for 1 .. 50;
$theirs = foreign();
faults({ method => 'POST', path => 'batch', do => 'lost' });
issues(order('cloudflare', 'crowd.example.test', '*.crowd.example.test'), 'a name with 50 values of somebody else');
clean('crowded name');
is_deeply(foreign(), $theirs, 'which are untouched');

# An endpoint that knows no batch.
CertmgrTest::control($api, '/set', { batch => '0' });
faults({ method => 'POST', path => 'dns_records$', do => 'lost' }, { method => 'DELETE', do => 'lost' });
issues(order('cloudflare', 'single.example.test', '*.single.example.test'), 'without the batch, with lost answers');
clean('without the batch');
CertmgrTest::control($api, '/set', { batch => '1' });

# The worker is killed while Cloudflare works: the call is carried out, its outcome is known to nobody. Then the same while it cleans up.
for my $what ([ 'posts', 'writing' ], [ 'deletes', 'cleaning up' ])
{
	my ($member, $words) = @$what;
	faults({ method => 'POST', path => 'batch', body => qq("$member":\\[\\{), do => 'wait' });
	$id = order('cloudflare', "killed.$member.example.test", "*.killed.$member.example.test");
	ok(CertmgrTest::wait_until(sub { return !@{ CertmgrTest::control($api, '/faults') } }, 60), "$words: the call is under way");
	my ($pid) = CertmgrTest::worker_pids($node, 'certmgr worker%');
	ok(CertmgrTest::kill9($pid), "$words: the worker is killed");
	CertmgrTest::control($api, '/go', {});
	CertmgrTest::wait_for_server($node);
	issues($id, "$words: the order issues");
	clean("killed while $words");
}
is_deeply(foreign(), $theirs, 'the values of somebody else are untouched after all that');

# Credentials that lack something: the message says what.
provider('unknown', 'no-such-token');
provider('malformed', 'to+ken/');
provider('readonly', 'read-token');
provider('nolist', 'no-list-token');
provider('narrow', 'narrow-token');
says(order('unknown', 'a.example.test'), qr/Cloudflare refused to list the zone .*Invalid access token \(9109\)\. The credential was not accepted/s, 'an unknown token');
says(order('malformed', 'a.example.test'), qr/Invalid request headers \(6003\): Invalid format for Authorization header \(6111\)/, 'a malformed token');
says($id = order('readonly', 'a.example.test'), qr/Authentication error \(10000\)\. .*It needs Zone > DNS > Edit/, 'a token that may not edit');
says(order('nolist', 'a.example.test'), qr/Zone > Zone > Read unless "zone_id" is configured/, 'a token that may not list zones');
says(order('narrow', 'a.other.test'), qr/no active zone that holds "_acme-challenge\.a\.other\.test".*Zone > Zone > Read with the zone among its zone resources/s, 'a token for another zone');
says(order('cloudflare', 'a.pending.test'), qr/Zone "pending\.test" is there, but its status is "pending"/, 'a zone that is not active');
CertmgrTest::control($api, '/set', { quota => scalar @$theirs });
says(order('cloudflare', 'full.example.test'), qr/Record quota exceeded.*\(81045\)\. The zone has as many records as its plan allows/s, 'a full zone');
CertmgrTest::control($api, '/set', { quota => 200 });
unlike($node->safe_psql('postgres', q{SELECT string_agg(message, ' ') FROM certmgr.order_status}), qr/good-token|no-such-token|read-token/, 'no message has a credential');

# The person gives a better token: the order goes on by itself.
$node->safe_psql('postgres', q{SELECT certmgr.set_secret('dns_provider:readonly', 'good-token')});
issues($id, 'with a better token the waiting order goes on');

# The other kinds of credentials: an e-mail and its key; a token that needs no list, with the zones in the config.
my %zones = map { split /=/ } split /,/, $api->{ZONE_IDS};
provider('key', 'good-key', email => 'admin@example.test');
provider('configured', 'no-list-token', zones => \%zones);
issues(order('key', 'key.example.test'), 'e-mail and Global API Key');
issues(order('configured', 'configured.sub.example.test', 'configured.example.test'), 'zones in the config, a token that may not list');

$node->stop;
done_testing();
