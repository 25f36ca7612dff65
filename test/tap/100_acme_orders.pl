# ACME orders against Pebble, DNS-01 by BIND: how many requests an order takes, alternate chains, profiles, renewal information (RFC
# 9773) that is sane and hostile, "replaces", refused nonces, authorizations that are valid already, revocation by the certificate's key.
use strict;
use warnings FATAL => 'all';

use CertmgrTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = CertmgrTest::cluster('orders');
my $dns  = CertmgrTest::bind();
my $acme = CertmgrTest::pebble($dns, PEBBLE_ALTERNATE_ROOTS => 2, PEBBLE_SHORTLIVED => 1);
my $odd  = CertmgrTest::pebble($dns, PEBBLE_WFE_NONCEREJECT => 50, PEBBLE_AUTHZREUSE => 100);
plan skip_all => 'this Pebble stands no parallel orders' unless CertmgrTest::pebble_is_safe($acme);

my $config = CertmgrTest::rfc2136_config($dns);
$node->safe_psql('postgres', "SELECT certmgr.create_dns_provider('bind', 'rfc2136', '$config', '$dns->{TSIG_SECRET}')");
for (['pebble', $acme, 'default'], ['odd', $odd, undef])
{
	my ($name, $peer, $profile) = @$_;
	my $anchors = CertmgrTest::slurp($peer->{ACME_TLS_CA});
	$node->safe_psql('postgres', "SELECT certmgr.create_acme_ca('$name', '$peer->{ACME_DIRECTORY}', dns_provider => 'bind', terms_of_service_agreed => true,
		trust_anchors => '$anchors'" . ($profile ? ", profile => '$profile'" : '') . ')');
	ok(CertmgrTest::poll_until($node, "SELECT state = 'active' FROM certmgr.ca WHERE name = '$name'"), "$name: the account is registered") or BAIL_OUT('no account');
}

sub sql { return $node->safe_psql('postgres', $_[0]); }

# Orders a certificate for these names and waits until it is issued (or in another state); its id.
sub order
{
	my ($ca, $state, @names) = @_;
	my $id = sql("SELECT certmgr.issue_from('$ca', sans => '{" . join(',', @names) . "}')");
	ok(CertmgrTest::poll_until($node, "SELECT state FROM certmgr.certificate WHERE id = $id", $state), "$ca: $names[0] is $state")
	  or BAIL_OUT(sql("SELECT event FROM certmgr.explain_order($id)"));
	return $id;
}

# "kind=count ..." of the requests of a certificate's orders.
sub requests
{
	my ($id) = @_;
	return sql(qq{SELECT string_agg(kind || '=' || n, ' ' ORDER BY kind) FROM (SELECT kind, count(*) AS n FROM certmgr.acme_exchange e
		JOIN certmgr.acme_order o ON o.id = e.order_id WHERE o.certificate_id = $id GROUP BY 1) x});
}

# ---- how many requests: 2N + 5, and what was asked too early ----
order('pebble', 'issued', 'warm.example.test');
my $one = order('pebble', 'issued', 'one.example.test');
like(requests($one), qr/^authorization=1 certificate=1 challenge=1 finalize=1 newOrder=1 order=[2-4]$/, 'one name: 2N + 5 requests');
my $ten = order('pebble', 'issued', map { "ten$_.example.test" } 1 .. 10);
like(requests($ten), qr/^authorization=10 certificate=1 challenge=10 finalize=1 newOrder=1 order=[2-5]$/, 'ten names: 2N + 5 requests');
sql(q{UPDATE certmgr.ca SET config = config || '{"quirks": {"optimistic_finalize": true}}' WHERE name = 'pebble'});
my $quick = order('pebble', 'issued', 'quick.example.test');
like(requests($quick), qr/^authorization=1 certificate=1 challenge=1 finalize=[1-3] newOrder=1 order=[1-5]$/, 'finalize at once');
is(sql("SELECT count(*) FROM certmgr.acme_exchange WHERE at IS NULL OR ms < 0 OR method <> 'POST' AND kind <> 'renewalInfo'"), '0', 'the ledger is sane');
like(sql("SELECT string_agg(event, '|') FROM certmgr.explain_order($one)"), qr/POST newOrder: HTTP 201.*TXT record _acme-challenge.*is removed.*is issued/, 'explain_order tells it');

# ---- the pace of a CA: five names in 15 requests, of which two go at once and ten a second ----
sql(q{SELECT certmgr.alter_acme_ca('pebble', quirks => '{"request_rate": 10, "request_burst": 2}')});
my $paced = order('pebble', 'issued', map { "paced$_.example.test" } 1 .. 5);
ok(sql(qq{SELECT extract(epoch FROM finished_at - created_at) >= 1 FROM certmgr.acme_order WHERE certificate_id = $paced}) eq 't', 'requests wait for their turn');
is(sql(qq{SELECT count(*) FROM certmgr.acme_exchange e JOIN certmgr.acme_order o ON o.id = e.order_id WHERE o.certificate_id = $paced AND e.status >= 400}), '0', 'and none is refused');
sql(q{SELECT certmgr.alter_acme_ca('pebble', quirks => '{"request_rate": null, "request_burst": null}')});

# ---- alternate chains: fetched only when the first is not as wanted ----
my $root = CertmgrTest::management($acme, '/roots/1');
my ($cn) = CertmgrTest::openssl_text('x509', $root, '-subject', '-nameopt', 'multiline') =~ /commonName\s*=\s*(.*\S)/;
sql("UPDATE certmgr.ca SET config = config || jsonb_build_object('preferred_chain', '$cn') WHERE name = 'pebble'");
my $chained = order('pebble', 'issued', 'chained.example.test');
like(requests($chained), qr/alternate=2 authorization/, 'the alternates were asked for');
ok(CertmgrTest::openssl_verify($root, sql("SELECT certmgr.chain_pem($chained)"), sql("SELECT certmgr.certificate_pem($chained)")), "the chain leads to \"$cn\"");
sql("UPDATE certmgr.ca SET config = config || jsonb_build_object('preferred_chain', 'no such root') WHERE name = 'pebble'");
order('pebble', 'issued', 'any.example.test');
sql("UPDATE certmgr.ca SET config = config - 'preferred_chain' WHERE name = 'pebble'");

# ---- chains that must end at an anchor ----
my $first_root = CertmgrTest::management($acme, '/roots/0');
sql("SELECT certmgr.alter_acme_ca('pebble', chain_anchors => '$first_root')");
my $anchored = order('pebble', 'issued', 'anchored.example.test');
sql("SELECT certmgr.alter_acme_ca('pebble', chain_anchors => '" . CertmgrTest::slurp($acme->{ACME_TLS_CA}) . "')");
my $astray = order('pebble', 'failed', 'astray.example.test');
like(sql("SELECT status_message FROM certmgr.certificate WHERE id = $astray"), qr/was not accepted: certificate chain is not trusted.*ends at issuer "CN=Pebble Root CA[^"]*", which no chain_anchors of the CA lead to/, 'a chain to another root is refused, with the name of the one that is missing');
sql("SELECT certmgr.alter_acme_ca('pebble', chain_anchors => '')");
order('pebble', 'issued', 'unanchored.example.test');

# ---- what the CA decides itself, against a template ----
sql(q{SELECT certmgr.create_template('strict', max_lifetime => '1 day', lifetime => '1 day', no_rev_avail => 'never')});
sql(q{SELECT certmgr.create_subscriber('judged', 'pebble', sans => '{judged.example.test}', template => 'strict', auto_renew => false)});
my $judged = sql("SELECT certmgr.issue('judged')");
ok(CertmgrTest::poll_until($node, "SELECT state FROM certmgr.certificate WHERE id = $judged", 'issued'), 'a certificate that lives too long for its template is taken');
like(sql("SELECT status_message FROM certmgr.certificate WHERE id = $judged"), qr/^policy: The lifetime is .* at most .* are allowed\.$/, 'and says so');
sql(q{SELECT certmgr.alter_template('strict', external => 'refuse')});
my $unwanted = sql("SELECT certmgr.issue('judged')");
ok(CertmgrTest::poll_until($node, "SELECT state FROM certmgr.certificate WHERE id = $unwanted", 'failed'), 'where the template refuses it the order fails')
  or diag(sql("SELECT event FROM certmgr.explain_order($unwanted)"));
my ($kept) = sql("SELECT status_message FROM certmgr.certificate WHERE id = $unwanted") =~ /Template "strict": policy: The lifetime is .* It is in the inventory as certificate (\d+)/;
ok($kept, 'and tells where the certificate is');
is(sql("SELECT state || ' ' || source || ' ' || (status_message ~ 'refused for certificate $unwanted') FROM certmgr.certificate WHERE id = $kept"), 'issued issued true', 'it is there');
like(sql("SELECT certmgr.certificate_pem($kept)"), qr/BEGIN CERTIFICATE/, 'with its bytes');
sql("SELECT certmgr.revoke($kept, 'superseded')");
ok(CertmgrTest::poll_until($node, "SELECT count(*) FROM certmgr_private.job WHERE kind = 'acme_revoke' AND target_id = $kept", '0'), 'and can be revoked');
is(sql("SELECT state FROM certmgr.certificate WHERE id = $kept AND status_message IS NULL"), 'revoked', 'it is');

# ---- profiles ----
sql(q{UPDATE certmgr.ca SET config = config || '{"profile": "shortlived"}' WHERE name = 'pebble'});
my $short = order('pebble', 'issued', 'short.example.test');
is(sql("SELECT not_after - not_before < '7 days' FROM certmgr.certificate WHERE id = $short"), 't', 'profile shortlived');
sql(q{UPDATE certmgr.ca SET config = config || '{"profile": "none"}' WHERE name = 'pebble'});
my $refused = order('pebble', 'failed', 'refused.example.test');
like(sql("SELECT status_message FROM certmgr.certificate WHERE id = $refused"), qr/profile/, 'one that there is not fails the order when it is required');
sql(q{UPDATE certmgr.ca SET config = config || '{"profile_policy": "preferred"}' WHERE name = 'pebble'});
my $preferred = order('pebble', 'issued', 'preferred.example.test');
like(requests($preferred), qr/newOrder=1 /, 'and is not asked for when it is only preferred');
sql(q{UPDATE certmgr.ca SET config = config || '{"profile": "default"}' WHERE name = 'pebble'});

# ---- a CA of which it is known that it has no profiles ----
sql(q{SELECT certmgr.alter_acme_ca('pebble', profile_policy => 'required', quirks => '{"profiles": false}')});
my $unknown = order('pebble', 'failed', 'unknown.example.test');
like(sql("SELECT status_message FROM certmgr.certificate WHERE id = $unknown"), qr/knows no profiles/, 'a required profile that the CA cannot have is not asked for');
is(sql("SELECT count(*) FROM certmgr.acme_exchange e JOIN certmgr.acme_order o ON o.id = e.order_id WHERE o.certificate_id = $unknown"), '0', 'no request was sent');
sql(q{SELECT certmgr.alter_acme_ca('pebble', quirks => '{"profiles": null}')});

# ---- renewal information ----
sql("SELECT certmgr.create_subscriber('ari', 'pebble', sans => '{ari.example.test}')");
my $old = sql("SELECT certmgr.issue('ari')");
ok(CertmgrTest::poll_until($node, "SELECT count(chosen_at) FROM certmgr.acme_renewal_info WHERE certificate_id = $old", '1'), 'asked for right after the issue');
is(sql("SELECT i.chosen_at = c.renew_at AND chosen_at >= window_start AND chosen_at < window_end FROM certmgr.acme_renewal_info i JOIN certmgr.certificate c ON c.id = certificate_id WHERE certificate_id = $old"),
	't', 'renewal is in the window');

# Pebble answers this from now on; asks for it and waits until the row says what is expected.
sub renewal_info
{
	my ($json, $like, $what) = @_;
	my $pem = sql("SELECT certmgr.certificate_pem($old)") . "\n";
	my %e = ("\n" => '\n', '"' => '\"');
	s/([\n"])/$e{$1}/g for $pem, $json;
	my $file = CertmgrTest::write_file(CertmgrTest::directory() . '/ari.json', qq({"Certificate": "$pem", "ARIResponse": "$json"}));
	IPC::Run::run(['curl', '-fsS', '-m', '10', '--cacert', $acme->{ACME_TLS_CA}, '-d', "\@$file", "$acme->{PEBBLE_MANAGEMENT}/set-renewal-info/"]) or die 'curl';
	sql("UPDATE certmgr.acme_renewal_info SET status_message = NULL WHERE certificate_id = $old; UPDATE certmgr_private.job SET due_at = now() WHERE kind = 'acme_renewal_info' AND target_id = $old");
	sql('CALL certmgr.work()');
	ok(CertmgrTest::wait_until(sub { sql("SELECT status_message FROM certmgr.acme_renewal_info WHERE certificate_id = $old") =~ $like }, 30), $what)
	  or diag(sql("SELECT * FROM certmgr.acme_renewal_info WHERE certificate_id = $old"));
	return;
}
my $renew_at = sql("SELECT renew_at FROM certmgr.certificate WHERE id = $old");
renewal_info('{"suggestedWindow": {"start": "2027-03-02T00:00:00Z", "end": "2027-03-01T00:00:00Z"}}', qr/ends before it begins/, 'a window that ends before it begins');
renewal_info('{"suggestedWindow": {"start": "9999-12-30T00:00:00Z", "end": "9999-12-31T00:00:00Z"}}', qr/ends after the certificate/, 'one in the year 9999');
renewal_info('<html>no</html>', qr/not usable/, 'a page of HTML');
renewal_info('{"suggestedWindow": {"start": "2020-01-01T00:00:00Z", "end": "2020-01-02T00:00:00Z"}, "explanationURL": "javascript:alert(1)"}', qr/open when the certificate was issued$/, 'one that was open at issue');
is(sql("SELECT renew_at FROM certmgr.certificate WHERE id = $old"), $renew_at, 'none of them moved the renewal');
sql("UPDATE certmgr.acme_renewal_info SET issued_at = now() - interval '3 h' WHERE certificate_id = $old");
my ($from, $to) = split /\|/, sql(q{SELECT to_char(now() AT TIME ZONE 'UTC' - interval '1 h', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'), to_char(now() AT TIME ZONE 'UTC' - interval '30 min', 'YYYY-MM-DD"T"HH24:MI:SS"Z"')});
renewal_info(qq({"suggestedWindow": {"start": "$from", "end": "$to"}, "explanationURL": "https://ca.example.test/incident"}), qr/ca.example.test.incident/, 'an incident: renew now');
ok(CertmgrTest::poll_until($node, "SELECT state FROM certmgr.certificate WHERE renewed_from = $old", 'issued'), 'it is renewed');
is(sql("SELECT replaces_sent AND replaces ~ '^[A-Za-z0-9_-]+\\.[A-Za-z0-9_-]+\$' FROM certmgr.acme_order o JOIN certmgr.certificate c ON c.id = o.certificate_id WHERE c.renewed_from = $old"), 't', 'the order said what it replaces');
is(sql("SELECT replaced FROM certmgr.acme_renewal_info WHERE certificate_id = $old"), 't', 'and it is replaced');
# Pebble refuses a second replacement: the order goes without.
my $again = sql("UPDATE certmgr.acme_renewal_info SET replaced = false WHERE certificate_id = $old; SELECT certmgr.renew($old)");
ok(CertmgrTest::poll_until($node, "SELECT state FROM certmgr.certificate WHERE id = $again", 'issued'), 'a replacement that the CA refuses is ordered without "replaces"');
like(sql("SELECT string_agg(COALESCE(e.problem, e.status::text), ' ' ORDER BY e.id) FROM certmgr.acme_exchange e JOIN certmgr.acme_order o ON o.id = e.order_id WHERE o.certificate_id = $again AND kind = 'newOrder'"),
	qr/^alreadyReplaced 201$/, 'after one refusal');

# ---- revocation by the key of the certificate: the account is lost ----
my $account = sql("SELECT a.id FROM certmgr.acme_account a JOIN certmgr.ca c ON c.id = a.ca_id WHERE c.name = 'pebble'");
sql("UPDATE certmgr.acme_account SET state = 'deactivated' WHERE id = $account");
sql("SELECT certmgr.revoke($one, 'keyCompromise')");
ok(CertmgrTest::poll_until($node, "SELECT string_agg(status::text, ' ') FROM certmgr.acme_exchange WHERE kind = 'revokeCert' AND certificate_id = $one", '200'), 'revoked by its own key');
like(sql("SELECT string_agg(event, '|') FROM certmgr.explain_order($one)"), qr/revocation was asked for, with reason keyCompromise.*POST revokeCert: HTTP 200/, 'explain_order tells of it');

# ---- nonces refused half of the time, authorizations that are valid already ----
my $first = order('odd', 'issued', 'nonce1.example.test', 'nonce2.example.test');
like(requests($first), qr/challenge/, 'names are validated');
my $second = order('odd', 'issued', 'nonce1.example.test', 'nonce2.example.test');
unlike(requests($second), qr/challenge|authorization/, 'and not again while the authorizations are valid');
ok(sql("SELECT count(*) > 0 FROM certmgr.acme_exchange WHERE problem = 'badNonce'") eq 't', 'refused nonces are in the ledger');

ok(CertmgrTest::poll_until($node, q{SELECT count(*) FROM certmgr.dns_record WHERE state <> 'removed'}, '0'), 'the ledger of TXT records is clean');
is(CertmgrTest::txt_records($dns, 'example.test'), '', 'and so is the zone');
$node->stop;
done_testing();
