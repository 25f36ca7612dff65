# The worker and the launcher come back after whatever ends them, and do not spin while the cause lasts.
# Bugs of this kind that others shipped: no worker after a crash (pg_cron #352), a restart loop without a pause (pg_net 076e43f), a
# worker that global settings stop (statement_timeout, default_transaction_read_only), a launcher that does not survive
# pg_terminate_backend (timescaledb #8266), reloads that end it.
use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/lib";
use CertmgrTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = CertmgrTest::cluster('faults', key => 0, conf => 'certmgr.worker_idle_timeout = 600');

my $worker   = "SELECT pid FROM pg_stat_activity WHERE backend_type = 'certmgr worker' AND datname = 'postgres'";
my $launcher = "SELECT pid FROM pg_stat_activity WHERE backend_type = 'certmgr launcher'";
sub pid    { my ($sql) = @_; return $node->safe_psql('postgres', $sql); }
sub runs   { my ($sql) = @_; return CertmgrTest::poll_until($node, "SELECT count(*) FROM ($sql) x", '1'); }
sub other  { my ($sql, $pid) = @_; return CertmgrTest::poll_until($node, "SELECT count(*) FROM ($sql AND pid <> $pid) x", '1'); }
# Nothing here waits for a clock of a minute, so no test may.
sub state  { my ($state) = @_; return CertmgrTest::poll_until($node, "SELECT state FROM certmgr.worker_status WHERE database = 'postgres'", $state, 30); }
sub wake   { $node->safe_psql('postgres', 'SELECT certmgr_private.wake()'); return; }

sub reload
{
	my ($setting) = @_;
	$node->safe_psql('postgres', "ALTER SYSTEM SET $setting");
	$node->reload;
	return;
}


ok(runs($worker) && runs($launcher), 'both run');

# pg_terminate_backend
my $old_launcher = pid($launcher);
my $old          = pid($worker);
$node->safe_psql('postgres', "SELECT pg_terminate_backend($old)");
ok(other($worker, $old), 'the worker is back after pg_terminate_backend');
is($node->safe_psql('postgres', "SELECT failures FROM certmgr.worker_status WHERE database = 'postgres'"), '0', 'that is no failure');
$old = pid($worker);
$node->safe_psql('postgres', "SELECT pg_terminate_backend($old_launcher)");
ok(other($launcher, $old_launcher), 'the launcher is back after pg_terminate_backend');
is(pid($worker), $old, 'without touching the worker');
$node->safe_psql('postgres', "SELECT pg_terminate_backend($old)");
ok(other($worker, $old), 'and looks after it as before');

# kill -9: the server restarts all its processes
for my $victim ([ 'worker', $worker ], [ 'launcher', $launcher ])
{
	my ($name, $sql) = @$victim;
	my $pid = pid($sql);
	ok(CertmgrTest::kill9($pid), "$name killed");
	ok(CertmgrTest::wait_for_server($node), 'the server is back');
	ok(other($sql, $pid) && runs($worker) && runs($launcher), 'both run again');
}

# Reloads
$old = pid($worker);
$node->reload for 1 .. 30;
wake();
is(pid($worker), $old, 'a storm of reloads does not end the worker');

reload('certmgr.worker = off');
ok(CertmgrTest::poll_until($node, "SELECT count(*) FROM ($worker) x", '0'), 'certmgr.worker = off ends it');
wake();
is($node->safe_psql('postgres', "SELECT count(*) FROM ($worker) x"), '0', 'and none is started');
reload('certmgr.worker = on');
ok(runs($worker), 'certmgr.worker = on brings it back');

# Settings that were meant for sessions
my @hostile = ("statement_timeout = '1ms'", "lock_timeout = '1ms'", "idle_in_transaction_session_timeout = '1ms'",
	'default_transaction_read_only = on', "default_transaction_isolation = 'serializable'", "search_path = 'nowhere'");
push @hostile, "transaction_timeout = '1ms'" if $node->safe_psql('postgres', "SELECT count(*) FROM pg_settings WHERE name = 'transaction_timeout'");
$old = pid($worker);
$node->append_conf('postgresql.conf', join("\n", @hostile) . "\n");
$node->safe_psql('postgres', "SELECT pg_terminate_backend($old)");
$node->reload;
# This session must defend itself against the same settings.
local $ENV{PGOPTIONS} = '-c statement_timeout=0 -c lock_timeout=0 -c default_transaction_read_only=off -c search_path=public'
  . (grep(/^transaction_timeout/, @hostile) ? ' -c transaction_timeout=0' : '');
ok(other($worker, $old), 'a worker starts under hostile settings');
$old = pid($worker);
wake();
ok(state('running'), 'it runs');
reload("certmgr.worker_idle_timeout = '1s'");
ok(state('idle'), 'it does its work and leaves');
is($node->safe_psql('postgres', "SELECT failures FROM certmgr.worker_status WHERE database = 'postgres'"), '0', 'it never failed');
wake();
ok(runs($worker), 'it starts again when it is woken');
ok(state('idle'), 'and leaves again after the idle time');
reload("certmgr.worker_idle_timeout = '600s'");
$node->append_conf('postgresql.conf', "statement_timeout = 0\nlock_timeout = 0\nidle_in_transaction_session_timeout = 0\ndefault_transaction_read_only = off\n"
	  . "default_transaction_isolation = 'read committed'\nsearch_path = 'public'\n" . (grep(/^transaction_timeout/, @hostile) ? "transaction_timeout = 0\n" : ''));
$node->reload;

# An ERROR: back-off, visible, and it comes back by itself
wake();
ok(state('running'), 'it runs');
$node->safe_psql('postgres', 'ALTER TABLE certmgr_private.job RENAME TO job_away');
wake();
ok(CertmgrTest::poll_until($node, "SELECT failures >= 2 FROM certmgr.worker_status WHERE database = 'postgres'"), 'a worker that fails is counted');
ok(CertmgrTest::poll_until($node, "SELECT state = 'backoff' AND hint <> '' FROM certmgr.worker_status WHERE database = 'postgres'"), 'and backs off');
wake() for 1 .. 20;
cmp_ok($node->safe_psql('postgres', "SELECT failures FROM certmgr.worker_status WHERE database = 'postgres'"), '<', 8, 'being woken does not shorten that');
$node->safe_psql('postgres', 'ALTER TABLE certmgr_private.job_away RENAME TO job');
ok(state('running'), 'it comes back when the cause is gone');

# The script and the library do not fit
$old = pid($worker);
my $version = $node->safe_psql('postgres', "SELECT extversion FROM pg_extension WHERE extname = 'certmgr'");
$node->safe_psql('postgres', "UPDATE pg_extension SET extversion = '99.9' WHERE extname = 'certmgr'; SELECT pg_terminate_backend($old)");
ok(state('mismatch'), 'another version of the extension: the worker does not touch it');
wake() for 1 .. 3;
ok(state('mismatch'), 'also when woken');
is(scalar(() = CertmgrTest::slurp($node->logfile) =~ /certmgr worker cannot work in database/g), 1, 'it is logged once');
$node->safe_psql('postgres', "UPDATE pg_extension SET extversion = '$version' WHERE extname = 'certmgr'; SELECT certmgr_private.wake()");
ok(state('running'), 'the right version brings it back');

$node->stop;
done_testing();
