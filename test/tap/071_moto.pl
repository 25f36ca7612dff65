# The provider "route53" against moto, an emulator of AWS that others wrote: a second opinion beside our double. moto serves no DNS and
# is kinder than AWS, so this Pebble accepts every challenge, and what is looked at is what moto has.
use strict;
use warnings FATAL => 'all';

use CertmgrTest;
use HTTP::Tiny;
use JSON::PP;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

if (!$ENV{CERTMGR_MOTO})
{
	my $log = "$ENV{CERTMGR_TEST_DIR}/moto.log";
	my ($why) = -s $log ? reverse split /\n/, CertmgrTest::slurp($log) : 'test/run.sh did not make it';
	plan skip_all => "no moto here: $why";
}

my $moto = CertmgrTest::start_peer('moto.sh', {}, 'example.test', 'other.test');
my $node = CertmgrTest::cluster('moto');
# Nobody asks this name server: challenges are valid always.
my $acme = CertmgrTest::start_peer('pebble.sh', { DNS_SERVER => '127.0.0.1:9', PEBBLE_VA_ALWAYS_VALID => 1 });
my $anchors = CertmgrTest::slurp($acme->{ACME_TLS_CA});
my $config = encode_json({ endpoint => $moto->{API_URL}, sts_endpoint => $moto->{API_URL}, propagation => 'none' });
my $role = encode_json({ endpoint => $moto->{API_URL}, sts_endpoint => $moto->{API_URL}, propagation => 'none', hosted_zone_id => $moto->{ZONE_other_test},
		role_arn => 'arn:aws:iam::123456789012:role/certmgr', external_id => 'external-42' });
my $keys = '{"access_key_id": "AKIAIOSFODNN7EXAMPLE", "secret_access_key": "wJalrXUtnFEMI/K7MDENG"}';
for my $ca ([ moto => $config ], [ role => $role ])
{
	$node->safe_psql('postgres', qq{
		SELECT certmgr.create_dns_provider('$ca->[0]', 'route53', '$ca->[1]', '$keys');
		SELECT certmgr.create_acme_ca('$ca->[0]', '$acme->{ACME_DIRECTORY}', dns_provider => '$ca->[0]', terms_of_service_agreed => true, trust_anchors => '$anchors');});
}

my $http = HTTP::Tiny->new(timeout => 10);
my %head = (Authorization => 'AWS4-HMAC-SHA256 Credential=x/20260101/us-east-1/route53/aws4_request, SignedHeaders=host, Signature=x', 'Content-Type' => 'text/xml');

# TXT values of a zone at moto, as "name value".
sub txt
{
	my ($zone) = @_;
	my $answer = $http->get("$moto->{API_URL}/2013-04-01/hostedzone/$moto->{$zone}/rrset", { headers => \%head });
	my @all;
	while ($answer->{content} =~ m{<ResourceRecordSet>(.*?)</ResourceRecordSet>}sg)
	{
		my $set = $1;
		next unless $set =~ m{<Type>TXT</Type>};
		my ($name) = $set =~ m{<Name>(.*?)</Name>};
		push @all, map { "$name $_" } $set =~ m{<Value>(?:<!\[CDATA\[)?(.*?)(?:\]\]>)?</Value>}g;
	}
	return join "\n", sort @all;
}

# UPSERT: moto takes a CREATE for a second one when an equal CREATE was ever made, although the batch deletes the set first.
my $foreign = '<ChangeResourceRecordSetsRequest xmlns="https://route53.amazonaws.com/doc/2013-04-01/"><ChangeBatch><Changes><Change><Action>UPSERT</Action>'
  . '<ResourceRecordSet><Name>_acme-challenge.example.test.</Name><Type>TXT</Type><TTL>77</TTL><ResourceRecords><ResourceRecord><Value>"foreign"</Value></ResourceRecord></ResourceRecords>'
  . '</ResourceRecordSet></Change></Changes></ChangeBatch></ChangeResourceRecordSetsRequest>';
my $made = $http->post("$moto->{API_URL}/2013-04-01/hostedzone/$moto->{ZONE_example_test}/rrset/", { headers => \%head, content => $foreign });
is($made->{status}, 200, 'a TXT value of somebody else');
is(txt('ZONE_example_test'), '_acme-challenge.example.test. "foreign"', 'and moto has it');

my $id = CertmgrTest::order($node, 'moto', 'example.test', '*.example.test', 'www.other.test');
CertmgrTest::issues($node, $id, 'apex, wildcard, and a name in another zone');
CertmgrTest::ledger_is_clean($node, 'moto');
is($node->safe_psql('postgres', "SELECT count(DISTINCT zone) || ' zones, ' || count(*) || ' values' FROM certmgr.dns_record"), '2 zones, 3 values', 'what was written to moto');
is(txt('ZONE_example_test'), '_acme-challenge.example.test. "foreign"', 'the value of somebody else is all that is left');
is(txt('ZONE_other_test'), '', 'and nothing in the other zone');
CertmgrTest::issues($node, CertmgrTest::order($node, 'role', 'role.other.test'), 'a role assumed at moto\'s STS, a configured zone');
CertmgrTest::ledger_is_clean($node, 'role');

$node->stop;
done_testing();
