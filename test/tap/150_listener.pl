# HTTP-01 and TLS-ALPN-01 against Pebble: names (by BIND) and addresses, two orders for one name, a front end of one's own by SQL,
# the listener killed, its port taken, settings changed under way, and strangers at its ports.
use strict;
use warnings FATAL => 'all';

use CertmgrTest;
use IO::Socket::INET;
use IPC::Run ();
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(sleep);

my $dns = CertmgrTest::bind();
my $acme = CertmgrTest::pebble($dns);
my ($http_port, $tls_port) = @$acme{qw(HTTP01_PORT TLSALPN01_PORT)};
my $node = CertmgrTest::cluster('listener', conf => "certmgr.http_challenge_listen = '127.0.0.1:$http_port'\ncertmgr.tls_alpn_challenge_listen = '127.0.0.1:$tls_port'\n");
my $anchors = CertmgrTest::slurp($acme->{ACME_TLS_CA});

sub sql { my ($sql) = @_; return $node->safe_psql('postgres', $sql); }
sub listening { my ($type) = @_; return "SELECT listening FROM certmgr.listener_status() WHERE challenge_type = '$type'"; }

# What was put off by a failure is due now.
sub hurry
{
	return eval { sql(q{UPDATE certmgr_private.job SET due_at = clock_timestamp() WHERE due_at > clock_timestamp() + interval '2 s' AND kind = 'acme_order'; SELECT certmgr_private.wake()}); 1 };
}

# curl at the HTTP port: status and content.
sub get
{
	my ($path, @options) = @_;
	my ($out, $err) = ('', '');
	IPC::Run::run([ 'curl', '-sS', '-m', '10', '-w', "\n%{http_code}", @options, "http://127.0.0.1:$http_port$path" ], '>', \$out, '2>', \$err);
	my ($content, $status) = $out =~ /^(.*)\n(\d+)$/s;
	return ($status // "curl: $err", $content // '');
}

for my $type (qw(http-01 tls-alpn-01))
{
	sql(qq{SELECT certmgr.create_acme_ca('$type', '$acme->{ACME_DIRECTORY}', terms_of_service_agreed => true, trust_anchors => '$anchors');
		SELECT certmgr.set_challenge_type('$type', '$type');});
	ok(CertmgrTest::poll_until($node, listening($type)), "the listener answers $type");
	ok(CertmgrTest::poll_until($node, "SELECT state = 'active' FROM certmgr.ca WHERE name = '$type'"), "the account of CA $type is registered");
}

# ---- names and addresses ----

for my $type (qw(http-01 tls-alpn-01))
{
	my $name = CertmgrTest::order($node, $type, "www.$type.example.test", "api.$type.example.test");
	my $address = CertmgrTest::order($node, $type, '127.0.0.1');
	my $both = CertmgrTest::order($node, $type, "both.$type.example.test", '127.0.0.1');
	CertmgrTest::issues($node, $name, "$type: two names");
	CertmgrTest::issues($node, $address, "$type: an address");
	CertmgrTest::issues($node, $both, "$type: a name and an address");
	is(sql("SELECT sans FROM certmgr.certificate WHERE id = $address"), '{IP:127.0.0.1}', "$type: the address is in the certificate");
	command_ok([ 'openssl', 'verify', '-CAfile', $acme->{ACME_ROOT}, '-untrusted', CertmgrTest::write_file(CertmgrTest::directory() . '/chain.pem', sql("SELECT certmgr.chain_pem($address)") . "\n"),
			'-verify_ip', '127.0.0.1', CertmgrTest::write_file(CertmgrTest::directory() . '/leaf.pem', sql("SELECT certmgr.certificate_pem($address)") . "\n") ], "$type: openssl takes it for the address");
	is(sql("SELECT string_agg(DISTINCT challenge_type, ',') FROM certmgr.acme_authorization a JOIN certmgr.acme_order o ON o.id = a.order_id WHERE o.certificate_id IN ($name, $address, $both)"), $type, "$type: by that and nothing else");
}

# A handshake says the name only: orders for one name take turns, whatever their order of names.
my @same = map { CertmgrTest::order($node, 'tls-alpn-01', $_ % 2 ? ('a.same.example.test', 'b.same.example.test') : ('b.same.example.test', 'a.same.example.test')) } 1 .. 4;
CertmgrTest::issues($node, $_, 'tls-alpn-01: one of four orders for the same names') for @same;
ok(CertmgrTest::poll_until($node, 'SELECT count(*) FROM certmgr.acme_challenge', '0'), 'no answer is left in the table');
ok(CertmgrTest::poll_until($node, 'SELECT sum(challenges) FROM certmgr.listener_status()', '0'), 'nor with the listener');
is(sql('SELECT count(*) FROM certmgr.listener_status() WHERE requests > 0 AND answered > 0 AND pid > 0 AND error IS NULL'), '2', 'the listener was asked and answered');
is(sql("SELECT count(*) FROM certmgr.health WHERE object LIKE 'listener%'"), '0', 'no finding');

# ---- strangers ----

is((get('/'))[0], '404', 'nothing is served but challenges');
is((get('/.well-known/acme-challenge/evaGxfADs6pSRb2LAv9IZf17Dt3juxGJ-PCt92wr-oA'))[0], '404', 'and those only while they are live');
is((get('/', '-X', 'POST', '-d', 'x=y'))[0], '400', 'a request with a body');
is((get('/', '-X', 'DELETE'))[0], '405', 'another method');
my ($out, $err) = ('', '');
IPC::Run::run([ 'openssl', 's_client', '-connect', "127.0.0.1:$tls_port", '-servername', 'www.example.test' ], '<', \'', '>', \$out, '2>', \$err);
like($err . $out, qr/alert no application protocol/i, 'a TLS client that wants something else');
IPC::Run::run([ 'openssl', 's_client', '-connect', "127.0.0.1:$tls_port", '-servername', 'www.example.test', '-alpn', 'acme-tls/1' ], '<', \'', '>', \$out, '2>', \$err);
like($err . $out, qr/alert unrecognized name|alert number 112/i, 'a TLS client that asks for a name without a challenge');

# ---- refused before the CA is asked ----

my $wild = sql(q{SELECT certmgr.set_challenge_type('http-01', 'dns-01');
	SELECT certmgr.create_subscriber('wild', 'http-01', sans => '{*.example.test}', auto_renew => false);
	BEGIN; SELECT certmgr.issue('wild'); SELECT certmgr.set_challenge_type('http-01', 'http-01'); COMMIT;
	SELECT max(id) FROM certmgr.certificate;});
$wild =~ s/.*\n//s;
CertmgrTest::says($node, $wild, 'cannot be proven by http-01.*dns-01', 'a wildcard whose CA has another kind of challenge by now: refused before the CA is asked, and how to do it');
is(sql("SELECT state FROM certmgr.certificate WHERE id = $wild"), 'failed', 'and not tried again');

# ---- killed ----

# An answer that is wanted after the crash as before it.
my $token = 'kill' . 'a' x 30;
sql(qq{INSERT INTO certmgr.acme_challenge (order_id, challenge_type, identifier, token, key_authorization, created_at)
	SELECT max(id), 'http-01', 'x.example.test', '$token', '$token.thumb', now() FROM certmgr.acme_order});
is(sql("SELECT certmgr.http_challenge('$token')"), "$token.thumb", 'the answer by SQL');
my @killed = map { CertmgrTest::order($node, $_ % 2 ? 'http-01' : 'tls-alpn-01', "k$_.kill.example.test") } 1 .. 12;
my ($pid) = CertmgrTest::worker_pids($node, 'certmgr listener');
ok(CertmgrTest::kill9($pid), 'the listener is killed while orders are under way');
ok(CertmgrTest::wait_for_server($node), 'the server is back');
ok(CertmgrTest::wait_until(sub { my ($status, $content) = get("/.well-known/acme-challenge/$token"); $status eq '200' && $content eq "$token.thumb" }, 60, 'answer after the crash'),
	'a live challenge is answered again after the restart');
ok(CertmgrTest::wait_until(sub { hurry(); my ($rc, $n) = $node->psql('postgres', 'SELECT count(*) FROM certmgr.certificate WHERE state = \'issued\' AND id IN (' . join(',', @killed) . ')'); ($n // '') eq '12' }, 90, 'orders after the kill'),
	'and all orders are issued')
  or diag(sql('SELECT step, ca_status, message FROM certmgr.order_status WHERE finished_at IS NULL'));
sql("DELETE FROM certmgr.acme_challenge WHERE token = '$token'");
my ($second) = CertmgrTest::worker_pids($node, 'certmgr listener');
sql("SELECT pg_terminate_backend($second)");
ok(CertmgrTest::poll_until($node, "SELECT count(*) = 1 AND bool_and(pid <> $second) FROM pg_stat_activity WHERE backend_type = 'certmgr listener'"), 'a listener that is terminated is started again');
ok(CertmgrTest::poll_until($node, listening('http-01')), 'and listens');

# ---- a front end of one's own ----

sql("ALTER SYSTEM SET certmgr.http_challenge_listen = ''");
$node->reload;
ok(CertmgrTest::poll_until($node, "SELECT count(*) FROM certmgr.listener_status() WHERE challenge_type = 'http-01'", '0'), 'http-01 is switched off by a reload');
ok(CertmgrTest::wait_until(sub { (get('/'))[0] =~ /^curl/ || (get('/'))[0] eq '000' }, 20, 'port closed'), 'and its port is closed');
sql('CREATE ROLE front LOGIN IN ROLE certmgr_responder');
my $server = IO::Socket::INET->new(Listen => 5, LocalAddr => '127.0.0.1', LocalPort => $http_port, ReuseAddr => 1) or die "port $http_port: $!";
my $front = fork // die "fork: $!";
if ($front == 0)
{
	while (my $client = $server->accept)
	{
		my $line = <$client> // '';
		my ($asked) = $line =~ m{^GET /\.well-known/acme-challenge/([\w-]+) };
		while (my $more = <$client>) { last if $more =~ /^\r?$/; }
		my $answer = '';
		IPC::Run::run([ 'psql', '-XAtq', '-U', 'front', '-h', $node->host, '-p', $node->port, '-d', 'postgres', '-c', "SELECT certmgr.http_challenge('" . ($asked // '') . "')" ], '>', \$answer);
		chomp $answer;
		print $client $answer ne '' ? "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n$answer" : "HTTP/1.1 404 Not Found\r\nConnection: close\r\n\r\n";
		close $client;
	}
	require POSIX;
	POSIX::_exit(0);
}
close $server;
CertmgrTest::issues($node, CertmgrTest::order($node, 'http-01', 'front.example.test'), 'http-01 by a front end that asks certmgr.http_challenge()');

# ---- the port is taken ----

sql("ALTER SYSTEM SET certmgr.http_challenge_listen = '127.0.0.1:$http_port'");
my $log_from = -s $node->logfile;
$node->reload;
ok(CertmgrTest::poll_until($node, q{SELECT finding ~ 'could not listen at 127\.0\.0\.1:\d+: Address already in use' FROM certmgr.health WHERE object = 'listener http-01' AND severity = 'error'}), 'a port that is taken is a finding');
is(sql(listening('tls-alpn-01')), 't', 'the other one is not touched');
my ($still) = CertmgrTest::worker_pids($node, 'certmgr listener');
kill 'KILL', $front;
waitpid $front, 0;
ok(CertmgrTest::poll_until($node, listening('http-01')), 'once it is free it is taken');
is((CertmgrTest::worker_pids($node, 'certmgr listener'))[0], $still, 'by the same process');
my $log = substr(CertmgrTest::slurp($node->logfile), $log_from);
is(scalar(() = $log =~ /certmgr listener for http-01 challenges: could not listen/g), 1, 'said once in the log');
CertmgrTest::issues($node, CertmgrTest::order($node, 'http-01', 'again.example.test'), 'http-01 by the listener again');

SKIP:
{
	skip 'every user may listen at every port here', 1 if $> == 0 || CertmgrTest::slurp('/proc/sys/net/ipv4/ip_unprivileged_port_start') < 2;
	sql("ALTER SYSTEM SET certmgr.tls_alpn_challenge_listen = '127.0.0.1:1'");
	$node->reload;
	ok(CertmgrTest::poll_until($node, q{SELECT finding ~ 'Permission denied' FROM certmgr.health WHERE object = 'listener tls-alpn-01'}) && CertmgrTest::slurp($node->logfile) =~ /AmbientCapabilities=CAP_NET_BIND_SERVICE/,
		'a privileged port: a finding, and the log says what to do');
}

# ---- set without a restart ----

$node->append_conf('postgresql.conf', "certmgr.http_challenge_listen = ''\ncertmgr.tls_alpn_challenge_listen = ''\n");
sql('ALTER SYSTEM RESET ALL');
$node->restart;
is(sql(q{SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'certmgr listener'}), '0', 'without the settings there is no listener');
sql("ALTER SYSTEM SET certmgr.http_challenge_listen = '127.0.0.1:$http_port'");
$node->reload;
ok(CertmgrTest::poll_until($node, q{SELECT finding = 'does not run' AND what_to_do ~ 'restart' FROM certmgr.health WHERE object = 'listener http-01'}), 'a listener that wants a restart is a finding');
unlike(CertmgrTest::slurp($node->logfile), qr/PANIC|TRAP/, 'no PANIC in the log');

$node->stop;
done_testing();
