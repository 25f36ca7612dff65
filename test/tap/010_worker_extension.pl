# The worker of a database follows its extension: CREATE and DROP EXTENSION in all their forms.
# Bugs of this kind that others shipped: a worker before CREATE EXTENSION is committed (pg_net), a worker that loops on errors after
# DROP EXTENSION or in a database that never had it (pg_net #76e43f, timescaledb #4838), none after a DROP that was rolled back
# (timescaledb #1593), DROP EXTENSION that hangs on the worker's locks (citus #1592), an ERROR and an exit code in the log each time.
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

# Workers stay, so that what makes them leave is what the test does. DEBUG1 shows each start in the postmaster's own words.
my $node = CertmgrTest::cluster('extension', key => 0, conf => "certmgr.worker_idle_timeout = 600\nlog_min_messages = debug1");

my $running = "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'certmgr worker' AND datname = ";
sub runs { my ($db) = @_; return CertmgrTest::poll_until($node, "$running '$db'", '1'); }
sub gone { my ($db) = @_; return CertmgrTest::poll_until($node, "$running '$db'", '0'); }
sub pid  { my ($db) = @_; return $node->safe_psql('postgres', "SELECT pid FROM pg_stat_activity WHERE backend_type = 'certmgr worker' AND datname = '$db'"); }

# How often the postmaster was asked for a worker of this database.
sub starts
{
	my ($db) = @_;
	my $oid = $node->safe_psql('postgres', "SELECT oid FROM pg_database WHERE datname = '$db'");
	return scalar(() = CertmgrTest::slurp($node->logfile) =~ /registering background worker "certmgr worker for database $oid"/g);
}

# After this the launcher has been through whatever happened before: it has noticed a new database.
my $barriers = 0;
sub barrier
{
	my $db = 'barrier' . ++$barriers;
	$node->safe_psql('postgres', "CREATE DATABASE $db");
	$node->safe_psql($db, 'CREATE EXTENSION certmgr');
	my $ok = runs($db);
	$node->safe_psql('postgres', "DROP DATABASE $db");
	return $ok;
}

ok(runs('postgres'), 'CREATE EXTENSION starts a worker');
is($node->safe_psql('postgres', "SELECT state FROM certmgr.worker_status WHERE database = 'postgres'"), 'running', 'worker_status shows it');
is($node->safe_psql('postgres', "SELECT pid FROM certmgr.worker_status WHERE database = 'postgres'"), pid('postgres'), 'with its pid');

$node->safe_psql('postgres', 'CREATE DATABASE t');

# CREATE
my $before = starts('t');
$node->safe_psql('t', 'BEGIN; CREATE EXTENSION certmgr; ROLLBACK');
ok(barrier(), 'the launcher has gone on');
is(starts('t'), $before, 'CREATE EXTENSION that is rolled back starts none');
is($node->safe_psql('postgres', "$running 't'"), '0', 'and none runs');

$node->safe_psql('t', 'BEGIN; CREATE EXTENSION certmgr; SAVEPOINT s; SELECT 1; ROLLBACK TO s; COMMIT');
ok(runs('t'), 'CREATE EXTENSION that is committed starts one');

# DROP that does not happen
my $old = pid('t');
$node->safe_psql('t', 'BEGIN; DROP EXTENSION certmgr CASCADE; ROLLBACK');
ok(CertmgrTest::poll_until($node, "$running 't' AND pid <> $old", '1'), 'DROP EXTENSION that is rolled back: another worker comes');

$old = pid('t');
$node->safe_psql('t', q{DO $$ BEGIN DROP EXTENSION certmgr CASCADE; RAISE 'no'; EXCEPTION WHEN raise_exception THEN NULL; END $$});
ok(CertmgrTest::poll_until($node, "$running 't' AND pid <> $old", '1'), 'DROP EXTENSION undone inside DO: another worker comes');

# DROP that happens
my $begin = time;
$node->safe_psql('t', 'DROP EXTENSION certmgr CASCADE');
cmp_ok(time - $begin, '<', 5, 'DROP EXTENSION does not wait for the worker');
ok(gone('t'), 'DROP EXTENSION ends the worker');
ok(barrier(), 'the launcher has gone on');
is($node->safe_psql('postgres', "SELECT count(*) FROM certmgr.worker_status WHERE database = 't' AND state NOT IN ('absent', 'unknown', 'starting')"), '0', 'and no worker is wanted any more');
ok(gone('t'), 'none comes back');

$node->safe_psql('t', 'CREATE EXTENSION certmgr');
ok(runs('t'), 'CREATE EXTENSION again starts one again');
$node->safe_psql('t', q{DO $$ BEGIN DROP EXTENSION certmgr CASCADE; END $$});
ok(gone('t'), 'DROP EXTENSION inside DO ends it');

$node->safe_psql('t', 'CREATE EXTENSION certmgr');
ok(runs('t'), 'it runs');
$old = pid('t');
$node->safe_psql('t', 'BEGIN; DROP EXTENSION certmgr CASCADE; CREATE EXTENSION certmgr; COMMIT');
ok(CertmgrTest::poll_until($node, "$running 't' AND pid <> $old", '1'), 'DROP and CREATE in one transaction: another worker comes');

# The worker waits for a lock that the one who drops the extension holds.
my $session = IPC::Run::start([ 'psql', '-XAtq', '-v', 'ON_ERROR_STOP=1', '-d', $node->connstr('t'), '-c', q{
BEGIN; LOCK TABLE certmgr_private.job IN ACCESS EXCLUSIVE MODE;
DO $$ BEGIN
	WHILE NOT EXISTS (SELECT FROM pg_locks JOIN pg_stat_activity USING (pid) WHERE backend_type = 'certmgr worker' AND NOT granted) LOOP
		PERFORM pg_sleep(0.02), pg_stat_clear_snapshot();
	END LOOP;
END $$;
SET client_min_messages = warning; DROP EXTENSION certmgr CASCADE; COMMIT;
} ], '>', \my $out, '2>', \my $err);
ok(CertmgrTest::poll_until($node, q{SELECT count(*) FROM pg_locks WHERE mode = 'AccessExclusiveLock' AND granted AND relation = 'certmgr_private.job'::regclass}, '1', undef, 't'), 'a session locks the job table');
$begin = time;
$node->safe_psql('t', 'SELECT certmgr_private.wake()');
IPC::Run::finish($session);
is($err, '', 'DROP EXTENSION with the worker waiting for its locks');
cmp_ok(time - $begin, '<', 5, 'does not hang');
ok(gone('t'), 'and ends the worker');
$node->safe_psql('t', 'CREATE EXTENSION certmgr');
ok(runs('t'), 'it runs');

my $schema = $node->safe_psql('t', "SELECT extnamespace::regnamespace FROM pg_extension WHERE extname = 'certmgr'");
$node->safe_psql('t', "DROP SCHEMA $schema CASCADE");
is($node->safe_psql('t', "SELECT count(*) FROM pg_extension WHERE extname = 'certmgr'"), '0', 'DROP SCHEMA CASCADE drops the extension');
ok(gone('t'), 'and ends the worker');

$node->safe_psql('t', "CREATE ROLE regress_certmgr_super SUPERUSER");
$node->safe_psql('t', 'SET ROLE regress_certmgr_super; CREATE EXTENSION certmgr');
ok(runs('t'), 'it runs for an extension of another owner');
$node->safe_psql('t', 'DROP OWNED BY regress_certmgr_super CASCADE');
is($node->safe_psql('t', "SELECT count(*) FROM pg_extension WHERE extname = 'certmgr'"), '0', 'DROP OWNED drops the extension');
ok(gone('t'), 'and ends the worker');

# A schema of our name without the extension is nobody's business.
$node->safe_psql('t', 'DROP SCHEMA IF EXISTS certmgr, certmgr_private CASCADE; CREATE SCHEMA certmgr; CREATE SCHEMA certmgr_private');
ok(barrier(), 'the launcher has gone on');
is($node->safe_psql('postgres', "$running 't'"), '0', 'no worker for a schema of that name');

# A worker that is told to go in the middle of a transaction says so as any session does; that is the only way to an exit code.
my $log        = CertmgrTest::slurp($node->logfile);
my $terminated = () = $log =~ /FATAL: +terminating background worker "certmgr worker/g;
my $failed     = () = $log =~ /background worker "certmgr worker[^\n]*exited with exit code [1-9]/g;
is($failed, $terminated, 'no worker ended with an exit code but by SIGTERM');
$log =~ s/FATAL: +terminating background worker "certmgr worker//g;
unlike($log, qr/\b(ERROR|FATAL):/, 'nor with a message');

$node->stop;
done_testing();
