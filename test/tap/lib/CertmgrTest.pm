# CertmgrTest - what the TAP tests share: a cluster with certmgr and a master key, the peers, waiting with a limit, verification.
#
#   my $node = CertmgrTest::cluster('main');
#   my $dns  = CertmgrTest::bind();                       # {DNS_SERVER, DNS_PORT, TSIG_KEY, TSIG_SECRET ...}
#   my $acme = CertmgrTest::pebble($dns, RETRY_AFTER => 1);   # {ACME_DIRECTORY, ACME_TLS_CA, ACME_ROOT ...}
#
# Peers are stopped at the end of the test, also when it dies. test/run.sh sets the environment.
package CertmgrTest;

use strict;
use warnings FATAL => 'all';

use Carp;
use Cwd qw(abs_path);
use File::Basename;
use File::Temp ();
use HTTP::Tiny;
use IPC::Run ();
use JSON::PP;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(sleep time);

# Seconds that anything may take unless said otherwise. Slow machines set PG_TEST_TIMEOUT_DEFAULT.
our $LIMIT = $ENV{PG_TEST_TIMEOUT_DEFAULT} || 60;

my $here  = abs_path(dirname(__FILE__));
my $peers = "$here/../../peers";
my $temp  = File::Temp->newdir('certmgr-XXXXXX', TMPDIR => 1);
my @running;    # [script, directory] of peers
my $serial = 0;

# A directory of this test that lasts as long as the test.
sub directory { return "$temp"; }

# The path of the master key of a node: outside its data directory.
sub master_key { my ($node) = @_; return "$temp/" . $node->name . '.key'; }

sub slurp { my ($path) = @_; local $/; open my $f, '<', $path or croak "$path: $!"; return scalar <$f>; }

sub write_file
{
	my ($path, $text) = @_;
	open my $f, '>', $path or croak "$path: $!";
	print $f $text;
	close $f or croak "$path: $!";
	return $path;
}

# A started cluster with certmgr preloaded, the extension in database postgres and a new master key.
# Options: preload => 0, extension => 0, key => 0, conf => "more lines", extra => [initdb options], allows_streaming => 1.
sub cluster
{
	my ($name, %o) = @_;
	my $node = PostgreSQL::Test::Cluster->new($name);
	$node->init(
		($o{extra} ? (extra => $o{extra}) : ()),
		($o{allows_streaming} ? (allows_streaming => 1) : ()));
	$node->append_conf('postgresql.conf', settings($node, %o));
	$node->start;
	if ($o{extension} // 1)
	{
		$node->safe_psql('postgres', 'CREATE EXTENSION certmgr');
		create_master_key($node) if $o{key} // 1;
	}
	return $node;
}

# The lines of postgresql.conf that a node needs for certmgr.
sub settings
{
	my ($node, %o) = @_;
	my $conf = '';
	$conf .= "shared_preload_libraries = 'certmgr'\n" if $o{preload} // 1;
	$conf .= "certmgr.master_key_file = '" . master_key($node) . "'\n" if $o{key} // 1;
	$conf .= "certmgr.allowed_networks = '127.0.0.0/8'\nrestart_after_crash = on\nmax_prepared_transactions = 10\nlog_line_prefix = '%m [%p] %b %q%a '\n";
	$conf .= $o{conf} . "\n" if defined $o{conf};
	return $conf;
}

sub create_master_key
{
	my ($node, $db) = @_;
	$node->safe_psql($db // 'postgres', "SELECT certmgr.create_master_key('" . master_key($node) . "')");
	return;
}

# ---- peers ----

# Runs a peer's script and reads the VAR=value lines that it prints.
sub start_peer
{
	my ($script, $env, @args) = @_;
	my $dir = "$temp/" . basename($script, '.sh') . ++$serial;
	my ($out, $err) = ('', '');
	push @running, [ $script, $dir ];
	local %ENV = (%ENV, %$env);
	IPC::Run::run([ 'bash', "$peers/$script", 'start', $dir, @args ], '<', \undef, '>', \$out, '2>', \$err)
	  or croak "$script: $err";
	my %var = map { /^(\w+)=(.*)$/ ? ($1, $2) : () } split /\n/, $out;
	s/^'(.*)'$/$1/ for values %var;
	$var{dir}    = $dir;
	$var{script} = $script;
	return \%var;
}

sub stop_peer
{
	my ($peer) = @_;
	system('bash', "$peers/$peer->{script}", 'stop', $peer->{dir});
	@running = grep { $_->[1] ne $peer->{dir} } @running;
	return;
}

# BIND with these zones (default: example.test, sub.example.test, other.test).
sub bind { return start_peer('bind.sh', {}, @_); }

# Pebble that validates by that BIND; knobs as in test/peers/pebble.sh.
sub pebble
{
	my ($dns, %knobs) = @_;
	return start_peer('pebble.sh', { %knobs, DNS_SERVER => $dns->{DNS_SERVER} });
}

# The double of an API, test/doubles/NAME.py: {API_URL, API_TLS_CA, CONTROL, DNS_SERVER ...}; pebble() takes it as its DNS.
sub double
{
	my ($name, @options) = @_;
	return start_peer('double.sh', {}, $name, @options);
}

# Asks the control server of a double: GET, or POST of what is given as JSON. The answer, decoded.
sub control
{
	my ($double, $path, $body) = @_;
	my $http = HTTP::Tiny->new(timeout => 10);
	my $answer = defined $body ? $http->post("$double->{CONTROL}$path", { content => encode_json($body) }) : $http->get("$double->{CONTROL}$path");
	croak "$path: $answer->{status} $answer->{content}" unless $answer->{success};
	return decode_json($answer->{content});
}

# Is this a Pebble that stands parallel orders?
sub pebble_is_safe { my ($acme) = @_; return $acme->{PEBBLE_KIND} eq 'serial'; }

# Arguments for certmgr.create_dns_provider of type rfc2136: config as jsonb text, secret.
sub rfc2136_config
{
	my ($dns) = @_;
	return qq({"server": "$dns->{DNS_SERVER}", "key_name": "$dns->{TSIG_KEY}", "nameservers": ["$dns->{DNS_SERVER}"]});
}

# The TXT records of a zone, as "name value" lines: empty when everything was cleaned up.
sub txt_records
{
	my ($dns, $zone) = @_;
	my ($out, $err) = ('', '');
	IPC::Run::run([ 'dig', '@127.0.0.1', '-p', $dns->{DNS_PORT}, $zone, 'AXFR', '+noall', '+answer', '+tries=1', '+time=5' ], '>', \$out, '2>', \$err)
	  or croak "dig: $out$err";
	return join "\n", sort map { /^(\S+)\s+\d+\s+IN\s+TXT\s+(.*)$/ ? "$1 $2" : () } split /\n/, $out;
}

# GET of Pebble's management interface; path like "/roots/0".
sub management
{
	my ($acme, $path) = @_;
	my ($out, $err) = ('', '');
	IPC::Run::run([ 'curl', '-fsS', '-m', '10', '--cacert', $acme->{ACME_TLS_CA}, "$acme->{PEBBLE_MANAGEMENT}$path" ], '>', \$out, '2>', \$err)
	  or croak "curl: $err";
	return $out;
}

# How many certificates Pebble has issued: one line of its log each.
sub certificates_at_pebble
{
	my ($acme) = @_;
	return scalar(() = slurp($acme->{PEBBLE_LOG}) =~ /Issued certificate serial/g);
}

# ---- waiting: never by sleeping for a time that somebody guessed ----

# Until the query answers $expected ('t' by default). True, or false with a note when the time is over.
sub poll_until
{
	my ($node, $sql, $expected, $seconds, $db) = @_;
	$expected //= 't';
	my $end = time + ($seconds // $LIMIT);
	my ($out, $err);
	while (1)
	{
		(undef, $out, $err) = eval { $node->psql($db // 'postgres', $sql) };
		return 1 if defined $out && $out eq $expected && ($err // '') eq '';
		last if time > $end;
		sleep 0.1;
	}
	diag("poll_until: time is over\nquery: $sql\nexpected: $expected\nlast: " . ($out // '') . "\n" . ($err // ''));
	return 0;
}

# ---- orders ----

# Makes a subscriber of that CA with these names and orders a certificate for it: the certificate's id.
sub order
{
	my ($node, $ca, @names) = @_;
	my $subscriber = 'subscriber ' . ++$serial;
	my $sans = join ',', @names;
	$node->safe_psql('postgres', "SELECT certmgr.create_subscriber('$subscriber', '$ca', auto_renew => false, sans => '{$sans}')");
	return $node->safe_psql('postgres', "SELECT certmgr.issue('$subscriber')");
}

# A test: the certificate is issued in the end.
sub issues
{
	my ($node, $id, $what) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my $ok = ok(poll_until($node, "SELECT state FROM certmgr.certificate WHERE id = $id", 'issued', 90), $what);
	diag($node->safe_psql('postgres', "SELECT step, ca_status, message FROM certmgr.order_status WHERE certificate = $id")) unless $ok;
	return $ok;
}

# A test: what is said of the certificate comes to match this.
sub says
{
	my ($node, $id, $pattern, $what) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	return ok(poll_until($node, "SELECT coalesce(status_message, '') ~ \$p\$$pattern\$p\$ FROM certmgr.certificate WHERE id = $id"), $what)
	  || diag($node->safe_psql('postgres', "SELECT state, status_message FROM certmgr.certificate WHERE id = $id"));
}

# A test: no TXT record of ours is in any zone, as far as the ledger knows.
sub ledger_is_clean
{
	my ($node, $what) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	return ok(poll_until($node, q{SELECT count(*) FROM certmgr.dns_record WHERE state <> 'removed'}, '0', 90), "$what: the ledger is clean");
}

# Until the code answers true.
sub wait_until
{
	my ($code, $seconds, $what) = @_;
	my $end = time + ($seconds // $LIMIT);
	while (1)
	{
		return 1 if $code->();
		last if time > $end;
		sleep 0.05;
	}
	diag('wait_until: time is over: ' . ($what // ''));
	return 0;
}

# Ids of certmgr's processes of a kind, by backend_type in pg_stat_activity (LIKE).
sub worker_pids
{
	my ($node, $like) = @_;
	$like //= 'certmgr%';
	return split /\n/, $node->safe_psql('postgres', "SELECT pid FROM pg_stat_activity WHERE backend_type LIKE '$like' ORDER BY pid");
}

# SIGKILL, and waits until it is gone. The server restarts all backends after that: see wait_for_server.
sub kill9
{
	my ($pid) = @_;
	return 0 unless $pid && kill 'KILL', $pid;
	return wait_until(sub { !kill 0, $pid }, 10, "process $pid is there after SIGKILL");
}

# Until the server takes connections, as after a crash restart.
sub wait_for_server
{
	my ($node, $seconds) = @_;
	# A psql that is turned away may be gone before it was given the query: that is a broken pipe here.
	return wait_until(sub { my ($rc, $out) = eval { $node->psql('postgres', 'SELECT 1') }; return (defined $rc && $rc == 0 && $out eq '1'); }, $seconds, 'server does not answer');
}

# ---- verification by others ----

# openssl verify: true when the leaf verifies. Arguments are PEM texts; more options (-purpose, -crl_check ...) at the end.
sub openssl_verify
{
	my ($root, $chain, $leaf, @options) = @_;
	my $n = ++$serial;
	my @command = ('openssl', 'verify', @options, '-CAfile', write_file("$temp/root$n.pem", $root));
	push @command, '-untrusted', write_file("$temp/chain$n.pem", $chain) if defined $chain && $chain ne '';
	push @command, write_file("$temp/leaf$n.pem", $leaf);
	my $out = '';
	my $ok = IPC::Run::run(\@command, '>', \$out, '2>&1');
	diag($out) unless $ok;
	return $ok;
}

# GnuTLS: the chain in the order leaf, intermediates.
sub gnutls_verify
{
	my ($root, $chain, $leaf) = @_;
	my $n   = ++$serial;
	my $out = '';
	my $ok  = IPC::Run::run(
		[ 'certtool', '--verify', '--load-ca-certificate', write_file("$temp/groot$n.pem", $root), '--infile', write_file("$temp/gchain$n.pem", $leaf . ($chain // '')) ],
		'>', \$out, '2>&1');
	diag($out) unless $ok;
	return $ok;
}

# Text of a certificate (openssl x509), CRL (crl) or request (req); options such as -serial, -text.
sub openssl_text
{
	my ($what, $pem, @options) = @_;
	my ($out, $err) = ('', '');
	IPC::Run::run([ 'openssl', $what, '-noout', @options ], '<', \$pem, '>', \$out, '2>', \$err) or croak "openssl $what: $err";
	return $out;
}

# A key and a CSR made by openssl: (key PEM, CSR PEM). Subject as openssl wants it ("/CN=x"), SANs as "DNS:a,IP:192.0.2.1".
sub make_csr
{
	my ($subject, $sans, @options) = @_;
	my $n = ++$serial;
	my $err = '';
	@options = ('-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256') unless @options;
	IPC::Run::run([ 'openssl', 'req', '-new', '-nodes', @options, '-subj', $subject, ($sans ? ('-addext', "subjectAltName=$sans") : ()),
			'-keyout', "$temp/csr$n.key", '-out', "$temp/csr$n.pem" ], '2>', \$err) or croak "openssl req: $err";
	return (slurp("$temp/csr$n.key"), slurp("$temp/csr$n.pem"));
}

END
{
	my $status = $?;
	system('bash', "$peers/$_->[0]", 'stop', $_->[1]) for @running;
	$? = $status;
}

1;
