# DNS-01 in full on real parts (BIND, Pebble): delegations, two zones at two providers, records of others, a server that lags
# behind, records written by a function and by hand, leftovers, dns-account-01 and dns-persist-01, the check of a provider.
use strict;
use warnings FATAL => 'all';

use CertmgrTest;
use IPC::Run ();
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

# What works takes seconds; what does not shall not take minutes.
$CertmgrTest::LIMIT = 30 unless $ENV{PG_TEST_TIMEOUT_DEFAULT};
my $node = CertmgrTest::cluster('dns');
# BIND lets our key write TXT only: the zone file has the CNAMEs.
my $dns = CertmgrTest::start_peer('bind.sh', { RECURSION => 'yes', ZONE_EXTRA => <<'Z' }, qw(example.test sub.example.test other.test));
caa CAA 0 issue "other.example"
caaok CAA 0 issue "pebble.letsencrypt.org; validationmethods=http-01,dns-01"
_acme-challenge.deleg CNAME hop.example.test.
hop CNAME deleg.other.test.
_acme-challenge.loop CNAME loop2.example.test.
loop2 CNAME _acme-challenge.loop.example.test.
Z
my $acme = CertmgrTest::pebble($dns);
my $lagging = CertmgrTest::bind('example.test');
my $anchors = CertmgrTest::slurp($acme->{ACME_TLS_CA});
my $config = CertmgrTest::rfc2136_config($dns);

# With the provider's config: only this zone, these servers to look at.
sub config
{
	my ($zone, @nameservers) = @_;
	my $list = join ', ', map { qq("$_") } @nameservers;
	return qq({"server": "$dns->{DNS_SERVER}", "key_name": "$dns->{TSIG_KEY}", "nameservers": [$list], "zone": "$zone"});
}

sub sql { return $node->safe_psql('postgres', $_[0]); }

# Changes a zone as its owner does.
sub update
{
	my ($server, @lines) = @_;
	my $text = join "\n", "server 127.0.0.1 $server->{DNS_PORT}", "key hmac-sha256:$server->{TSIG_KEY} $server->{TSIG_SECRET}", @lines, 'send', '';
	my $out = '';
	IPC::Run::run([ 'nsupdate', '-v' ], '<', \$text, '>', \$out, '2>&1') or die "nsupdate: $out";
	return;
}

# Issues to a new subscriber of that CA; the certificate's id.
my $subscribers = 0;
sub issue
{
	my ($ca, @names) = @_;
	my $name = 's' . ++$subscribers;
	my $sans = join ',', @names;
	return sql("SELECT certmgr.create_subscriber('$name', '$ca', auto_renew => false, sans => '{$sans}') * 0 + 0; SELECT certmgr.issue('$name')") =~ s/.*\n//sr;
}

sub issued
{
	my ($id, $what) = @_;
	my $ok = CertmgrTest::poll_until($node, "SELECT state FROM certmgr.certificate WHERE id = $id", 'issued');
	ok($ok, $what) or diag(sql("SELECT step, message FROM certmgr.order_status WHERE certificate = $id"));
	return;
}

# Until the certificate's status message matches.
sub says
{
	my ($id, $pattern, $what) = @_;
	my $message = '';
	CertmgrTest::wait_until(sub { $message = sql("SELECT status_message FROM certmgr.certificate WHERE id = $id"); $message =~ $pattern });
	like($message, $pattern, $what);
	return;
}

sub clean
{
	my ($what) = @_;
	ok(CertmgrTest::poll_until($node, q{SELECT count(*) FROM certmgr.dns_record WHERE state <> 'removed'}, '0'), "$what: the ledger is clean");
	return;
}

sql(qq{
	SELECT certmgr.create_dns_provider('bind', 'rfc2136', '} . config('example.test', $dns->{DNS_SERVER}) . qq{', '$dns->{TSIG_SECRET}');
	SELECT certmgr.create_dns_provider('other', 'rfc2136', '} . config('other.test', $dns->{DNS_SERVER}) . qq{', '$dns->{TSIG_SECRET}');
	SELECT certmgr.set_dns_zone('other.test', 'other');
	SELECT certmgr.create_acme_ca('pebble', '$acme->{ACME_DIRECTORY}', dns_provider => 'bind', terms_of_service_agreed => true, trust_anchors => '$anchors');
});
ok(CertmgrTest::poll_until($node, q{SELECT state = 'active' FROM certmgr.ca WHERE name = 'pebble'}), 'the account is registered');

# ---- two zones at two providers, apex and wildcard, a record of somebody else ----

update($dns, 'zone example.test.', 'update add _acme-challenge.apex.example.test. 60 TXT "of another client"');
my $foreign = CertmgrTest::txt_records($dns, 'example.test');
issued(issue('pebble', 'apex.example.test', '*.apex.example.test', 'www.other.test'), 'apex, wildcard and a name in another zone, at another provider');
is(sql(q{SELECT string_agg(DISTINCT p.name || ' ' || r.zone, ', ') FROM certmgr.dns_record r JOIN certmgr.dns_provider p ON p.id = r.dns_provider_id}),
	'bind example.test, other other.test', 'each provider wrote its zone');
is(sql(q{SELECT count(*) FROM certmgr.dns_record WHERE name = '_acme-challenge.apex.example.test'}), '2', 'two values stood at one name');
clean('two zones');
is(CertmgrTest::txt_records($dns, 'example.test'), $foreign, "the other client's record is untouched");
is(CertmgrTest::txt_records($dns, 'other.test'), '', 'nothing is left in the other zone');

# ---- a person mends what an order waits for: another provider, its credential ----

sql(qq{
	SELECT certmgr.create_dns_provider('blind', 'rfc2136', '{"server": "$dns->{DNS_SERVER}", "key_name": "$dns->{TSIG_KEY}", "resolvers": ["127.0.0.1:1"]}', '$dns->{TSIG_SECRET}');
	SELECT certmgr.create_dns_provider('wrong', 'rfc2136', '} . config('example.test', $dns->{DNS_SERVER}) . qq{', 'd3Jvbmc=');
	SELECT certmgr.alter_acme_ca('pebble', dns_provider => 'blind');
});
my $mended = issue('pebble', 'mended.example.test');
says($mended, qr/can be found|127\.0\.0\.1:1/, 'nobody knows the zone');
sql(q{SELECT certmgr.alter_acme_ca('pebble', dns_provider => 'wrong')});
says($mended, qr/BADSIG/, 'what was never written goes to the new provider');
# Attempts double to minutes: the order goes on because it is woken.
sql(qq{UPDATE certmgr_private.job SET due_at = now() + interval '1 hour' WHERE kind = 'acme_order' AND lease_until IS NULL;
	SELECT certmgr.set_secret('dns_provider:wrong', '$dns->{TSIG_SECRET}')});
issued($mended, 'the right credential is tried at once');
sql(q{SELECT certmgr.alter_acme_ca('pebble', dns_provider => 'bind')});
clean('a provider that was mended');

# ---- delegations ----

issued(issue('pebble', 'deleg.example.test', '*.deleg.example.test'), 'a delegation over two CNAMEs into another provider\'s zone');
is(sql(q{SELECT DISTINCT r.challenge_name || ' ' || r.name || ' ' || r.hops || ' ' || p.name FROM certmgr.dns_record r JOIN certmgr.dns_provider p ON p.id = r.dns_provider_id WHERE r.hops > 0}),
	'_acme-challenge.deleg.example.test deleg.other.test 2 other', 'the ledger has both names');
my $loop = issue('pebble', 'loop.example.test');
says($loop, qr/lead in a loop: "\S+" leads to "\S+"/, 'a loop is told');
sql("SELECT certmgr.cancel($loop)");
clean('delegations');

# ---- a server that lags behind ----

sql(qq{SELECT certmgr.create_dns_provider('two servers', 'rfc2136', '} . config('example.test', $dns->{DNS_SERVER}, $lagging->{DNS_SERVER}) . qq{', '$dns->{TSIG_SECRET}');
	SELECT certmgr.set_dns_zone('lag.example.test', 'two servers')});
my $lag = issue('pebble', 'lag.example.test');
says($lag, qr/is not yet at 1 of 2 name servers: Without it: \Q$lagging->{DNS_SERVER}\E/, 'the server that lags behind is named');
my $value = sql(q{SELECT value FROM certmgr.dns_record WHERE name = '_acme-challenge.lag.example.test'});
update($lagging, 'zone example.test.', qq{update add _acme-challenge.lag.example.test. 1 TXT "$value"});
issued($lag, 'once it is there the order goes on');
clean('lagging');

# ---- by hand ----

sql(qq{SELECT certmgr.create_dns_provider('hand', 'manual', '{"zone": "example.test", "nameservers": ["$dns->{DNS_SERVER}"]}');
	SELECT certmgr.set_dns_zone('hand.example.test', 'hand')});
my $hand = issue('pebble', 'hand.example.test');
says($hand, qr/waits for a person to make TXT records: _acme-challenge\.hand\.example\.test TXT "[\w-]{43}"/, 'it says which record to make');
$value = sql(q{SELECT value FROM certmgr.dns_record WHERE name = '_acme-challenge.hand.example.test'});
update($dns, 'zone example.test.', qq{update add _acme-challenge.hand.example.test. 1 TXT "$value"});
issued($hand, 'the record was made: it goes on');
ok(CertmgrTest::poll_until($node, q{SELECT finding ~ 'still at 1 of 1 name servers: please remove it' FROM certmgr.health WHERE object = 'dns record _acme-challenge.hand.example.test'}),
	'health asks for its removal');
update($dns, 'zone example.test.', qq{update delete _acme-challenge.hand.example.test. TXT "$value"});
like(sql(q{SELECT certmgr.sweep_dns('hand')}), qr/^[01]$/, 'it is swept, unless the worker has looked by itself just now');
clean('by hand');
is(sql(q{SELECT certmgr.sweep_dns()}), '0', 'nothing left to sweep');

# ---- by a function ----

sql(q{
	CREATE ROLE dns_writer;
	CREATE SCHEMA dns_writer AUTHORIZATION dns_writer;
	SET ROLE dns_writer;
	CREATE TABLE dns_writer.request (id serial, action text, zone text, name text, value text, who text DEFAULT current_user, path text DEFAULT current_setting('search_path'));
	CREATE FUNCTION dns_writer.write(action text, zone text, name text, value text) RETURNS text LANGUAGE plpgsql AS $$
	BEGIN
		IF name = '_acme-challenge.no.fn.example.test' THEN RETURN 'the DNS department is closed'; END IF;
		IF name = '_acme-challenge.slow.fn.example.test' THEN PERFORM pg_catalog.pg_sleep(600); END IF;
		IF name = '_acme-challenge.stubborn.fn.example.test' THEN
			BEGIN PERFORM pg_catalog.pg_sleep(600); EXCEPTION WHEN query_canceled THEN PERFORM pg_catalog.pg_sleep(600); END;
		END IF;
		IF name = '_acme-challenge.throws.fn.example.test' THEN RAISE EXCEPTION 'no quota'; END IF;
		IF name LIKE '_acme-challenge.%later.fn.example.test' THEN
			IF name LIKE '%put-off.later.fn%' THEN SET CONSTRAINTS ALL DEFERRED; END IF;
			INSERT INTO dns_writer.later VALUES (name);
			RETURN NULL;
		END IF;
		IF name = '_acme-challenge.evil.fn.example.test' THEN PERFORM sealed FROM certmgr_private.key; END IF;
		INSERT INTO dns_writer.request (action, zone, name, value) VALUES (action, zone, name, value);
		RETURN NULL;
	END $$;
	CREATE TABLE dns_writer.later (name text);
	CREATE FUNCTION dns_writer.check_later() RETURNS trigger LANGUAGE plpgsql AS $$
	BEGIN
		IF NEW.name LIKE '%slow.later.fn%' THEN PERFORM pg_catalog.pg_sleep(600); END IF;
		RAISE EXCEPTION 'checked by %', current_user;
	END $$;
	CREATE CONSTRAINT TRIGGER later AFTER INSERT ON dns_writer.later DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION dns_writer.check_later();});
sql(qq{SELECT certmgr.create_dns_provider('function', 'sql', '{"function": "dns_writer.write", "zone": "example.test", "timeout": 1, "nameservers": ["$dns->{DNS_SERVER}"]}');
	SELECT certmgr.set_dns_zone('fn.example.test', 'function')});
my $fn = issue('pebble', 'fn.example.test');
ok(CertmgrTest::poll_until($node, q{SELECT count(*) FROM dns_writer.request WHERE action = 'add'}, '1'), 'the function was called');
$value = sql(q{SELECT value FROM dns_writer.request});
is(sql(q{SELECT zone || ' ' || name || ' ' || who || ' ' || path FROM dns_writer.request}), 'example.test _acme-challenge.fn.example.test dns_writer pg_catalog, pg_temp',
	'as its owner, with a safe search_path');
update($dns, 'zone example.test.', qq{update add _acme-challenge.fn.example.test. 1 TXT "$value"});
issued($fn, 'what it wrote is seen');
ok(CertmgrTest::poll_until($node, q{SELECT count(*) FROM dns_writer.request WHERE action = 'remove'}, '1'), 'and it is called to remove it');
update($dns, 'zone example.test.', qq{update delete _acme-challenge.fn.example.test. TXT});
for my $case ([ 'no', qr/could not add the TXT record: It says: the DNS department is closed/ ], [ 'throws', qr/It says: no quota/ ], [ 'slow', qr/function dns_writer\.write did not return within 1 s and was cancelled: The worker does nothing else/ ],
	[ 'later', qr/It says: checked by dns_writer/ ], [ 'slow.later', qr/did not return within 1 s/ ], [ 'put-off.later', qr/It says: cannot fire deferred trigger within security-restricted operation/ ],
	[ 'stubborn', qr/did not return within 1 s/ ], [ 'evil', qr/permission denied for schema certmgr_private/ ])
{
	my $id = issue('pebble', "$case->[0].fn.example.test");
	says($id, $case->[1], "what the function says is told ($case->[0])");
	sql("SELECT certmgr.cancel($id)");
}

# ---- the check of a provider ----

my ($rc, $out, $err) = $node->psql('postgres', q{CALL certmgr.check_dns_provider('bind', 'example.test')});
like($out, qr/^t\|remove: the record is removed$/, 'a provider that works') or diag($err);
is(sql(q{SELECT string_agg(step || ' ' || ok, ', ' ORDER BY position) FROM certmgr.dns_provider_check WHERE dns_provider = 'bind'}),
	'find zone true, add true, see true, remove true', 'every step is told');
sql(qq{SELECT certmgr.create_dns_provider('wrong key', 'rfc2136', '} . config('example.test', $dns->{DNS_SERVER}) . qq{', 'd3Jvbmcga2V5'),
	certmgr.create_dns_provider('no permission', 'sql', '{"function": "dns_writer.closed", "zone": "example.test"}')}) if sql(q{
	SET ROLE dns_writer; CREATE FUNCTION dns_writer.closed(action text, zone text, name text, value text) RETURNS text LANGUAGE sql RETURN 'you need permission dns:write'}) eq '';
(undef, $out) = $node->psql('postgres', q{CALL certmgr.check_dns_provider('wrong key', 'example.test')});
like($out, qr/^f\|add: .*refused the update.*TSIG error BADSIG/, 'a wrong TSIG key is named');
(undef, $out) = $node->psql('postgres', q{CALL certmgr.check_dns_provider('bind', 'elsewhere.test')});
like($out, qr/^f\|find zone: .*is in none of the configured zones/, 'a zone that is not the provider\'s');
(undef, $out) = $node->psql('postgres', q{CALL certmgr.check_dns_provider('no permission', 'example.test')});
like($out, qr/^f\|add: .*you need permission dns:write/, 'the missing permission is told');
is(sql(q{SELECT count(*) FROM certmgr.health WHERE finding LIKE 'the probe of a check could not be removed%'}), '0', 'what was refused need not be removed');
# A provider that does not answer: whether the probe is there is not known.
sql(q{SELECT certmgr.create_dns_provider('dead', 'rfc2136', '{"server": "127.0.0.1:1", "zone": "example.test", "timeout": 1}')});
(undef, $out) = $node->psql('postgres', q{CALL certmgr.check_dns_provider('dead', 'example.test')});
like($out, qr/^f\|add: no DNS server listens/, 'a provider that does not answer');
is(sql(q{SELECT count(*) FROM certmgr.health WHERE finding LIKE 'the probe of a check could not be removed%'}), '1', 'a probe that may be there is in health');
unlike(CertmgrTest::txt_records($dns, 'example.test'), qr/certmgr-check/, 'no probe is left');

# ---- another provider takes over ----

# What the first one refused is planned again from the settings of now, and nothing of it keeps the first one.
sql(q{SELECT certmgr.set_dns_zone('moved.example.test', 'wrong key')});
my $moved = issue('pebble', 'moved.example.test', '*.moved.example.test');
says($moved, qr/refused the update/, 'the first provider refuses');
sql(q{SELECT certmgr.set_dns_zone('moved.example.test', 'bind')});
issued($moved, 'the order goes on at the provider that has the zone now');
clean('moved');
is(sql(q{SELECT certmgr.drop_dns_provider('wrong key')}), '', 'the first provider has nothing left');
# One that does not answer may have written it: it keeps the duty to remove it.
sql(qq{SELECT certmgr.create_dns_provider('silent', 'rfc2136', '{"server": "127.0.0.1:1", "zone": "example.test", "timeout": 1}');
	SELECT certmgr.set_dns_zone('moved.example.test', 'silent')});
$moved = issue('pebble', 'moved.example.test', '*.moved.example.test');
says($moved, qr/no DNS server listens/, 'the first provider does not answer');
sql(q{SELECT certmgr.set_dns_zone('moved.example.test', 'bind')});
issued($moved, 'the order goes on elsewhere');
ok(CertmgrTest::poll_until($node, q{SELECT count(*) FROM certmgr.dns_record r JOIN certmgr.dns_provider p ON p.id = r.dns_provider_id WHERE p.name = 'silent' AND r.state = 'removing'}, '2'),
	'what may be there is to be removed');
sql(q{SELECT certmgr.alter_dns_provider('silent', '} . config('example.test', $dns->{DNS_SERVER}) . qq{', '$dns->{TSIG_SECRET}')});
clean('moved from one that was silent');

# ---- CAA ----

sql(q{SELECT certmgr.set_caa_identities('pebble', '{pebble.letsencrypt.org}')});
sql(qq{UPDATE certmgr.dns_provider SET config = config || '{"resolvers": ["$dns->{DNS_SERVER}"]}' WHERE name = 'bind'});
my $orders = () = CertmgrTest::slurp($acme->{PEBBLE_LOG}) =~ m{POST /order-plz}g;
my $caa = issue('pebble', 'a.caa.example.test', '*.wild.caa.example.test');
my $refused = CertmgrTest::poll_until($node, "SELECT state FROM certmgr.certificate WHERE id = $caa", 'failed');
like(sql("SELECT status_message FROM certmgr.certificate WHERE id = $caa"), qr/the CA must refuse a\.caa\.example\.test: CAA records do not allow the CA pebble\.letsencrypt\.org .*issue "other\.example"/, 'CAA forbids: refused here');
is(scalar(() = CertmgrTest::slurp($acme->{PEBBLE_LOG}) =~ m{POST /order-plz}g), $orders, 'nothing was asked of the CA');
issued(issue('pebble', 'caaok.example.test'), 'CAA with the right method allows');
# Without a person's word the directory's counts; {} says not to look.
sql(q{SELECT certmgr.set_caa_identities('pebble', NULL); UPDATE certmgr.acme_account SET caa_identities = '{pebble.letsencrypt.org}'});
$caa = issue('pebble', 'b.caa.example.test');
$refused = CertmgrTest::poll_until($node, "SELECT state FROM certmgr.certificate WHERE id = $caa", 'failed');
like(sql("SELECT status_message FROM certmgr.certificate WHERE id = $caa"), qr/the CA must refuse b\.caa\.example\.test/, 'the name that the directory says is looked for');
sql(q{SELECT certmgr.set_caa_identities('pebble', '{}')});

# ---- leftovers ----

# What the function refused was never there: nothing to remove.
is(sql(q{SELECT count(*) FROM certmgr.dns_record WHERE name LIKE '%.fn.example.test' AND state <> 'removed'}), '0', 'what was refused need not be removed');
# One that it does not remove; the owner makes it work.
sql(q{CREATE OR REPLACE FUNCTION dns_writer.write(action text, zone text, name text, value text) RETURNS text LANGUAGE sql RETURN CASE action WHEN 'remove' THEN 'not today' END});
my $left = issue('pebble', 'left.fn.example.test');
ok(CertmgrTest::poll_until($node, q{SELECT state FROM certmgr.dns_record WHERE name = '_acme-challenge.left.fn.example.test'}, 'present'), 'written');
sql("SELECT certmgr.cancel($left)");
ok(CertmgrTest::poll_until($node, q{SELECT finding ~ 'not today' FROM certmgr.health WHERE object LIKE 'dns record %.fn.example.test'}), 'health shows what could not be removed') || diag(sql(q{SELECT string_agg(r::text, E'\n') FROM certmgr.dns_record r WHERE state <> 'removed'}));
is(sql(q{SELECT certmgr.sweep_dns('bind')}), '0', 'another provider has no leftovers');
sql(q{CREATE OR REPLACE FUNCTION dns_writer.write(action text, zone text, name text, value text) RETURNS text LANGUAGE sql RETURN NULL});
is(sql(q{SELECT certmgr.sweep_dns('function')}), '1', 'the record is swept');
clean('leftovers');

# ---- equal records of two orders ----

# As when a CA gives two orders one authorization: the same value at one name. The first one is over, the other goes on.
my @two = map { issue('pebble', "same$_.example.test") } 1, 2;
issued($_, 'an order whose record is made equal') for @two;
clean('before equal records');
my ($ended, $live) = map { sql("SELECT id FROM certmgr.acme_order WHERE certificate_id = $_") } @two;
update($dns, 'zone example.test.', 'update add _acme-challenge.same.example.test. 1 TXT "shared"');
sql(qq{UPDATE certmgr.acme_order SET step = 'await' WHERE id = $live;
	UPDATE certmgr.dns_record SET name = '_acme-challenge.same.example.test', value = 'shared', state = 'visible' WHERE order_id IN ($ended, $live)});
is(sql('SELECT certmgr.sweep_dns()'), '1', 'only the order that is over is swept');
ok(CertmgrTest::poll_until($node, "SELECT state FROM certmgr.dns_record WHERE order_id = $ended", 'removed'), 'its record counts as removed');
like(CertmgrTest::txt_records($dns, 'example.test'), qr/_acme-challenge\.same\.example\.test\. "shared"/, 'and stays in the zone for the other order');
sql("UPDATE certmgr.acme_order SET step = 'done' WHERE id = $live; SELECT certmgr.sweep_dns()");
clean('equal records');
unlike(CertmgrTest::txt_records($dns, 'example.test'), qr/_acme-challenge\.same/, 'the last one takes it out');

# ---- other kinds of challenges ----

sql(q{SELECT certmgr.set_challenge_type('pebble', 'dns-account-01')});
issued(issue('pebble', 'account.example.test', '*.account.example.test'), 'dns-account-01');
is(sql(q{SELECT count(*) FROM certmgr.dns_record WHERE challenge_name ~ '^_[a-z2-7]{16}\._acme-challenge\.account\.example\.test$'}), '2', 'at the label of the account');
clean('dns-account-01');

sql(q{SELECT certmgr.set_challenge_type('pebble', 'dns-persist-01')});
my $persist = issue('pebble', 'persist.example.test', '*.persist.example.test');
says($persist, qr/waits for a person to make TXT records: _validation-persist\.persist\.example\.test TXT "pebble\.letsencrypt\.org; accounturi=/, 'it says which standing record to make');
my $until = time + 86400;
my $record = sql(qq{SELECT record_name || '. 1 TXT "' || record_value || '"' FROM certmgr.dns_persist_record('pebble', '*.persist.example.test', to_timestamp($until), 'pebble.letsencrypt.org')});
like($record, qr/policy=wildcard; persistUntil=$until/, 'the record for a wildcard that ends');
update($dns, 'zone example.test.', "update add $record");
issued($persist, 'dns-persist-01');
is(sql(q{SELECT count(*) FROM certmgr.health WHERE object = 'dns record _validation-persist.persist.example.test'}), '2', 'health warns of its end, for the name and the wildcard');
issued(issue('pebble', 'persist.example.test'), 'and again without any DNS work');
update($dns, 'zone example.test.', 'update add ' . sql(q{SELECT record_name || '. 1 TXT "' || record_value || '"' FROM certmgr.dns_persist_record('pebble', '*.persist.example.test', NULL, 'pebble.letsencrypt.org')}));
issued(issue('pebble', 'persist.example.test', '*.persist.example.test'), 'with a second record beside the one that ends');
is(sql(q{SELECT count(*) FROM certmgr.health WHERE object = 'dns record _validation-persist.persist.example.test'}), '0', 'health is content with the one that is good longer');
is(CertmgrTest::txt_records($dns, 'other.test'), '', 'nothing is left in other.test');

$node->stop;
done_testing();
