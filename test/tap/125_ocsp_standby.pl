# OCSP on a standby: a hot standby answers as the primary does, with the same signer, and writes nothing; after its promotion it goes on.
# Kept answers are in an unlogged table, which a standby cannot even open.
use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/lib";
use CertmgrTest;
use IPC::Run ();
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $dir = CertmgrTest::directory();
my $primary = CertmgrTest::cluster('primary', allows_streaming => 1);

sub sql { return $primary->safe_psql('postgres', $_[0]); }

sub run_quietly { my ($out, $err) = run_command([@_]); return "$err\n$out"; }

sub bytes_into
{
	my ($file, $hex) = @_;
	open my $f, '>:raw', $file or die "$file: $!";
	print $f pack('H*', $hex);
	close $f;
}

sub hex_of { my ($file) = @_; open my $f, '<:raw', $file or die "$file: $!"; local $/; return unpack 'H*', <$f>; }

# ---- a CA with a delegated signer; one certificate of each state ----

sql(q{SELECT certmgr.create_root_ca('root', 'CN=Root');
	SELECT certmgr.create_intermediate_ca('issuing', 'root', 'CN=Issuing', ocsp_url => 'http://ocsp.example/');
	SELECT certmgr.create_subscriber('web', 'issuing', sans => '{www.example.com}')});
my ($good, $bad, $later) = map { sql("SELECT certmgr.issue('web')") } 1 .. 3;
sql("SELECT certmgr.revoke($bad, 'keyCompromise')");
my %file = map { ($_->[0] => CertmgrTest::write_file("$dir/$_->[0].pem", sql("SELECT $_->[1]") . "\n")) }
	[ root => "certmgr.ca_pem('root')" ], [ int => "certmgr.ca_pem('issuing')" ],
	[ good => "certmgr.certificate_pem($good)" ], [ bad => "certmgr.certificate_pem($bad)" ], [ later => "certmgr.certificate_pem($later)" ];
ok(CertmgrTest::poll_until($primary, "SELECT count(*) = 1 FROM certmgr.ocsp_signer s JOIN certmgr.ca a ON a.id = s.ca_id WHERE a.name = 'issuing'"), 'the worker of the primary makes a signer');

$primary->backup('b');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($primary, 'b', has_streaming => 1);
$standby->start;
$primary->wait_for_catchup($standby);

# A psql that stays. (The background_psql of PostgreSQL 15 and that of 16 differ.)
sub start_session
{
	my ($node) = @_;
	my $s = { in => '', out => '', err => '' };
	$s->{run} = IPC::Run::start([ 'psql', '-XAtq', '-v', 'ON_ERROR_STOP=1', '-d', $node->connstr('postgres') ], '<', \$s->{in}, '>', \$s->{out}, '2>', \$s->{err}, IPC::Run::timeout($CertmgrTest::LIMIT));
	return $s;
}

sub query
{
	my ($s, $sql) = @_;
	$s->{out} = '';
	$s->{in} .= "$sql;\n\\echo done\n";
	$s->{run}->pump while $s->{out} !~ /^done$/m && $s->{err} eq '';
	die "psql: $s->{err}" if $s->{err} ne '';
	return $s->{out} =~ s/\n?^done\n//mr;
}

# What openssl says to the answer of a node; $of: a certificate, or the serial number of none.
sub ask
{
	my ($session, $of, $nonce) = @_;
	my @what = $of =~ /^0x/ ? ('-serial', $of) : ('-cert', $file{$of});
	run_quietly('openssl', 'ocsp', '-issuer', $file{int}, $nonce ? '-nonce' : '-no_nonce', @what, '-reqout', "$dir/request.der");
	bytes_into("$dir/answer.der", query($session, "SELECT encode(certmgr.ocsp_response('\\x" . hex_of("$dir/request.der") . "'), 'hex')"));
	return run_quietly('openssl', 'ocsp', '-issuer', $file{int}, '-no_nonce', @what, '-reqin', "$dir/request.der", '-respin', "$dir/answer.der", '-CAfile', $file{root}, '-verify_other', $file{int}, '-resp_text');
}

sub check_all
{
	my ($session, $where) = @_;
	for my $nonce (1, 0)
	{
		my $with = $nonce ? 'with a nonce' : 'without a nonce';
		my $said = ask($session, 'good', $nonce);
		like($said, qr/Response verify OK/, "$where: openssl verifies, $with");
		like($said, qr/good\.pem: good/, "$where: good, $with");
		like($said, qr/Subject: CN ?= ?OCSP Signer/, "$where: the delegated signer signed, $with");
		unlike($said, qr/no nonce in response|Nonce Verify error/, "$where: nonce as asked, $with");
		like(ask($session, 'bad', $nonce), qr/Response verify OK.*bad\.pem: revoked.*Reason: keyCompromise/s, "$where: revoked, $with");
		like(ask($session, '0x1234567890abcdef1234567890abcdef', $nonce), qr/Response verify OK.*: unknown/s, "$where: unknown, $with");
	}
}

# What a session has loaded on the standby must serve after the promotion as well.
my $session = start_session($standby);
my $pid = query($session, 'SELECT pg_backend_pid()');
check_all($session, 'standby');

like(ask($session, 'later', 0), qr/later\.pem: good/, 'standby: good before its revocation');
sql("SELECT certmgr.revoke($later, 'superseded')");
$primary->wait_for_catchup($standby);
like(ask($session, 'later', 0), qr/later\.pem: revoked.*Reason: superseded/s, 'standby: a revocation that was replayed');

# ocsp_answer is what a web server calls.
is($standby->safe_psql('postgres', "SELECT max_age > 0 AND etag IS NOT NULL FROM certmgr.ocsp_answer('\\x" . hex_of("$dir/request.der") . "')"), 't', 'standby: with the header fields of HTTP');

my $log = CertmgrTest::slurp($standby->logfile);
unlike($log, qr/ERROR|FATAL|PANIC|could not load the signer|could not sign/, 'standby: nothing in the log');

# ---- promotion ----

is($standby->safe_psql('postgres', 'SELECT pg_is_in_recovery()'), 't', 'it is a standby to the end');
$primary->stop;
$standby->promote;
check_all($session, 'promoted');
is(query($session, 'SELECT pg_backend_pid()'), $pid, 'promoted: in the session of before');
is($standby->safe_psql('postgres', 'SELECT count(*) > 0 FROM certmgr_private.ocsp_response'), 't', 'promoted: answers are kept again');
$standby->safe_psql('postgres', "SELECT certmgr.revoke($good, 'cessationOfOperation')");
like(ask($session, 'good', 0), qr/good\.pem: revoked.*Reason: cessationOfOperation/s, 'promoted: a revocation is seen');
unlike(CertmgrTest::slurp($standby->logfile), qr/ERROR|PANIC|could not load the signer|could not sign/, 'promoted: no error in the log');

$session->{in} .= "\\q\n";
$session->{run}->finish;
$standby->stop;
done_testing();
