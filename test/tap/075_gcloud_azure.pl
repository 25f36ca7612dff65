# The providers "gcloud" and "azure" through the whole product: Pebble validates what doubles of Google Cloud DNS and Azure DNS,
# stricter than the real ones, serve over DNS.
use strict;
use warnings FATAL => 'all';

use CertmgrTest;
use IPC::Run;
use JSON::PP;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $dir = CertmgrTest::directory();
my $node = CertmgrTest::cluster('clouds');

sub order { return CertmgrTest::order($node, @_); }
sub issues { local $Test::Builder::Level = $Test::Builder::Level + 1; return CertmgrTest::issues($node, @_); }
sub says { local $Test::Builder::Level = $Test::Builder::Level + 1; return CertmgrTest::says($node, @_); }
sub clean { local $Test::Builder::Level = $Test::Builder::Level + 1; return CertmgrTest::ledger_is_clean($node, @_); }

sub create_ca
{
	my ($name, $type, $double, $acme, $config, $secret) = @_;
	my $json = encode_json({ endpoint => $double->{API_URL}, trust_anchors => CertmgrTest::slurp($double->{API_TLS_CA}), nameservers => [ $double->{DNS_SERVER} ], %$config });
	my $secret_sql = defined $secret ? "\$s\$$secret\$s\$" : 'NULL';
	my $anchors = CertmgrTest::slurp($acme->{ACME_TLS_CA});
	$node->safe_psql('postgres', qq{
		SELECT certmgr.create_dns_provider('$name', '$type', \$j\$$json\$j\$, $secret_sql);
		SELECT certmgr.create_acme_ca('$name', '$acme->{ACME_DIRECTORY}', dns_provider => '$name', terms_of_service_agreed => true, trust_anchors => '$anchors');});
	return;
}

# An order that fails to get further says why, and goes on when that is mended.
sub mends
{
	my ($ca, $double, $deny, $name) = @_;
	CertmgrTest::control($double, '/set', { deny => $deny });
	my $id = order($ca, $name);
	says($id, "permission \"$deny\"", "missing permission $deny is named");
	CertmgrTest::control($double, '/set', { deny => '' });
	$node->safe_psql('postgres', 'UPDATE certmgr_private.job SET due_at = now()');
	issues($id, 'and with it the order goes on');
	return;
}

sub killed_while_waiting
{
	my ($ca, $double, $path, $name) = @_;
	clean("$ca: before the crash");
	CertmgrTest::control($double, '/faults', [ { path => $path, method => 'P.*', do => 'wait' } ]);
	my $id = order($ca, $name);
	ok(CertmgrTest::wait_until(sub { grep { ($_->{fault} // '') eq 'wait' } @{ CertmgrTest::control($double, '/log') } }), "$ca: the change was sent");
	CertmgrTest::kill9((CertmgrTest::worker_pids($node, 'certmgr worker%'))[0]);
	CertmgrTest::control($double, '/go', {});
	CertmgrTest::wait_for_server($node);
	issues($id, "$ca: the worker was killed after that and before the commit");
	clean("$ca: crash");
	return;
}

# ---- Google Cloud DNS ----

my $google = CertmgrTest::double('gcloud', 'zones=example.test,sub.example.test,other.test', 'private=example.test');
my $acme = CertmgrTest::pebble($google);
my $key = "$dir/google.key";
make_key($key);
my $public = '';
IPC::Run::run([ 'openssl', 'pkey', '-in', $key, '-pubout' ], '>', \$public);
CertmgrTest::control($google, '/set', { public_key => $public, pending => 2, put => [ [ 'example-test', '_acme-challenge.r1.example.test', 77, [ '"foreign \\"one\\""', '"second"' ] ] ] });

sub make_key
{
	my ($path) = @_;
	my $err = '';
	IPC::Run::run([ 'openssl', 'genpkey', '-algorithm', 'RSA', '-pkeyopt', 'rsa_keygen_bits:2048', '-out', $path ], '2>', \$err) or die $err;
	return;
}

sub account
{
	return encode_json({ type => 'service_account', project_id => 'project-1', private_key_id => 'k1', private_key => CertmgrTest::slurp($_[0]),
			client_email => 'certmgr@project-1.iam.gserviceaccount.com', token_uri => "$google->{API_URL}/token", universe_domain => 'googleapis.com' });
}

create_ca('gcloud', 'gcloud', $google, $acme, {}, account($key));
my $foreign = CertmgrTest::control($google, '/state')->{zones};
issues(order('gcloud', 'r1.example.test', '*.r1.example.test', 'x.sub.example.test', 'r1.other.test'), 'gcloud: apex, wildcard, and names in three zones');
clean('gcloud: first order');
is_deeply(CertmgrTest::control($google, '/state')->{zones}, $foreign, 'gcloud: values of others and their TTL are as they were');
is(CertmgrTest::control($google, '/state')->{granted}, 1, 'gcloud: one access token for all calls');
is(scalar(grep { $_->{method} eq 'POST' && $_->{target} =~ /changes/ } @{ CertmgrTest::control($google, '/log') }), 6, 'gcloud: one change a zone to write, one to clean up');
CertmgrTest::control($google, '/set', { pending => 0 });

CertmgrTest::control($google, '/faults', [ { path => 'changes', method => 'POST', do => 'lost' }, { path => 'changes', method => 'POST', do => 'lost' }, { path => 'rrsets', do => 'unauthorized' },
		{ path => 'managedZones\\?', do => 'rate' }, { path => 'managedZones\\?', do => 'answer', status => 429, headers => { 'Retry-After' => '1' } } ]);
issues(order('gcloud', 'lost.example.test', '*.lost.example.test'), 'gcloud: lost answers, a withdrawn token, rate limits');
clean('gcloud: lost answers');
CertmgrTest::control($google, '/faults', [ { path => 'changes', method => 'POST', do => 'conflict', times => 2 } ]);
issues(order('gcloud', 'conflict.example.test'), 'gcloud: others change the set at the same moment');
clean('gcloud: faults');
is_deeply(CertmgrTest::control($google, '/state')->{zones}{'example-test'}{'_acme-challenge.conflict.example.test'}{values}, [ '"somebody else 0"', '"somebody else 1"' ], 'gcloud: what they wrote stays');
mends('gcloud', $google, 'dns.managedZones.list', 'p1.example.test');
mends('gcloud', $google, 'dns.resourceRecordSets.list', 'p2.example.test');
mends('gcloud', $google, 'dns.changes.create', 'p3.example.test');
CertmgrTest::control($google, '/set', { pending => 1 });
mends('gcloud', $google, 'dns.changes.get', 'p4.example.test');
CertmgrTest::control($google, '/set', { pending => 0 });
killed_while_waiting('gcloud', $google, 'changes', 'crash.example.test');

my $other_key = "$dir/other.key";
make_key($other_key);
create_ca('gcloud-wrong', 'gcloud', $google, $acme, {}, account($other_key));
my $wrong = order('gcloud-wrong', 'wrong.example.test');
says($wrong, 'Google does not accept the credentials: invalid_grant.*Invalid JWT Signature', 'gcloud: a key that is not the account\'s');
$node->safe_psql('postgres', "SELECT certmgr.cancel($wrong)");
create_ca('gcloud-private', 'gcloud', $google, $acme, { private_zone => JSON::PP::true, propagation => 'none' }, account($key));
my $private = order('gcloud-private', 'p.example.test');
ok(CertmgrTest::wait_until(sub { CertmgrTest::control($google, '/state')->{zones}{'example-test-private'}{'_acme-challenge.p.example.test'} }), 'gcloud: the private zone of the same name, when it is asked for');
$node->safe_psql('postgres', "SELECT certmgr.cancel($private)");
my $nowhere = order('gcloud', 'nowhere.invalid');
says($nowhere, 'no public managed zone of project "project-1" holds', 'gcloud: a name in no zone');
$node->safe_psql('postgres', "SELECT certmgr.cancel($nowhere)");
clean('gcloud');

# ---- Azure DNS ----

my $azure = CertmgrTest::double('azure', 'zones=example.test,sub.example.test,other.test', 'page=1');
my $acme2 = CertmgrTest::pebble($azure);
my %who = (tenant_id => '11111111-2222-3333-4444-555555555555', client_id => 'aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee',
	subscription_id => '99999999-0000-0000-0000-000000000000', resource_group => 'rg-dns', login_endpoint => $azure->{API_URL});
my $client_secret = 'azure~client/secret+1';
CertmgrTest::control($azure, '/set', { put => [ [ 'example.test', '_acme-challenge.r1', 77, [ [ 'foreign "one"', 'in two parts' ], ['second'] ], { owner => 'somebody' } ], [ 'other.test', '@', 60, [ ['v=spf1 -all'] ], undef ] ] });
my $before = CertmgrTest::control($azure, '/state')->{zones};
create_ca('azure', 'azure', $azure, $acme2, \%who, $client_secret);
issues(order('azure', 'r1.example.test', '*.r1.example.test', 'x.sub.example.test', 'r1.other.test'), 'azure: apex, wildcard, and names in three zones');
clean('azure: first order');
my $after = CertmgrTest::control($azure, '/state')->{zones};
for my $zone ($before, $after) { delete $_->{etag} for map { values %$_ } values %$zone; }
is_deeply($after, $before, 'azure: values, TTL and metadata of others are as they were');
is(CertmgrTest::control($azure, '/state')->{granted}, 1, 'azure: one access token for all calls');

CertmgrTest::control($azure, '/faults', [ { method => 'PUT', do => 'lost' }, { method => 'DELETE', do => 'lost' }, { path => 'TXT', do => 'unauthorized' },
		{ path => 'dnsZones\\?', do => 'answer', status => 429, headers => { 'Retry-After' => '1' } }, { path => 'dnsZones\\?', do => 'answer', status => 502, text => '<html>Bad Gateway' } ]);
issues(order('azure', 'lost.example.test', '*.lost.example.test'), 'azure: lost answers, a withdrawn token, 429, 502 in HTML');
clean('azure: lost answers');
CertmgrTest::control($azure, '/faults', [ { method => 'PUT', do => 'conflict', times => 2 } ]);
issues(order('azure', 'conflict.example.test'), 'azure: others change the set at the same moment');
clean('azure: faults');
is_deeply(CertmgrTest::control($azure, '/state')->{zones}{'example.test'}{'_acme-challenge.conflict'}{values}, [ ['somebody else 0'], ['somebody else 1'] ], 'azure: what they wrote stays');
mends('azure', $azure, 'Microsoft.Network/dnsZones/read', 'p1.example.test');
mends('azure', $azure, 'Microsoft.Network/dnsZones/TXT/read', 'p2.example.test');
mends('azure', $azure, 'Microsoft.Network/dnsZones/TXT/write', 'p3.example.test');
killed_while_waiting('azure', $azure, 'TXT', 'crash.example.test');

create_ca('azure-wrong', 'azure', $azure, $acme2, \%who, 'not-the-secret');
my $wrong2 = order('azure-wrong', 'wrong.example.test');
says($wrong2, 'Azure does not accept the credentials: invalid_client.*Invalid client secret', 'azure: a wrong client secret');
$node->safe_psql('postgres', "SELECT certmgr.cancel($wrong2)");
my $token_file = CertmgrTest::write_file("$dir/federated", "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJhenVyZSJ9.c2lnbmF0dXJl\n");
create_ca('azure-federated', 'azure', $azure, $acme2, { %who, federated_token_file => $token_file, zone => 'other.test' });
issues(order('azure-federated', 'f.other.test'), 'azure: workload identity, and a configured zone');
my $outside = order('azure-federated', 'f.example.test');
says($outside, 'is not in zone "other.test"', 'azure: which holds no other names');
$node->safe_psql('postgres', "SELECT certmgr.cancel($outside)");
clean('azure');

$node->stop;
done_testing();
