# What many orders ask of one DNS provider at the same moment goes in few calls: Route 53 and Cloudflare, whose doubles count them.
# Wanted: every order issues, within what the provider allows; one bad record, a conflict, a lost answer or a crash spoils no other
# order; nothing of ours is left, and values of others stay as they are.
use strict;
use warnings FATAL => 'all';

use CertmgrTest;
use JSON::PP;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $aws = CertmgrTest::double('route53', 'zones=example.test,other.test');
my $node = CertmgrTest::cluster('batch');

# A provider and a CA of that name.
sub create_ca
{
	my ($name, $type, $acme, $config, $secret) = @_;
	my $json = encode_json($config);
	my $anchors = CertmgrTest::slurp($acme->{ACME_TLS_CA});
	$node->safe_psql('postgres', qq{
		SELECT certmgr.create_dns_provider('$name', '$type', \$j\$$json\$j\$, \$s\$$secret\$s\$);
		SELECT certmgr.create_acme_ca('$name', '$acme->{ACME_DIRECTORY}', dns_provider => '$name', terms_of_service_agreed => true, trust_anchors => '$anchors');});
	return;
}

my $serial = 0;

# Orders certificates for these lists of names in one transaction. The ids.
sub order_all
{
	my ($ca, @lists) = @_;
	my @sql;
	for my $list (@lists)
	{
		my $subscriber = 'batch ' . ++$serial;
		my $sans = join ',', @$list;
		push @sql, "SELECT certmgr.create_subscriber('$subscriber', '$ca', auto_renew => false, sans => '{$sans}')", "SELECT 'id ' || certmgr.issue('$subscriber')";
	}
	return $node->safe_psql('postgres', join ";\n", 'BEGIN', @sql, 'COMMIT') =~ /^id (\d+)$/mg;
}

# A test: all are issued and cleaned up.
sub all_issue
{
	my ($what, @ids) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my $list = join ',', @ids;
	my $ok = ok(CertmgrTest::poll_until($node, "SELECT count(*) FROM certmgr.certificate WHERE id IN ($list) AND state = 'issued'", scalar @ids, 120), $what);
	diag($node->safe_psql('postgres', "SELECT certificate, step, ca_status, message FROM certmgr.order_status WHERE certificate IN ($list) AND certificate NOT IN (SELECT id FROM certmgr.certificate WHERE state = 'issued')")) unless $ok;
	return CertmgrTest::ledger_is_clean($node, $what);
}

my %counted;

# How many requests came to a double since the last time, by kind. "throttled" are among the others.
sub calls
{
	my ($double, %kinds) = @_;
	my @log = @{ CertmgrTest::control($double, '/log') };
	my @new = @log[ ($counted{ $double->{CONTROL} } // 0) .. $#log ];
	$counted{ $double->{CONTROL} } = @log;
	my %count = (all => scalar @new);
	for my $kind (keys %kinds)
	{
		$count{$kind} = grep { "$_->{method} $_->{target}" =~ $kinds{$kind} } @new;
	}
	note(join ' ', map { "$_=$count{$_}" } sort keys %count);
	return \%count;
}

sub aws_calls { return calls($aws, zones => qr/hostedzonesbyname/, sets => qr/rrset\?/, changes => qr/^POST/, polls => qr{/change/}); }
sub set { CertmgrTest::control($aws, '/set', {@_}); return; }

my $acme = CertmgrTest::pebble($aws);
create_ca('aws', 'route53', $acme, { endpoint => $aws->{API_URL}, sts_endpoint => $aws->{API_URL}, trust_anchors => CertmgrTest::slurp($aws->{API_TLS_CA}),
		nameservers => [ $aws->{DNS_SERVER} ] }, encode_json({ access_key_id => 'AKIDTEST', secret_access_key => 'secret/of+the+test' }));

# The account, and what a first order needs besides.
all_issue('the first order', order_all('aws', ['first.example.test']));
aws_calls();

set(pending => 2);
my $from = time;
all_issue('100 orders at once', order_all('aws', map { ["n$_.example.test"] } 1 .. 100));
my $count = aws_calls();
diag(sprintf 'Route 53: 100 orders: %d calls (%d zones, %d sets, %d changes, %d polls) in %d s', @$count{ 'all', 'zones', 'sets', 'changes', 'polls' }, time - $from);
cmp_ok($count->{changes}, '<=', 60, 'few changes: two an order before');
cmp_ok($count->{zones}, '<=', 60, 'nor is the zone of each looked up by itself');
set(pending => 0);

$node->stop;
done_testing();
