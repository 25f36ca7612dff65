# Several engines at one database, as when CALL certmgr.work() is scheduled beside the worker: they share what is due, and the ledger of
# rate limits. No limit is overstepped, nothing is ordered twice.
use strict;
use warnings FATAL => 'all';

use AcmedTest;
use CertmgrTest;
use IPC::Run ();
use Test::More;

my $run = AcmedTest::start('acmed_engines', only => 'l01 l02 l04 l05 o14 n01 a03 a06 c06 k01 i01');
my @work = ({}, {});

# Starts those that have nothing more to do again.
sub keep_working
{
	for my $w (@work)
	{
		next if $w->{run} && $w->{run}->pumpable;
		end_of($w);
		($w->{out}, $w->{err}) = ('', '');
		$w->{run} = IPC::Run::start([ 'psql', '-XqAt', '-d', $run->{node}->connstr('postgres'), '-c', q{CALL certmgr.work('30 s')} ], '>', \$w->{out}, '2>', \$w->{err}, IPC::Run::timeout(120));
	}
	return;
}

sub end_of
{
	my ($w) = @_;
	return unless $w->{run};
	$w->{run}->finish;
	$w->{said} .= $w->{err};
	$w->{done} += $w->{out} || 0;
	delete $w->{run};
	return;
}

# The time between a look at the ledger and the commit is so long that another engine is sure to look meanwhile.
$run->{node}->safe_psql('postgres', q{CREATE FUNCTION public.slow() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_catalog.pg_sleep(0.05); RETURN NEW; END $$;
	CREATE TRIGGER slow BEFORE INSERT OR UPDATE ON certmgr.acme_limit_state FOR EACH ROW EXECUTE FUNCTION public.slow()});
# None takes all that is due at once.
$run->{node}->safe_psql('postgres', 'ALTER SYSTEM SET certmgr.max_orders_in_flight = 3; SELECT pg_reload_conf()');
$run->order;
keep_working();
$run->{engines} = @work;
$run->watch(seconds => 100, each => \&keep_working);
end_of($_) for @work;
is($_->{said}, '', 'CALL work() said nothing') for @work;
cmp_ok($_->{done}, '>', 10, "an engine took its part: $_->{done} steps") for @work;
$run->judge;
$run->{node}->stop;
done_testing();
