# Law L1: what the worker does outside is known to whoever goes on after it, be it this server after a crash or its standby.
#
# A synchronous standby: a commit that waits for it comes back when the postmaster dies, as if it had been told. The standby
# does not have it, and is the server of tomorrow: what was to be done after that commit must not be done. Here its walsender is stopped, so
# that the worker waits with the intent to answer three challenges; the postmaster is killed then, and the CA must hear nothing more.
# The same transaction ends another order, and so does the next one: that wakes the worker, which therefore does not sleep, and does not
# see what happened until all has been sent.
use strict;
use warnings FATAL => 'all';

use AcmedTest;
use CertmgrTest;
use IPC::Run ();
use PostgreSQL::Test::Utils;
use Test::More;

my $run = AcmedTest::start('acmed_unreplicated', allows_streaming => 1, only => 's01 s02');
my $control = sub { return CertmgrTest::control($run->{acmed}, @_); };
my $kinds = sub { my %n; $n{ $_->{kind} }++ for map { @{ $control->("/ledger/$_") } } 's01', 's02'; return join ' ', map { "$_ $n{$_}" } sort keys %n; };
$run->add_standby;

$run->hold([ 'lookup', 'before' ], [ 'cert', 'after' ]);
$run->order;
CertmgrTest::wait_until(sub { my @certs = grep { $_->[1] eq 'cert' } @{ $control->('/held')->{points} }; return @certs == 2 && $control->('/held')->{count} >= 5; }, undef, 'no downloads and no questions for three TXT records')
  or die 'nothing is held';
my ($walsender) = split /\n/, $run->psql('SELECT pid FROM pg_stat_replication');
my ($worker) = CertmgrTest::worker_pids($run->{node}, 'certmgr worker%');
kill 'STOP', $walsender, $worker;
$control->('/kill', { on => JSON::PP::false });
$control->('/release', { deliver => JSON::PP::true, only => ['s01'] });
# All answers are on their way once the double has answered something else: the worker finds them at once.
$control->('/held') for 1 .. 3;
my $asked = $kinds->();
unlike($asked, qr/challenge/, 'no challenge was answered so far');
kill 'CONT', $worker;
ok(CertmgrTest::poll_until($run->{node}, "SELECT wait_event FROM pg_stat_activity WHERE pid = $worker", 'SyncRep'), 'the worker waits for the standby');
$control->('/release', { deliver => JSON::PP::true });
$control->('/held') for 1 .. 3;
$run->kill_postmaster($walsender);
is($kinds->(), $asked, 'the CA hears nothing more from the server whose postmaster is gone');

$run->take_over;
$run->{kills} = 1;
$run->watch(seconds => 60);
$run->judge;

# A wait for the standby that is canceled: what was to come after the commit is not done, and somebody hears of it.
my $node = $run->{node};
$node->safe_psql('postgres', q{ALTER SYSTEM SET certmgr.worker = off; SELECT pg_reload_conf()});
CertmgrTest::poll_until($node, q{SELECT count(*) = 0 FROM pg_stat_activity WHERE backend_type LIKE 'certmgr worker%'}) or die 'the worker does not go';
$node->safe_psql('postgres', q{SELECT certmgr.create_subscriber('later', 's02', auto_renew => false, sans => '{later.s02.example.test}'); SELECT certmgr.issue('later')});
($walsender) = split /\n/, $run->psql('SELECT pid FROM pg_stat_replication');
$asked = $kinds->();
kill 'STOP', $walsender;
my ($out, $err) = ('', '');
my $work = IPC::Run::start([ 'psql', '-X', '-d', $node->connstr('postgres') . " application_name=work", '-c', q{CALL certmgr.work('60 s')} ], '>', \$out, '2>', \$err, IPC::Run::timeout(60));
CertmgrTest::poll_until($node, q{SELECT count(*) = 1 FROM pg_stat_activity WHERE application_name = 'work' AND wait_event = 'SyncRep'}) or die 'CALL work() does not wait';
$run->psql(q{SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE application_name = 'work'});
$work->finish;
like($err, qr/ERROR:  canceling the wait for a synchronous standby and what was to be done after it\n.*HINT:  The work goes on by itself when the standby follows/s, 'a canceled wait for the standby is an error');
is($kinds->(), $asked, 'and the CA has heard nothing');
kill 'CONT', $walsender;
$node->safe_psql('postgres', q{CALL certmgr.work('30 s')});
is($node->safe_psql('postgres', q{SELECT c.state FROM certmgr.certificate c JOIN certmgr.subscriber s ON s.id = c.subscriber_id WHERE s.name = 'later'}), 'issued', 'it goes on when the standby follows');
unlike($run->logs, qr/PANIC|TRAP:|terminated by signal (?!9)/, 'no process died of itself');
$node->stop('immediate');

# The whole server with synchronous_commit = off: what is done at the CA and in the DNS is on disk before, whatever sessions are content with.
$run = AcmedTest::start('acmed_async', only => 's01');
$run->{node}->safe_psql('postgres', q{ALTER SYSTEM SET synchronous_commit = off; ALTER SYSTEM SET wal_writer_delay = '10 s'; SELECT pg_reload_conf()});
{
	local $ENV{PGOPTIONS} = '-c synchronous_commit=on';
	$run->hold([ 'update', 'after' ]);
	$run->order;
}
CertmgrTest::wait_until(sub { CertmgrTest::control($run->{acmed}, '/held')->{count} >= 1 }, undef, 'no TXT record is written') or die 'nothing is held';
$run->kill_postmaster;
$run->{node}->append_conf('postgresql.conf', 'certmgr.worker = off');
$run->{node}->start;
is($run->{node}->safe_psql('postgres', q{SELECT count(*) FROM certmgr.dns_record WHERE state = 'planned' AND sent}), '3', 'with synchronous_commit = off: what was sent before a crash is known after it');
CertmgrTest::control($run->{acmed}, '/release', {});
$run->{node}->append_conf('postgresql.conf', 'certmgr.worker = on');
$run->{node}->reload;
$run->{kills} = 1;
$run->watch(seconds => 60);
$run->judge;
$run->{node}->stop('immediate');
done_testing();
