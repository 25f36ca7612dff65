# The scenarios of 110_acmed.pl while the database worker is killed: acmed holds each CA's first request of every kind twice, before
# it is carried out (the intent is committed, nothing has happened) and after (it has happened, and no answer comes), DNS updates as
# well, and the worker is killed with SIGKILL while they are held. Still: as many certificates as wanted, no TXT record left, no more
# requests than the budget, the faults and the kills explain.
use strict;
use warnings FATAL => 'all';

use AcmedTest;
use CertmgrTest;
use Test::More;

my $run = AcmedTest::start('acmed_kill');
$run->hold;
$run->order;
$run->watch(seconds => 200, disturb => \&AcmedTest::kill_worker);
cmp_ok($run->{kills}, '>=', 15, 'the worker was killed often enough');
$run->judge;
unlike(CertmgrTest::slurp($run->{node}->logfile), qr/PANIC|TRAP:|terminated by signal (?!9)/, 'no process died of itself');
$run->{node}->stop;
done_testing();
