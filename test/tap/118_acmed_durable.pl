# Law L1 with a synchronous standby: a commit that waits for it comes back when the postmaster dies, as if it had been told. The standby
# does not have it, and is the server of tomorrow: what was to be done after that commit must not be done. Here its walsender is stopped, so
# that the worker waits with the intent to answer three challenges; the postmaster is killed then, and the CA must hear nothing more.
# The same transaction ends another order, and so does the next one: that wakes the worker, which therefore does not sleep, and does not
# see what happened until all has been sent.
use strict;
use warnings FATAL => 'all';

use AcmedTest;
use CertmgrTest;
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
unlike($run->logs, qr/PANIC|TRAP:|terminated by signal (?!9)/, 'no process died of itself');
$run->{node}->stop('immediate');
done_testing();
