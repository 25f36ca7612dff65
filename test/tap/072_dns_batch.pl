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

sub fault { CertmgrTest::control($aws, '/faults', [@_]); return; }

# All TXT sets of Route 53, as "name ttl value value".
sub aws_txt
{
	my @all;
	for my $zone (@{ CertmgrTest::control($aws, '/state')->{zones} })
	{
		push @all, map { join ' ', $_, $zone->{txt}{$_}{ttl}, sort @{ $zone->{txt}{$_}{values} } } keys %{ $zone->{txt} };
	}
	return join "\n", sort @all;
}

# Kills the worker while a call of the double waits, and lets the call be carried out.
sub kill_while_it_waits
{
	my ($double, $what) = @_;
	ok(CertmgrTest::wait_until(sub { grep { ($_->{fault} // '') eq 'wait' } @{ CertmgrTest::control($double, '/log') } }, 60), "$what: it was sent");
	ok(CertmgrTest::kill9((CertmgrTest::worker_pids($node, 'certmgr worker%'))[0]), "$what: the worker is killed");
	CertmgrTest::control($double, '/go', {});
	CertmgrTest::wait_for_server($node);
	return;
}

# ---- Route 53 ----

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

# What AWS allowed an account for years: five requests a second. Those that it turns away are few, since we learn.
set(rate => 5, put => [ [ 0, '_acme-challenge.m3.example.test', 77, [ '"foreign \\"value\\""', '"second"' ] ] ]);
my $foreign = aws_txt();
all_issue('apex and wildcard, two zones, values of somebody else, five requests a second',
	order_all('aws', map { [ "m$_.example.test", "*.m$_.example.test", "m$_.other.test" ] } 1 .. 25));
is(aws_txt(), $foreign, 'the values of somebody else are as they were, and nothing else is left');
$count = aws_calls();
my $turned_away = grep { ($_->{status} // 0) == 400 } @{ CertmgrTest::control($aws, '/log') };
diag(sprintf 'Route 53: 25 orders of 3 names in 2 zones: %d calls, %d of them throttled', $count->{all}, $turned_away);
cmp_ok($turned_away, '<=', $count->{all} / 4, 'few requests were too many');
set(rate => 0);

# One order's record that AWS will not have, in both shapes of the error; one that the permission does not cover; a conflict.
set(bad => '^_acme-challenge.bad', policy => '^_acme-challenge.forbidden');
for my $shape ('batch', 'error')
{
	set(shape => $shape);
	fault({ path => 'rrset/', do => 'conflict' });
	my @ids = order_all('aws', ["bad$shape.example.test"], [ "forbidden$shape.example.test", "with-it$shape.example.test" ], map { ["good$shape$_.example.test"] } 1 .. 10);
	my ($bad, $forbidden, @good) = @ids;
	my $list = join ',', @good;
	ok(CertmgrTest::poll_until($node, "SELECT count(*) FROM certmgr.certificate WHERE id IN ($list) AND state = 'issued'", '10', 60), "shape \"$shape\": the others are issued");
	CertmgrTest::says($node, $bad, 'is not permitted in zone', 'what AWS said is told to the order with the bad record');
	CertmgrTest::says($node, $forbidden, 'lack the permission', 'and to the one that the permission does not cover');
	$node->safe_psql('postgres', "SELECT certmgr.cancel(id) FROM certmgr.certificate WHERE id IN ($bad, $forbidden)");
	CertmgrTest::ledger_is_clean($node, 'bad records');
}
set(bad => '', policy => '');
like(aws_txt(), qr/^_acme-challenge\.\S+\.example\.test 300 "somebody else 0"$/m, 'a value that somebody put there at the same moment stays');
unlike(aws_txt(), qr/_acme-challenge\.\S+ 60 /, 'and none of ours is left');

# Nobody knows what became of a change of many.
fault({ path => 'rrset/', do => 'lost', times => 2 });
all_issue('lost answers', order_all('aws', map { [ "l$_.example.test", "*.l$_.example.test" ] } 1 .. 10));
my $before = CertmgrTest::certificates_at_pebble($acme);
fault({ path => 'rrset/', do => 'wait' });
my @ids = order_all('aws', map { [ "k$_.example.test", "*.k$_.example.test" ] } 1 .. 10);
kill_while_it_waits($aws, 'a change of many orders');
all_issue('killed between call and commit', @ids);
is(CertmgrTest::certificates_at_pebble($acme), $before + 10, 'each order has one certificate');
unlike(aws_txt(), qr/_acme-challenge\.\S+ 60 /, 'and no record of ours is left');

# ---- Cloudflare ----

my $cloudflare = CertmgrTest::double('cloudflare', 'zones=cf.test,other.test');
my $acme2 = CertmgrTest::pebble($cloudflare);
create_ca('cf', 'cloudflare', $acme2, { endpoint => "$cloudflare->{API_URL}/client/v4", trust_anchors => CertmgrTest::slurp($cloudflare->{API_TLS_CA}),
		nameservers => [ $cloudflare->{DNS_SERVER} ], resolvers => [ $cloudflare->{DNS_SERVER} ] }, 'good-token');

sub cf_calls { return calls($cloudflare, zones => qr/zones\?/, batches => qr/batch/, lists => qr/^GET .*dns_records/); }
sub cf_fault { CertmgrTest::control($cloudflare, '/faults', [@_]); return; }
sub cf_txt { return join "\n", sort map { "$_->{type} $_->{name} $_->{content}" } @{ CertmgrTest::control($cloudflare, '/state')->{records} }; }

all_issue('Cloudflare: the first order', order_all('cf', ['first.cf.test']));
cf_calls();
$from = time;
all_issue('Cloudflare: 100 orders at once', order_all('cf', map { ["n$_.cf.test"] } 1 .. 100));
$count = cf_calls();
diag(sprintf 'Cloudflare: 100 orders: %d calls (%d zones, %d batches, %d lists) in %d s', @$count{ 'all', 'zones', 'batches', 'lists' }, time - $from);
cmp_ok($count->{batches}, '<=', 60, 'few batches: two an order before');

# A CNAME at one name, and somebody else's values at another.
CertmgrTest::control($cloudflare, '/set', { record => $_ })
  for { name => '_acme-challenge.bad.cf.test', content => 'elsewhere.example', type => 'CNAME' }, { name => '_acme-challenge.m3.cf.test', content => '"foreign"' };
$foreign = cf_txt();
my ($bad, @good) = order_all('cf', ['bad.cf.test'], map { [ "m$_.cf.test", "*.m$_.cf.test", "m$_.other.test" ] } 1 .. 20);
my $list = join ',', @good;
ok(CertmgrTest::poll_until($node, "SELECT count(*) FROM certmgr.certificate WHERE id IN ($list) AND state = 'issued'", '20', 60), 'beside a record that cannot be made the others are issued');
isnt($node->safe_psql('postgres', "SELECT state FROM certmgr.certificate WHERE id = $bad"), 'issued', 'and that one is not');
$node->safe_psql('postgres', "SELECT certmgr.cancel($bad)");
CertmgrTest::ledger_is_clean($node, 'Cloudflare: a bad record');
is(cf_txt(), $foreign, 'records of others are as they were, and nothing else is left');

# Answers that are lost, and a crash.
cf_fault({ method => 'POST', path => 'batch', body => '"posts":\[\{', do => 'lost' }, { method => 'POST', path => 'batch', body => '"deletes":\[\{', do => 'lost' });
all_issue('Cloudflare: lost answers', order_all('cf', map { [ "l$_.cf.test", "*.l$_.cf.test" ] } 1 .. 10));
$before = CertmgrTest::certificates_at_pebble($acme2);
cf_fault({ method => 'POST', path => 'batch', do => 'wait' });
@ids = order_all('cf', map { [ "k$_.cf.test", "*.k$_.cf.test" ] } 1 .. 10);
kill_while_it_waits($cloudflare, 'a batch of many orders');
all_issue('Cloudflare: killed between call and commit', @ids);
is(CertmgrTest::certificates_at_pebble($acme2), $before + 10, 'each order has one certificate');
is(cf_txt(), $foreign, 'nothing of ours is left');

$node->stop;
done_testing();
