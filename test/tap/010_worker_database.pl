# A worker does not stand in the way of commands that need its database for themselves, and is back when they fail.
# Bugs of this kind that others shipped: DROP DATABASE fails after 5 s or hangs (pg_cron #318, pg_net b9f39d0), CREATE DATABASE ...
# TEMPLATE fails (timescaledb #5091), "database does not exist" in the log for ever (pg_cron #12, #99, pg_lake PR #204).
use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/lib";
use CertmgrTest;
use IPC::Run;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);

my $node = CertmgrTest::cluster('database', key => 0, conf => "certmgr.worker_idle_timeout = 600\nlog_min_messages = debug1");

# PostgreSQL itself waits five seconds for other sessions: what is done in less did not find one.
my $QUICK = 4;

my $running = "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'certmgr worker' AND datname = ";
sub runs { my ($db) = @_; return CertmgrTest::poll_until($node, "$running '$db'", '1'); }
sub pid  { my ($db) = @_; return $node->safe_psql('postgres', "SELECT pid FROM pg_stat_activity WHERE backend_type = 'certmgr worker' AND datname = '$db'"); }

# A worker of this database other than that.
sub other { my ($db, $pid) = @_; return CertmgrTest::poll_until($node, "$running '$db' AND pid <> $pid", '1'); }

sub quick
{
	my ($sql, $name) = @_;
	my $begin = time;
	my ($rc, $out, $err) = $node->psql('postgres', $sql);
	my $took = time - $begin;
	is($rc, 0, "$name succeeds") or diag($err);
	cmp_ok($took, '<', $QUICK, "$name does not wait for the worker");
	return;
}

sub make
{
	my ($db) = @_;
	$node->safe_psql('postgres', "CREATE DATABASE $db");
	$node->safe_psql($db, 'CREATE EXTENSION certmgr');
	ok(runs($db), "a worker runs in $db");
	return;
}

# DROP DATABASE
make('d');
quick('DROP DATABASE d', 'DROP DATABASE');
ok(CertmgrTest::poll_until($node, "SELECT count(*) FROM certmgr.worker_status WHERE database NOT IN (SELECT datname FROM pg_database)", '0'), 'its slot is free again');

make('d');
quick('DROP DATABASE d WITH (FORCE)', 'DROP DATABASE WITH (FORCE)');

# At any moment of the worker's start.
for my $i (1 .. 8)
{
	$node->safe_psql('postgres', 'CREATE DATABASE d');
	$node->safe_psql('d', 'CREATE EXTENSION certmgr');
	select(undef, undef, undef, 0.002 * $i);
	$node->safe_psql('postgres', 'DROP DATABASE d');
}
pass('DROP DATABASE at any moment of the worker\'s start');

# DROP DATABASE that fails, since somebody else is there
make('d');
my $old     = pid('d');
my $session = IPC::Run::start([ 'psql', '-XAt', '-d', $node->connstr('d'), '-c', 'SELECT pg_sleep(600)' ], '>', \my $out, '2>', \my $err);
ok(CertmgrTest::poll_until($node, "SELECT count(*) FROM pg_stat_activity WHERE datname = 'd' AND query LIKE '%pg_sleep(600)%' AND backend_type = 'client backend'", '1'), 'a session is in the database');
my ($rc, undef, $message) = $node->psql('postgres', 'DROP DATABASE d');
isnt($rc, 0, 'DROP DATABASE fails because of it');
like($message, qr/being accessed by other users.*There is 1 other session/s, 'and counts that session alone');
my $begin = time;
ok(other('d', $old), 'then the worker is back');
cmp_ok(time - $begin, '<', 3, 'at once');
$node->safe_psql('postgres', "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'd' AND backend_type = 'client backend'");
IPC::Run::finish($session);

# A database one copies
$old = pid('d');
quick('CREATE DATABASE copy TEMPLATE d', 'CREATE DATABASE ... TEMPLATE');
ok(other('d', $old), 'the worker of the original is back');
quick('CREATE DATABASE copy2 TEMPLATE copy', 'CREATE DATABASE ... TEMPLATE of the copy');
$old = pid('d');
($rc, undef, $message) = $node->psql('postgres', 'BEGIN; CREATE DATABASE copy3 TEMPLATE d; COMMIT');
isnt($rc, 0, 'CREATE DATABASE in a transaction fails');
ok(runs('d'), 'a worker runs after it');
quick('DROP DATABASE copy', 'DROP DATABASE of the copy');
quick('DROP DATABASE copy2', 'DROP DATABASE of its copy');

# RENAME
$old = pid('d');
quick('ALTER DATABASE d RENAME TO e', 'RENAME');
ok(other('e', $old), 'a worker is back under the new name');

# Somebody who may not rename it may not disturb the worker either.
$old = pid('e');
$node->safe_psql('postgres', 'CREATE ROLE regress_certmgr_nobody CREATEDB');
($rc, undef, $message) = $node->psql('postgres', 'SET ROLE regress_certmgr_nobody; ALTER DATABASE e RENAME TO f');
like($message, qr/must be owner of database e/, 'RENAME by somebody else is refused');
is(pid('e'), $old, 'and does not touch the worker');

# SET TABLESPACE
$node->safe_psql('postgres', "SET allow_in_place_tablespaces = on; CREATE TABLESPACE regress_certmgr_place LOCATION ''");
quick('ALTER DATABASE e SET TABLESPACE regress_certmgr_place', 'SET TABLESPACE');
ok(other('e', $old), 'a worker is back');
$node->safe_psql('postgres', 'ALTER DATABASE e SET TABLESPACE pg_default; DROP TABLESPACE regress_certmgr_place');
ok(runs('e'), 'a worker is back');

# Closed databases
sub state { my ($db, $state) = @_; return CertmgrTest::poll_until($node, "SELECT state FROM certmgr.worker_status WHERE database = '$db'", $state); }
$node->safe_psql('postgres', 'ALTER DATABASE e ALLOW_CONNECTIONS false');
ok(state('e', 'closed'), 'ALLOW_CONNECTIONS false ends the worker');
is($node->safe_psql('postgres', "$running 'e'"), '0', 'none runs');
$node->safe_psql('postgres', 'ALTER DATABASE e ALLOW_CONNECTIONS true');
ok(runs('e'), 'ALLOW_CONNECTIONS true brings it back');
$node->safe_psql('postgres', 'ALTER DATABASE e IS_TEMPLATE true');
ok(state('e', 'closed'), 'a template has no worker');
quick('CREATE DATABASE copy TEMPLATE e', 'CREATE DATABASE from the template');
$node->safe_psql('postgres', 'ALTER DATABASE e IS_TEMPLATE false');
ok(runs('e'), 'a database that is no template any more has one');

# CREATE DATABASE from template1 with the extension in it
$node->safe_psql('template1', 'CREATE EXTENSION certmgr');
quick('CREATE DATABASE plain', 'CREATE DATABASE from a template1 with the extension');
is($node->safe_psql('postgres', "$running 'template1'"), '0', 'no worker in template1');

# A worker that is told to go in the middle of a transaction says so as any session does; that is the only way to an exit code.
my $log        = CertmgrTest::slurp($node->logfile);
my $terminated = () = $log =~ /FATAL: +terminating background worker "certmgr worker/g;
my $failed     = () = $log =~ /background worker "certmgr worker[^\n]*exited with exit code [1-9]/g;
is($failed, $terminated, 'no worker ended with an exit code but by SIGTERM');
unlike($log, qr/certmgr (?:worker|launcher) (?:ERROR|FATAL):(?! +terminating background)/, 'none looked for a database that is gone');

$node->stop;
done_testing();
