# A list of weak keys as openssl-blacklist has it (Debian's keys of 2008): keys on it are refused wherever a key comes from, others are not;
# what is no list is no setting. The list of this test names a key of its own.
use strict;
use warnings FATAL => 'all';

use CertmgrTest;
use Digest::SHA qw(sha1_hex);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = CertmgrTest::cluster('listed');
my $dir = CertmgrTest::directory();
my $list = "$dir/blacklist";

sub sql { return $node->safe_psql('postgres', $_[0]); }

sub error { my ($sql) = @_; my (undef, undef, $err) = $node->psql('postgres', $sql); return $err; }

my @rsa = ('-newkey', 'rsa:2048');
my ($weak_key, $weak) = CertmgrTest::make_csr('/CN=weak.example.com', 'DNS:weak.example.com', @rsa);
my (undef, $sound) = CertmgrTest::make_csr('/CN=sound.example.com', 'DNS:sound.example.com', @rsa);
my ($self_signed) = run_command([ 'openssl', 'req', '-x509', '-key', CertmgrTest::write_file("$dir/weak.key", $weak_key), '-subj', '/CN=Weak CA', '-days', '10' ]);
my $end = substr(sha1_hex(CertmgrTest::openssl_text('req', $weak, '-modulus')), 20);

sql(q{SELECT certmgr.create_root_ca('root', 'CN=Root')});
my $before = sql("SELECT certmgr.issue_from('root', csr => '$weak')");
like($before, qr/^\d+$/, 'without a list nobody knows');

# ---- set ----

CertmgrTest::write_file($list, "# RSA, 2048 bits\n00000000000000000000\n\U$end\E\r\nffffffffffffffffffff\n");
sql("ALTER SYSTEM SET certmgr.weak_key_file = '$list'");
sql('SELECT pg_reload_conf()');
ok(CertmgrTest::poll_until($node, 'SHOW certmgr.weak_key_file', $list), 'a reload brings the list');
like(error("SELECT certmgr.issue_from('root', csr => '$weak')"), qr/ERROR:  RSA key is weak\nDETAIL:  It is on the list of weak keys of this server \(certmgr\.weak_key_file\), such as those that Debian's OpenSSL made until 2008 \(CVE-2008-0166\)\./, 'a request with a key of the list is refused');
like(sql("SELECT certmgr.issue_from('root', csr => '$sound')"), qr/^\d+$/, 'another one is not');
like(error("SELECT certmgr.renew($before, key => 'reuse')"), qr/on the list of weak keys/, 'nor is the one from before renewed');
like(sql("SELECT certmgr.renew($before)"), qr/^\d+$/, 'with another key it is');
like(error("SELECT certmgr.import_ca('weak', '$self_signed', '$weak_key')"), qr/on the list of weak keys/, 'a CA with such a key is not imported');
like(sql("SELECT certmgr.describe('$self_signed')->>'key_problem'"), qr/on the list of weak keys/, 'describe() says it');
like(sql("SELECT certmgr.revoke($before, 'keyCompromise')"), qr/^20/, 'revoking needs no sound key');

# After a restart, by the postmaster.
$node->restart;
like(error("SELECT certmgr.issue_from('root', csr => '$weak')"), qr/on the list of weak keys/, 'after a restart');

# ---- what is no list ----

my %bad = (
	'relative' => [ 'blacklist', qr/The path must be absolute/ ],
	'missing' => [ "$dir/missing", qr/The file cannot be read: No such file or directory/ ],
	'a directory' => [ $dir, qr/It is not a regular file/ ],
	'a short line' => [ CertmgrTest::write_file("$dir/short", "# x\n0123456789abcdef012\n"), qr/Line 2 is not 20 hexadecimal digits/ ],
	'other text' => [ CertmgrTest::master_key($node), qr/Line 1 is not 20 hexadecimal digits/ ]);
for my $what (sort keys %bad)
{
	my ($path, $says) = @{ $bad{$what} };
	like(error("ALTER SYSTEM SET certmgr.weak_key_file = '$path'"), qr/invalid value for parameter "certmgr\.weak_key_file".*\nDETAIL:  $says/, "$what is refused");
}

# The file breaks, and the server is told to read it: the list of before stays; parallel workers, which are given the setting anew, start.
CertmgrTest::write_file($list, "rubbish\n");
my $offset = -s $node->logfile;
sql('SELECT pg_reload_conf()');
ok(CertmgrTest::wait_until(sub { substr(CertmgrTest::slurp($node->logfile), $offset) =~ /invalid value for parameter "certmgr\.weak_key_file"/ }), 'a broken file is told in the log');
like(error("SELECT certmgr.issue_from('root', csr => '$weak')"), qr/on the list of weak keys/, 'the list of before stays');
my $health = q{SELECT finding FROM certmgr.health WHERE object = 'weak keys'};
ok(CertmgrTest::poll_until($node, $health, qq{the file certmgr.weak_key_file could not be used when the server read it: Line 1 is not 20 hexadecimal digits.}), 'and in certmgr.health') || diag(sql($health));
my $parallel = sql('SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0; SET min_parallel_table_scan_size = 0; EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF, SUMMARY OFF) SELECT count(*) FROM pg_class');
like($parallel, qr/Workers Launched: [1-9]/, 'parallel queries do not fail for it');

# The server starts without a list rather than not at all, and says so.
$offset = -s $node->logfile;
$node->restart;
like(substr(CertmgrTest::slurp($node->logfile), $offset), qr/WARNING:  invalid value for parameter "certmgr\.weak_key_file".*\n.*DETAIL:  Line 1 is not/, 'a start with a broken file: a warning');
is(sql('SHOW certmgr.weak_key_file'), '', 'and no list, as the setting says');
like(sql($health), qr/could not be used when the server read it: Line 1 is not 20 hexadecimal digits/, 'certmgr.health says so as long as it is so');
CertmgrTest::write_file($list, "$end\n");
sql('SELECT pg_reload_conf()');
ok(CertmgrTest::poll_until($node, 'SHOW certmgr.weak_key_file', $list), 'a reload with the mended file brings it back');
like(error("SELECT certmgr.issue_from('root', csr => '$weak')"), qr/on the list of weak keys/, 'and it counts');
is(sql($health), '', 'and certmgr.health is content');
is(sql('SELECT (certmgr.server_status()).weak_key_file'), 'ok', 'as server_status() is');
error("ALTER SYSTEM SET certmgr.weak_key_file = '$dir/missing'");
is(sql($health), '', 'a setting that is refused is nothing to speak of');

# ---- superusers only; unset ----

sql('CREATE ROLE someone LOGIN');
like(error("SET ROLE someone; SHOW certmgr.weak_key_file"), qr/permission denied|must be/, 'the path is not shown to everybody');
sql('ALTER SYSTEM RESET certmgr.weak_key_file');
sql('SELECT pg_reload_conf()');
ok(CertmgrTest::poll_until($node, 'SHOW certmgr.weak_key_file', ''), 'unset');
like(sql("SELECT certmgr.issue_from('root', csr => '$weak')"), qr/^\d+$/, 'then nobody knows again');

$node->stop;
done_testing();
