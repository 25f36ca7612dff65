# More databases than there are processes or slots.
# Bugs of this kind that others shipped: no free background worker slot ends the launcher or fills the log (timescaledb #5233, #8266),
# databases after the n-th are never served (pg_cron serves one), a worker in each database for ever (timescaledb).
use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/lib";
use CertmgrTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = CertmgrTest::cluster('limits', key => 0, conf => "certmgr.worker_idle_timeout = 600\nlog_min_messages = debug1");
my $FULL = qr/could not start the certmgr worker for database \d+: no background worker slot is free/;

sub log_from { my ($offset) = @_; return substr(CertmgrTest::slurp($node->logfile), $offset // 0); }
sub count { my ($pattern, $text) = @_; return scalar(() = $text =~ /$pattern/g); }

# Until a worker has entered each of these databases: the log names each start.
sub served
{
	my ($offset, @databases) = @_;
	my @oids = map { $node->safe_psql('postgres', "SELECT oid FROM pg_database WHERE datname = '$_'") } @databases;
	return CertmgrTest::wait_until(sub {
			my $log = log_from($offset);
			return !grep { $log !~ /starting background worker process "certmgr worker for database $_"/ } @oids;
		}, undef, "some of @databases got no worker");
}

sub restart_with
{
	my ($setting) = @_;
	my $offset = length CertmgrTest::slurp($node->logfile);
	$node->append_conf('postgresql.conf', $setting);
	$node->restart;
	return $offset;
}

# No process for us at all: the two launchers take both.
my $offset = restart_with('max_worker_processes = 2');
ok(CertmgrTest::wait_until(sub { log_from($offset) =~ $FULL }), 'a server without a free worker slot: logged');
$node->safe_psql('postgres', 'CREATE DATABASE d1');
$node->safe_psql('d1', 'CREATE EXTENSION certmgr');
$node->safe_psql('postgres', 'SELECT certmgr_private.wake()') for 1 .. 5;
ok(CertmgrTest::poll_until($node, "SELECT count(*) FROM certmgr.worker_status WHERE state = 'unknown' AND database IN ('postgres', 'd1')", '2'), 'both databases wait');
is(count($FULL, log_from($offset)), 1, 'it is logged once');

# Two processes for five databases: those that are idle make room at once.
$offset = restart_with('max_worker_processes = 4');
$node->safe_psql('postgres', "CREATE DATABASE d$_ TEMPLATE d1") for 2 .. 4;
$node->safe_psql("d$_", 'SELECT certmgr_private.wake()') for 2 .. 4;
ok(served($offset, 'postgres', map { "d$_" } 1 .. 4), 'with two processes all five databases are served');
my $old = count($FULL, log_from($offset));
$node->safe_psql('d1', 'SELECT certmgr_private.wake()');
ok(CertmgrTest::poll_until($node, "SELECT count(*) FROM certmgr.worker_status WHERE state NOT IN ('running', 'idle')", '0'), 'and none is left waiting');

# 50 databases, found by the launcher alone.
$node->safe_psql('postgres', "CREATE DATABASE n$_ TEMPLATE d1") for 1 .. 50;
$offset = restart_with('max_worker_processes = 8');
ok(served($offset, map { "n$_" } 1 .. 50), '50 databases are found and served after a restart');
cmp_ok(count($FULL, log_from($offset)), '<=', 3, 'without filling the log');
$node->safe_psql('postgres', "DROP DATABASE n$_") for 1 .. 50;
ok(CertmgrTest::poll_until($node, "SELECT count(*) FROM certmgr.worker_status WHERE database NOT IN (SELECT datname FROM pg_database)", '0'), 'their slots are free again');

# Databases without the extension use up no slots.
$node->safe_psql('postgres', "CREATE DATABASE m$_") for 1 .. 8;
$node->safe_psql('m8', 'CREATE EXTENSION certmgr');
$node->safe_psql('postgres', "DROP DATABASE d$_") for 1 .. 4;
$offset = restart_with('certmgr.max_databases = 3');
ok(served($offset, 'postgres', map { "m$_" } 1 .. 8), 'three slots: the launcher looks into all nine databases');
ok(CertmgrTest::poll_until($node, "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'certmgr worker' AND datname IN ('postgres', 'm8')", '2'), 'and keeps those with the extension');
$node->safe_psql('m1', 'CREATE EXTENSION certmgr');
ok(CertmgrTest::poll_until($node, "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'certmgr worker' AND datname = 'm1'", '1'), 'another one finds room');
$node->safe_psql('m2', 'CREATE EXTENSION certmgr');
$node->safe_psql('m1', 'DROP EXTENSION certmgr CASCADE');
$node->safe_psql('m2', 'SELECT certmgr_private.wake()');
ok(CertmgrTest::poll_until($node, "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'certmgr worker' AND datname = 'm2'", '1', 90), 'the room of one that goes is the next one\'s');

$node->stop;
done_testing();
