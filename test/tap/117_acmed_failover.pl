# The scenarios of 110_acmed.pl while the database fails: acmed holds the requests after which there is something at the CA or in the DNS
# that was not there before, and while they are held the postmaster is killed and started again, or its synchronous standby takes over,
# by turns. Nothing is lost, nothing is issued twice, no TXT record stays; the new server knows what the old one had used up of rate limits.
use strict;
use warnings FATAL => 'all';

use AcmedTest;
use CertmgrTest;
use IPC::Run ();
use Test::More;

my $run = AcmedTest::start('acmed_primary', allows_streaming => 1);
my ($crashes, $failovers) = (0, 0);
$run->add_standby;
$run->hold([ 'newOrder', 'after' ], [ 'update', 'after' ], [ 'challenge', 'after' ], [ 'finalize', 'after' ], [ 'cert', 'before' ], [ 'replacement', 'after' ]);
$run->order;
$run->watch(seconds => 200, disturb => sub { my ($self) = @_; return $crashes > $failovers ? ++$failovers && $self->fail_over : ++$crashes && $self->crash; });
cmp_ok($failovers, '>=', 3, 'standbys were promoted often enough');
$run->judge;
unlike($run->logs, qr/PANIC|TRAP:|terminated by signal (?!9)/, 'no process died of itself');

# Keys that were made before a failover fit the certificates that came after it.
for my $name ('o01', 'i01')
{
	my ($id) = reverse sort { $a <=> $b } split /\n/, $run->psql("SELECT c.id FROM certmgr.certificate c JOIN certmgr.ca a ON a.id = c.ca_id WHERE a.name = '$name' AND c.state = 'issued'");
	my ($key, $leaf) = map { $run->psql("SELECT certmgr.$_($id)") } 'private_key_pem', 'certificate_pem';
	my ($of_key, $of_leaf) = ('', '');
	IPC::Run::run([ 'openssl', 'pkey', '-pubout' ], '<', \$key, '>', \$of_key);
	IPC::Run::run([ 'openssl', 'x509', '-noout', '-pubkey' ], '<', \$leaf, '>', \$of_leaf);
	ok($of_key ne '' && $of_key eq $of_leaf, "$name: the key is that of the certificate");
}
$run->{node}->stop('immediate');
done_testing();
