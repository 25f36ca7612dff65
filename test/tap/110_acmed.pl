# The hostile ACME scenarios of test/doubles/acmed, all at once against one worker: each comes to its outcome, with as many
# certificates at the CA as wanted, no TXT record left and no more requests than its budget and its faults explain.
# CERTMGR_SCENARIOS="n01 h03" runs only these.
use strict;
use warnings FATAL => 'all';

use AcmedTest;
use CertmgrTest;
use Test::More;

my $run = AcmedTest::start('acmed', long => 1);
my ($before) = CertmgrTest::slurp($run->{node}->logfile) =~ /(.*)/s;
$run->order;
$run->watch(seconds => 150);
$run->judge;
unlike(substr(CertmgrTest::slurp($run->{node}->logfile), length $before), qr/terminated by signal|PANIC|TRAP:|background worker "certmgr.*exited with exit code [^0]/, 'no process died');
$run->{node}->stop;
done_testing();
