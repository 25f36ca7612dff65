# Our account at a real ACME server (Pebble that wants an external account binding): terms, a wrong and a right key, contacts, another key
# with the worker killed between the two phases, given up, lost, and a key for the binding fetched by mail address.
use strict;
use warnings FATAL => 'all';

use CertmgrTest;
use IPC::Open2 qw(open2);
use IPC::Run ();
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = CertmgrTest::cluster('account');
my $dns  = CertmgrTest::bind();
my $acme = CertmgrTest::pebble($dns, EAB => 1);
my $anchors = CertmgrTest::slurp($acme->{ACME_TLS_CA});
my $config  = CertmgrTest::rfc2136_config($dns);
my $wrong   = 'd3JvbmcgYnV0IGxvbmcgZW5vdWdoIHRvIGJlIGEga2V5IG9mIEhNQUM=';
(my $standard = $acme->{ACME_EAB_KEY}) =~ tr{-_}{+/};    # the other alphabet

# A column of the active account of a CA.
sub account { my ($what, $ca) = @_; $ca //= 'pebble'; return "SELECT a.$what FROM certmgr.acme_account a JOIN certmgr.ca c ON c.id = a.ca_id WHERE a.active AND c.name = '$ca'"; }
sub is_account { my ($what, $expected, $name, $ca) = @_; return ok(CertmgrTest::poll_until($node, account($what, $ca), $expected), $name) || diag($node->safe_psql('postgres', account('status_message', $ca))); }
sub message { my ($ca) = @_; return $node->safe_psql('postgres', account('status_message', $ca)); }

my $subscriber = 0;
# Issues a certificate and says whether that ended well.
sub issues
{
	my ($name, $ca) = @_;
	$ca //= 'pebble';
	$subscriber++;
	my $id = $node->safe_psql('postgres', qq{SELECT certmgr.create_subscriber('s$subscriber', '$ca', sans => '{s$subscriber.example.test}');
		SELECT certmgr.issue('s$subscriber')});
	$id =~ s/.*\n//s;
	return ok(CertmgrTest::poll_until($node, "SELECT state FROM certmgr.certificate WHERE id = $id", 'issued'), $name)
	  || diag($node->safe_psql('postgres', "SELECT status_message FROM certmgr.certificate WHERE id = $id"));
}

# ---- terms of service and external account binding: each is a state that a person resolves ----

$node->safe_psql('postgres', qq{
	SELECT certmgr.create_dns_provider('bind', 'rfc2136', '$config', '$dns->{TSIG_SECRET}');
	SELECT certmgr.create_acme_ca('pebble', '$acme->{ACME_DIRECTORY}', '{first\@example.com}', 'bind', trust_anchors => '$anchors', quirks => '{"eab_single_use": true}')});
is_account('state', 'needs_human', 'terms that nobody agreed to wait for a person');
like(message(), qr/terms of service.*data:text.*agree_terms_of_service\('pebble'\)/, 'the message has their URL and what to do');
like($node->safe_psql('postgres', q{SELECT finding FROM certmgr.health WHERE object = 'ca pebble'}), qr/terms of service/, 'health says so');

$node->safe_psql('postgres', q{SELECT certmgr.agree_terms_of_service('pebble')});
ok(CertmgrTest::poll_until($node, account(q{status_message LIKE '%wants an external account binding%'})), 'then it wants an external account binding');
$node->safe_psql('postgres', qq{SELECT certmgr.alter_acme_ca('pebble', eab_kid => '$acme->{ACME_EAB_KID}', eab_hmac_key => '$wrong')});
ok(CertmgrTest::poll_until($node, account(q{status_message LIKE '%may be wrong or used up%'})), 'a wrong key is for a person as well');
$node->safe_psql('postgres', qq{SELECT certmgr.alter_acme_ca('pebble', eab_kid => '$acme->{ACME_EAB_KID}', eab_hmac_key => '$standard', eab_algorithm => 'HS384')});
is_account('state', 'valid', 'the right key, in the other alphabet, with HS384: registered');
is($node->safe_psql('postgres', account('eab_secret_id IS NULL')), 't', 'a key that serves once is wiped');
is($node->safe_psql('postgres', 'SELECT count(*) FROM certmgr_private.secret WHERE name LIKE $$eab:%$$'), '0', 'and gone');
is($node->safe_psql('postgres', account(q{terms_of_service_agreed_to LIKE 'data:text%'})), 't', 'what was agreed to is kept');
my $url = $node->safe_psql('postgres', account('url'));
issues('a certificate by this account');

# ---- contacts ----

$node->safe_psql('postgres', q{SELECT certmgr.alter_acme_ca('pebble', contacts => '{second@example.com,third@example.com}')});
is_account('update_wanted', 'f', 'the CA was told of new contacts');
is($node->safe_psql('postgres', q{SELECT count(*) FROM certmgr.audit_event WHERE object_type = 'acme_account' AND action = 'update'}), '1', 'which is in the log');
$node->safe_psql('postgres', q{SELECT certmgr.alter_acme_ca('pebble', contacts => '{a@example.com,b@example.com,c@example.com}')});
ok(CertmgrTest::poll_until($node, account(q{status_message LIKE '%did not take the change%'})), 'more than it takes: it says so');
is($node->safe_psql('postgres', account('state')), 'valid', 'and the account goes on');
$node->safe_psql('postgres', q{SELECT certmgr.alter_acme_ca('pebble', contacts => '{}')});
is_account('status_message IS NULL AND NOT update_wanted', 't', 'no contacts at all');

# ---- another key ----

my $key = $node->safe_psql('postgres', account('key_id'));
$node->safe_psql('postgres', q{SELECT certmgr.rollover_acme_account_key('pebble', 'EC-P384')});
is_account('rollover', 'done', 'the key was changed');
isnt($node->safe_psql('postgres', account('key_id')), $key, 'it is another one');
is($node->safe_psql('postgres', "SELECT count(*) FROM certmgr_private.key WHERE id = $key"), '0', 'the old one is gone');
is($node->safe_psql('postgres', account('url')), $url, 'the account is the same');
issues('a certificate with the new key');

# Killed when the wish is committed and the answer is not here: Pebble sleeps meanwhile.
my $pebble = CertmgrTest::slurp("$acme->{dir}/pebble.pid") + 0;
for my $round (1 .. 2)
{
	$key = $node->safe_psql('postgres', account('key_id'));
	kill 'STOP', $pebble;
	$node->safe_psql('postgres', q{SELECT certmgr.rollover_acme_account_key('pebble')});
	is_account('rollover', 'sent', "round $round: the CA was asked");
	my ($pid) = CertmgrTest::worker_pids($node, 'certmgr worker%');
	CertmgrTest::kill9($pid);
	kill 'CONT', $pebble;
	CertmgrTest::wait_for_server($node);
	is_account('rollover', 'done', "round $round: the worker, killed, asks both keys which one counts");
	is($node->safe_psql('postgres', account("key_id <> $key AND candidate_key_id IS NULL")), 't', "round $round: the new one");
}
issues('a certificate after it');
# As if the worker had died before a byte left: the CA knows the old key, and is asked.
$node->safe_psql('postgres', qq{
	BEGIN;
	SELECT certmgr.rollover_acme_account_key('pebble');
	UPDATE certmgr.acme_account SET rollover = 'sent' WHERE active;
	COMMIT});
is_account('rollover', 'done', 'a request that never left is sent');
$node->safe_psql('postgres', q{SELECT certmgr.alter_acme_ca('pebble', quirks => '{"key_change": false}')});
my ($rc, $out, $err) = $node->psql('postgres', q{SELECT certmgr.rollover_acme_account_key('pebble')});
like($err, qr/cannot change account keys/, 'a CA that cannot is not asked');
$node->safe_psql('postgres', q{SELECT certmgr.alter_acme_ca('pebble', quirks => '{"key_change": null}')});

# ---- found by its key: nothing is registered twice ----

my $accounts = () = CertmgrTest::slurp($acme->{PEBBLE_LOG}) =~ /There are now \d+ accounts/g;
$node->safe_psql('postgres', q{
	UPDATE certmgr.acme_account SET state = 'pending', url = NULL WHERE active;
	SELECT certmgr.alter_acme_ca('pebble')});
is_account('url', $url, 'an account whose URL was lost is found by its key, without a key for the binding');
is(scalar(() = CertmgrTest::slurp($acme->{PEBBLE_LOG}) =~ /There are now \d+ accounts/g), $accounts, 'and none was made');

# ---- given up; another one in its place ----

$node->safe_psql('postgres', q{SELECT certmgr.deactivate_acme_account('pebble')});
is_account('state', 'deactivated', 'deactivated');
$node->safe_psql('postgres', q{
	SELECT certmgr.create_subscriber('late', 'pebble', sans => '{late.example.test}');
	SELECT certmgr.issue('late')});
ok(CertmgrTest::poll_until($node, q{SELECT message LIKE '%waits until the account%' FROM certmgr.order_status WHERE subscriber = 'late'}), 'an order waits');
$node->safe_psql('postgres', qq{SELECT certmgr.create_acme_account('pebble', '{new\@example.com}', '$acme->{ACME_EAB_KID}', '$acme->{ACME_EAB_KEY}', 'HS256')});
is_account('state', 'valid', 'another account (HS256)');
is($node->safe_psql('postgres', q{SELECT count(*) FROM certmgr.acme_account WHERE NOT active AND state = 'deactivated'}), '1', 'the former one is still a row');
ok(CertmgrTest::poll_until($node, q{SELECT c.state FROM certmgr.certificate c JOIN certmgr.subscriber s ON s.id = c.subscriber_id WHERE s.name = 'late'}, 'issued'),
	'the order that waited goes on at the new account');

# ---- the CA lost its accounts (Pebble forgets all when it is started anew) ----

kill 'KILL', $pebble;
CertmgrTest::wait_until(sub { !kill 0, $pebble }, 10, 'Pebble is gone');
my $again = IPC::Run::start([ "$acme->{dir}/pebble", '-config', "$acme->{dir}/pebble.json", '-dnsserver', $dns->{DNS_SERVER} ],
	'<', \undef, '>>', $acme->{PEBBLE_LOG}, '2>&1', init => sub { $ENV{PEBBLE_VA_NOSLEEP} = 1; $ENV{PEBBLE_WFE_NONCEREJECT} = 0; $ENV{PEBBLE_AUTHZREUSE} = 0; });
CertmgrTest::wait_until(sub { system("curl -fsS -m 2 -o /dev/null --cacert $acme->{ACME_TLS_CA} $acme->{ACME_DIRECTORY} 2>/dev/null") == 0 }, 20, 'Pebble answers');
$node->safe_psql('postgres', q{
	SELECT certmgr.create_subscriber('lost', 'pebble', sans => '{lost.example.test}');
	SELECT certmgr.issue('lost')});
ok(CertmgrTest::poll_until($node, q{SELECT count(*) FROM certmgr.acme_account WHERE state = 'lost'}, '1'), 'an order finds out that the account is lost');
is_account('state', 'needs_human', 'its successor has no key for the binding: that served once');
$node->safe_psql('postgres', qq{SELECT certmgr.alter_acme_ca('pebble', eab_kid => '$acme->{ACME_EAB_KID}', eab_hmac_key => '$acme->{ACME_EAB_KEY}')});
is_account('state', 'valid', 'with one it is registered');
ok(CertmgrTest::poll_until($node, q{SELECT c.state FROM certmgr.certificate c JOIN certmgr.subscriber s ON s.id = c.subscriber_id WHERE s.name = 'lost'}, 'issued'),
	'and the order ends well');

# ---- the key for the binding by mail address, as ZeroSSL gives it: a stand-in says it once ----

my $port = PostgreSQL::Test::Cluster::get_free_port();
my ($said, $say);
my $double = open2($said, $say, 'openssl', 's_server', '-quiet', '-naccept', '1', '-accept', "127.0.0.1:$port", '-cert', "$acme->{dir}/tls.pem", '-key', "$acme->{dir}/tls.key");
$node->safe_psql('postgres', qq{
	INSERT INTO certmgr.acme_preset (name, title, directory_url, eab_url) VALUES ('mine', 'by mail', '$acme->{ACME_DIRECTORY}', 'https://127.0.0.1:$port/eab');
	SELECT certmgr.create_acme_ca('mail', preset => 'mine', contacts => '{mailto:a+b\@example.com}', dns_provider => 'bind', terms_of_service_agreed => true, trust_anchors => '$anchors')});
my $heard = '';
{
	local $SIG{ALRM} = sub { die 'the stand-in was not asked' };
	alarm 30;
	1 while $heard !~ /email=.*com$/ && sysread $said, $heard, 4096, length $heard;
	alarm 0;
}
like($heard, qr{^POST /eab HTTP/1.1\r\n.*^Content-Type: application/x-www-form-urlencoded\r\n.*\r\n\r\nemail=a%2Bb%40example\.com$}sm, 'asked by POST, with the mail address of the contact');
my $body = qq({"success":true,"eab_kid":"$acme->{ACME_EAB_KID}","eab_hmac_key":"$acme->{ACME_EAB_KEY}"});
syswrite $say, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: " . length($body) . "\r\n\r\n$body";
is_account('state', 'valid', 'with the key it got, the account is registered', 'mail');
is($node->safe_psql('postgres', q{SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%} . $acme->{ACME_EAB_KEY} . q{%' AND pid <> pg_backend_pid()}), '0', 'no statement shows it');
unlike(CertmgrTest::slurp($node->logfile), qr/\bsealed.*\Q$acme->{ACME_EAB_KEY}\E/, 'nor does the log, but where a person said it');
kill 'KILL', $double;
waitpid $double, 0;
issues('a certificate of that CA', 'mail');

$again->kill_kill;
$node->stop;
done_testing();
