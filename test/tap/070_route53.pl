# The provider "route53" through the whole product: Pebble validates what a double of Route 53, stricter than AWS, serves over DNS.
# Wanted: every order issues, values of others stay as they are, nothing of ours is left, whatever the API does meanwhile.
use strict;
use warnings FATAL => 'all';

use CertmgrTest;
use JSON::PP;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $double = CertmgrTest::double('route53', 'zones=example.test,sub.example.test,other.test,twin.test,a.test,b.test,zz.test',
	'private=example.test', 'linked=linked.example.test', 'twins=twin.test');
my $dir = CertmgrTest::directory();
my $web_token = 'eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJ0ZXN0In0.c2lnbmF0dXJl';

# The environment of the server: where machines and containers have their credentials from.
$ENV{AWS_EC2_METADATA_SERVICE_ENDPOINT} = $double->{HTTP_URL};
$ENV{AWS_CONTAINER_CREDENTIALS_FULL_URI} = "$double->{HTTP_URL}/container";
$ENV{AWS_CONTAINER_AUTHORIZATION_TOKEN} = 'container-token';
$ENV{AWS_ACCESS_KEY_ID} = 'AKIDTEST';
$ENV{AWS_SECRET_ACCESS_KEY} = 'secret/of+the+test';
CertmgrTest::write_file("$dir/web-token", "$web_token\n");
CertmgrTest::write_file("$dir/not-a-token", "root:x:0:0\n");

my $node = CertmgrTest::cluster('route53');
my $acme = CertmgrTest::pebble($double);
my $anchors = CertmgrTest::slurp($acme->{ACME_TLS_CA});
my $keys = encode_json({ access_key_id => 'AKIDTEST', secret_access_key => 'secret/of+the+test' });

# A provider and a CA that uses it, both of that name.
sub create_ca
{
	my ($name, $config, $secret) = @_;
	my $json = encode_json({ endpoint => $double->{API_URL}, sts_endpoint => $double->{API_URL}, trust_anchors => CertmgrTest::slurp($double->{API_TLS_CA}),
			nameservers => [ $double->{DNS_SERVER} ], %$config });
	my $secret_sql = defined $secret ? "\$s\$$secret\$s\$" : 'NULL';
	$node->safe_psql('postgres', qq{
		SELECT certmgr.create_dns_provider('$name', 'route53', \$j\$$json\$j\$, $secret_sql);
		SELECT certmgr.create_acme_ca('$name', '$acme->{ACME_DIRECTORY}', dns_provider => '$name', terms_of_service_agreed => true, trust_anchors => '$anchors');});
	return;
}

sub order { return CertmgrTest::order($node, @_); }
sub issues { local $Test::Builder::Level = $Test::Builder::Level + 1; return CertmgrTest::issues($node, @_); }
sub says { local $Test::Builder::Level = $Test::Builder::Level + 1; return CertmgrTest::says($node, @_); }
sub clean { local $Test::Builder::Level = $Test::Builder::Level + 1; return CertmgrTest::ledger_is_clean($node, @_); }

# All TXT sets of the zones, as "name ttl value value".
sub txt
{
	my $state = CertmgrTest::control($double, '/state');
	my @all;
	for my $zone (@{ $state->{zones} })
	{
		push @all, map { join ' ', $_, $zone->{txt}{$_}{ttl}, sort @{ $zone->{txt}{$_}{values} } } keys %{ $zone->{txt} };
	}
	return join "\n", sort @all;
}

sub fault { CertmgrTest::control($double, '/faults', [@_]); return; }
sub set { CertmgrTest::control($double, '/set', {@_}); return; }

create_ca('static', {}, $keys);

# ---- apex and wildcard, three zones, values of others, small pages, changes that take their time ----

set(page => 1, pending => 2, put => [ [ 0, '_acme-challenge.r1.example.test', 77, [ '"foreign \\"value\\"" "in <two> & parts"', '"second"' ] ] ]);
my $foreign = txt();
issues(order('static', 'r1.example.test', '*.r1.example.test', 'x.sub.example.test', 'r1.other.test'), 'apex, wildcard, and names in three zones');
clean('first order');
is(txt(), $foreign, 'values of others and their TTL are as they were');
my @log = @{ CertmgrTest::control($double, '/log') };
is(scalar(grep { $_->{method} eq 'POST' && $_->{target} =~ /rrset/ } @log), 6, 'one change a zone to write, one to clean up');
ok((grep { $_->{target} =~ /change/ } @log) >= 6, 'it was asked until the changes were in sync');
set(page => 100, pending => 0);

# ---- an API that misbehaves ----

fault({ path => 'rrset/', do => 'lost', times => 2 });
issues(order('static', 'lost.example.test', '*.lost.example.test'), 'lost answers of changes');
clean('lost answers');

fault({ path => 'hostedzonesbyname', do => 'throttle', times => 2 }, { path => 'rrset/', do => 'prior', times => 2 }, { path => 'rrset\\?', do => 'throttle' },
	{ path => 'rrset/', do => 'answer', status => 503, text => '<html><br>Service Unavailable</html>', skip => 2 });
issues(order('static', 'slow.example.test'), 'throttled, busy with a prior request, a 503 in HTML');
clean('throttled');

for my $shape ('batch', 'error')
{
	set(shape => $shape);
	fault({ path => 'rrset/', do => 'conflict', times => 2 });
	issues(order('static', "conflict-$shape.example.test"), "others change the set at the same moment, errors in shape \"$shape\"");
	clean('conflict');
}
like(txt(), qr/^_acme-challenge\.conflict-batch\.example\.test 300 "somebody else 0" "somebody else 1"$/m, 'and what they wrote stays');

set(skew => 4000);
issues(order('static', 'skew.example.test'), 'a clock that differs by more than an hour is corrected');
clean('skew');
set(skew => 0);
issues(order('static', 'skew2.example.test'), 'and back');

set(hide => 1);
my $hidden = order('static', 'hidden.example.test');
says($hidden, 'waits until the TXT records are at all name servers', 'the API has the change, the name servers do not');
set(hide => 0);
issues($hidden, 'and when they have it the order goes on');
clean('hidden');

set(rate => 4);
my @many = map { order('static', "n$_.example.test") } 1 .. 8;
issues($_, 'many orders at 4 requests a second') for @many;
clean('rate');
set(rate => 0);

# ---- permissions and credentials ----

for my $action ('ListHostedZonesByName', 'ListResourceRecordSets', 'ChangeResourceRecordSets', 'GetChange')
{
	set(deny => "route53:$action", pending => 1);
	my $id = order('static', lc("$action.example.test"));
	says($id, "permission \"route53:$action\"", "missing permission route53:$action is named");
	set(deny => '');
	$node->safe_psql('postgres', "UPDATE certmgr_private.job SET due_at = now()");
	issues($id, 'and with it the order goes on');
}
clean('permissions');
set(pending => 0);

create_ca('wrong', {}, encode_json({ access_key_id => 'AKIDTEST', secret_access_key => 'not the secret' =~ s/ /-/gr }));
my $wrong = order('wrong', 'wrong.example.test');
says($wrong, 'does not accept the credentials: SignatureDoesNotMatch', 'a wrong secret is told as such');
$node->safe_psql('postgres', "SELECT certmgr.cancel($wrong)");
create_ca('unknown', {}, encode_json({ access_key_id => 'AKIDNOBODY', secret_access_key => 'x' }));
my $unknown = order('unknown', 'unknown.example.test');
says($unknown, 'does not accept the credentials: InvalidClientTokenId', 'and an unknown key');
$node->safe_psql('postgres', "SELECT certmgr.cancel($unknown)");

my %sources = (
	environment => { credentials => 'environment' },
	container   => { credentials => 'container' },
	instance    => { credentials => 'instance' },
	web         => { credentials => 'web_identity', web_identity_token_file => "$dir/web-token", role_arn => 'arn:aws:iam::123456789012:role/web' },
	chained     => { credentials => 'instance', role_arn => 'arn:aws:iam::123456789012:role/certmgr', external_id => 'external-42' },
);
for my $source (sort keys %sources)
{
	create_ca($source, $sources{$source});
	issues(order($source, "$source.example.test"), "credentials: $source");
}
create_ca('role', { role_arn => 'arn:aws:iam::123456789012:role/certmgr', external_id => 'external-42', session_name => 'test' }, $keys);
my $granted = CertmgrTest::control($double, '/state')->{granted};
issues($_, 'credentials: a role assumed with the keys') for map { order('role', "role$_.example.test") } 1 .. 3;
is(CertmgrTest::control($double, '/state')->{granted}, $granted + 1, 'the role was assumed once for all orders');
fault({ path => 'rrset', do => 'expired' });
issues(order('role', 'expired.example.test'), 'keys refused as expired are replaced');
is(CertmgrTest::control($double, '/state')->{granted}, $granted + 2, 'by one more call of STS');
clean('credentials');

create_ca('badrole', { role_arn => 'arn:aws:iam::123456789012:role/certmgr' }, $keys);
my $badrole = order('badrole', 'badrole.example.test');
says($badrole, 'permission \"sts:AssumeRole\"', 'a role that may not be assumed without its external id');
$node->safe_psql('postgres', "SELECT certmgr.cancel($badrole)");
create_ca('notoken', { credentials => 'web_identity', web_identity_token_file => "$dir/not-a-token", role_arn => 'arn:aws:iam::123456789012:role/web' });
my $notoken = order('notoken', 'notoken.example.test');
says($notoken, 'does not hold a JSON web token', 'a file that is no token is not sent to anybody');
$node->safe_psql('postgres', "SELECT certmgr.cancel($notoken)");

# ---- zones ----

my $twin = order('static', 'a.twin.test');
says($twin, 'there are 2 public hosted zones "twin.test".*hosted_zone_id', 'two zones of one name: which one must be said');
$node->safe_psql('postgres', "SELECT certmgr.cancel($twin)");
create_ca('zone', { hosted_zone_id => "/hostedzone/$double->{ZONE_3}" }, $keys);
set(deny => 'route53:ListHostedZonesByName');
issues(order('zone', 'b.twin.test'), 'a configured zone needs no permission to list zones');
set(deny => '');
my $outside = order('zone', 'outside.example.test');
says($outside, 'is not in hosted zone .* which is "twin.test"', 'and holds no other names');
$node->safe_psql('postgres', "SELECT certmgr.cancel($outside)");
my $nowhere = order('static', 'nowhere.invalid');
says($nowhere, 'no public hosted zone of this AWS account holds', 'a name in no zone');
$node->safe_psql('postgres', "SELECT certmgr.cancel($nowhere)");
issues(order('static', 'host.linked.example.test'), 'a zone of Cloud Map is passed over');
create_ca('private', { private_zone => JSON::PP::true, propagation => 'none' }, $keys);
my $private = order('private', 'p.example.test');
ok(CertmgrTest::wait_until(sub { grep { $_->{private} && $_->{txt}{'_acme-challenge.p.example.test'} } @{ CertmgrTest::control($double, '/state')->{zones} } }),
	'a private zone of the same name is written when it is asked for');
$node->safe_psql('postgres', "SELECT certmgr.cancel($private)");
clean('zones');

# ---- a crash between the call and the commit ----

my $before = CertmgrTest::certificates_at_pebble($acme);
fault({ path => 'rrset/', do => 'wait' });
my $crash = order('static', 'crash.example.test', '*.crash.example.test');
ok(CertmgrTest::wait_until(sub { grep { ($_->{fault} // '') eq 'wait' } @{ CertmgrTest::control($double, '/log') } }), 'the change was sent');
CertmgrTest::kill9((CertmgrTest::worker_pids($node, 'certmgr worker%'))[0]);
CertmgrTest::control($double, '/go', {});
CertmgrTest::wait_for_server($node);
issues($crash, 'the worker was killed after the change was sent and before its outcome was committed');
clean('crash');
is(CertmgrTest::certificates_at_pebble($acme), $before + 1, 'one certificate');
unlike(txt(), qr/crash|lost|slow|skew/, 'no record of ours is left anywhere');
is($node->safe_psql('postgres', "SELECT count(*) FROM certmgr.certificate c JOIN certmgr.acme_order o ON o.certificate_id = c.id WHERE c.state = 'failed'"), '0', 'no order has failed');

# The keys are in the statements that the test itself sent.
unlike(CertmgrTest::slurp($node->logfile), qr/$web_token|ASIA[0-9A-F]{16}/, 'no token and no granted key in the log');

$node->stop;
done_testing();
