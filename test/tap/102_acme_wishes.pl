# What a subscriber may want of an ACME CA besides names: a lifetime, a profile, the rest of its names when some are refused, other CAs
# when its own does not deliver. By Pebble and by the double acmed (as strict as Boulder), DNS-01 by BIND. And what becomes of orders
# whose subscriber is dropped, and of keys that a CA does not take.
use strict;
use warnings FATAL => 'all';

use AcmedTest;
use CertmgrTest;
use PostgreSQL::Test::Utils;
use Test::More;

my $run = AcmedTest::start('wishes');
my ($node, $dns) = ($run->{node}, $run->{dns});
my $pebble = CertmgrTest::pebble($dns, PEBBLE_SHORTLIVED => 1);
plan skip_all => 'this Pebble stands no parallel orders' unless CertmgrTest::pebble_is_safe($pebble);

sub sql { return $node->safe_psql('postgres', $_[0]); }
sub refused { my ($sql) = @_; my ($rc, $out, $err) = $node->psql('postgres', $sql); return $err; }
sub message { my ($id) = @_; return sql("SELECT status_message FROM certmgr.certificate WHERE id = $id"); }

sub becomes
{
	my ($id, $state, $what) = @_;
	return ok(CertmgrTest::poll_until($node, "SELECT state FROM certmgr.certificate WHERE id = $id", $state), $what) || diag(sql("SELECT string_agg(event, E'\n') FROM certmgr.explain_order($id)"));
}

# Makes a subscriber with these further arguments and orders for it.
sub order
{
	my ($name, $ca, $sans, $more) = @_;
	sql("SELECT certmgr.create_subscriber('$name', '$ca', sans => '$sans', auto_renew => false, $more)");
	return sql("SELECT certmgr.issue('$name')");
}

sub ca
{
	my ($name, $directory, $anchors, $more) = @_;
	sql("SELECT certmgr.create_acme_ca('$name', '$directory', terms_of_service_agreed => true, trust_anchors => '" . CertmgrTest::slurp($anchors) . "'" . ($more // ", dns_provider => 'bind'") . ')');
	ok(CertmgrTest::poll_until($node, "SELECT state = 'active' FROM certmgr.ca WHERE name = '$name'"), "$name: the account is registered") or BAIL_OUT('no account');
	return;
}

my $config = CertmgrTest::rfc2136_config($dns);
sql("SELECT certmgr.create_dns_provider('bind', 'rfc2136', '$config', '$dns->{TSIG_SECRET}')");
ca('pebble', $pebble->{ACME_DIRECTORY}, $pebble->{ACME_TLS_CA}, ", dns_provider => 'bind', profile => 'default'");
my @scenarios = @{ CertmgrTest::control($run->{acmed}, '/table') };
my %directory = map { $_->{name} => $_->{directory} } @scenarios;
ca($_, $directory{$_}, $run->{acmed}{ACME_TLS_CA}) for qw(o21 o22 w01 w02 w03 w04 w05 w06 w07 w08 w09);

sql("SELECT certmgr.create_acme_ca('w10', '$directory{w10}', terms_of_service_agreed => true, trust_anchors => '" . CertmgrTest::slurp($run->{acmed}{ACME_TLS_CA}) . "', dns_provider => 'bind')");
my $w10 = "FROM certmgr.acme_account t JOIN certmgr.ca a ON a.id = t.ca_id WHERE a.name = 'w10'";
ok(CertmgrTest::poll_until($node, "SELECT t.state || ': ' || t.status_message $w10", "needs_human: the CA wants an external account binding; SELECT certmgr.alter_acme_ca('w10', eab_kid => ..., eab_hmac_key => ...) with what the CA gives you"), 'a CA wants an external account')
  || diag(sql("SELECT t.status_message $w10"));

# ---- a lifetime ----
my $ten = order('ten', 'pebble', '{ten.example.test}', "lifetime => '10 days'");
becomes($ten, 'issued', 'a lifetime that the CA takes');
is(sql("SELECT not_after - now() BETWEEN interval '9 days 23 h' AND interval '10 days 1 min' FROM certmgr.certificate WHERE id = $ten"), 't', 'is that of the certificate');
my $next = sql("SELECT certmgr.renew($ten)");
becomes($next, 'issued', 'it is renewed');
is(sql("SELECT not_after - now() BETWEEN interval '9 days 23 h' AND interval '10 days 1 min' FROM certmgr.certificate WHERE id = $next"), 't', 'with the same');
my $three = sql("SELECT certmgr.issue_from('pebble', sans => '{three.example.test}', lifetime => '3 days')");
becomes($three, 'issued', 'without a subscriber as well');
becomes($next = sql("SELECT certmgr.renew($three)"), 'issued', 'and renewed');
is(sql("SELECT not_after - now() BETWEEN interval '2 days 23 h' AND interval '3 days 1 min' FROM certmgr.certificate WHERE id = $next"), 't', 'with the same');
sql(q{SELECT certmgr.alter_subscriber('ten', lifetime => '0')});
becomes($next = sql("SELECT certmgr.issue('ten')"), 'issued', 'as long as the CA likes again');
is(sql("SELECT not_after - now() > interval '30 days' FROM certmgr.certificate WHERE id = $next"), 't', 'which is longer');

like(refused(q{SELECT certmgr.create_subscriber('no', 'w03', sans => '{no.example.test}', lifetime => '10 days')}), qr/CA "w03" takes no lifetime.*alter_acme_ca\('w03', quirks => '\{"validity": true\}'\)/s, 'a CA that is not known to take one');
like(refused(q{SELECT certmgr.issue_from('w03', sans => '{no.example.test}', lifetime => '10 days')}), qr/CA "w03" takes no lifetime/, 'in issue_from() as well');
sql(q{SELECT certmgr.alter_acme_ca('w03', quirks => '{"validity": true}')});
my $mistaken = order('mistaken', 'w03', '{mistaken.w03.example.test}', "lifetime => '10 days'");
becomes($mistaken, 'failed', 'a CA that refuses it all the same fails the order');
like(message($mistaken), qr/did not take the order with a lifetime \(notAfter\): the CA said: malformed: NotBefore and NotAfter are not supported; SELECT certmgr.alter_subscriber/, 'and it is said why');
is(sql("SELECT count(*) FROM certmgr.acme_order WHERE certificate_id = $mistaken"), '1', 'once');
my $later = sql("SELECT certmgr.issue_from('w03', sans => '{later.w03.example.test}', not_before => now() + interval '1 day')");
becomes($later, 'failed', 'so does one that refuses notBefore');
like(message($later), qr/did not take the order with these times \(notBefore\): the CA said: malformed.*; order it without not_before/, 'and it is said why');
sql(q{SELECT certmgr.alter_acme_ca('w03', quirks => '{"validity": false}')});
becomes($next = sql("SELECT certmgr.issue('mistaken')"), 'issued', 'known as one that takes none, it is not asked for one');

# ---- a beginning ----
$later = sql("SELECT certmgr.issue_from('pebble', sans => '{later.example.test}', lifetime => '5 days', not_before => now() + interval '3 days')");
becomes($later, 'issued', 'a beginning that the CA takes');
is(sql("SELECT not_before - now() BETWEEN interval '2 days 23 h' AND interval '3 days', not_after - not_before, status_message FROM certmgr.certificate WHERE id = $later"), 't|5 days|', 'is that of the certificate, and the lifetime is counted from it');
sql(q{SELECT certmgr.create_subscriber('starts', 'pebble', sans => '{starts.example.test}', auto_renew => false)});
becomes($later = sql("SELECT certmgr.issue('starts', not_before => now() + interval '1 day')"), 'issued', "a subscriber's");
is(sql("SELECT not_before - now() BETWEEN interval '23 h' AND interval '1 day' FROM certmgr.certificate WHERE id = $later"), 't', 'begins later');
becomes($next = sql("SELECT certmgr.renew($later)"), 'issued', 'it is renewed');
is(sql("SELECT not_before <= now() FROM certmgr.certificate WHERE id = $next"), 't', 'by one that begins now');
like(refused(q{SELECT certmgr.issue_from('w03', sans => '{no.example.test}', not_before => now() + interval '1 day')}), qr/CA "w03" takes no not_before.*alter_acme_ca\('w03', quirks => '\{"validity": true\}'\)/s, 'a CA that is not known to take one');

# ---- a CA that passes over what it is asked for ----
sql(q{SELECT certmgr.alter_acme_ca('w07', quirks => '{"validity": true}')});
becomes($ten = order('deaf', 'w07', '{deaf.w07.example.test}', "lifetime => '10 days'"), 'issued', 'a lifetime that the CA passes over');
is(message($ten), 'the CA did not heed the lifetime that was asked for, 10 days', 'is said of the certificate');
becomes($ten = sql("SELECT certmgr.issue_from('w07', sans => '{later.w07.example.test}', not_before => now() + interval '1 day')"), 'issued', 'a beginning that it passes over');
like(message($ten), qr/^the CA did not heed not_before, \d{4}-/, 'is, too');
becomes($ten = order('pleased', 'w07', '{pleased.w07.example.test}', "lifetime => '90 days'"), 'issued', 'a lifetime that is what it gives anyway');
is(message($ten), '', 'is nothing to speak of');

# ---- a profile ----
sub new_orders
{
	my ($id, $wanted, $what) = @_;
	my $count = "SELECT count(*) FROM certmgr.acme_exchange e JOIN certmgr.acme_order o ON o.id = e.order_id WHERE o.certificate_id = $id AND e.kind = 'newOrder'";
	return ok(CertmgrTest::poll_until($node, $count, $wanted), $what) || diag(sql($count));
}
my $offered = order('offered', 'w08', '{offered.w08.example.test}', "profile => 'short'");
becomes($offered, 'issued', 'a profile that the directory lists');
my $wrong = order('wrong', 'w08', '{wrong.w08.example.test}', "profile => 'long'");
becomes($wrong, 'failed', 'one that it does not list');
is(message($wrong), q{profile "long" is required and the CA's directory does not offer it: it lists classic, short; SELECT certmgr.alter_subscriber(NAME, profile => '')}, 'and it is said which there are');
new_orders($wrong, '0', 'the CA is not asked');
is(sql("SELECT count(*) FROM certmgr.acme_order WHERE certificate_id = $wrong"), '1', 'once');
sql(q{SELECT certmgr.alter_acme_ca('w08', profile_policy => 'preferred')});
becomes($wrong = sql("SELECT certmgr.issue('wrong')"), 'issued', 'if it is only preferred the order goes without');
is(message($wrong), q{profile "long" is preferred and the CA's directory does not offer it: it lists classic, short: ordered without a profile}, 'which is said');
new_orders($wrong, '1', 'by one request');
my $unlisted = order('unlisted', 'w07', '{unlisted.w07.example.test}', "profile => 'short'");
becomes($unlisted, 'failed', 'a CA whose directory lists none');
like(message($unlisted), qr/^profile "short" is required and the CA's directory does not offer it: it lists none;/, 'is said, too');
my $short = order('short', 'pebble', '{short.example.test}', "profile => 'shortlived'");
becomes($short, 'issued', "the subscriber's profile");
is(sql("SELECT not_after - not_before < '7 days' FROM certmgr.certificate WHERE id = $short"), 't', 'is that of the certificate');
my $none = order('none', 'pebble', '{none.example.test}', "profile => 'none'");
becomes($none, 'failed', 'one that there is not fails the order');
like(message($none), qr/^profile "none" is required and the CA's directory does not offer it: it lists .*shortlived/, "with Pebble's list");
sql(q{SELECT certmgr.alter_acme_ca('pebble', profile_policy => 'preferred')});
becomes($none = sql("SELECT certmgr.issue('none')"), 'issued', 'unless profiles are only preferred');
sql(q{SELECT certmgr.alter_acme_ca('pebble', profile => 'shortlived', profile_policy => 'required'); SELECT certmgr.alter_subscriber('none', profile => 'default')});
becomes($none = sql("SELECT certmgr.issue('none')"), 'issued', "the subscriber's and not the CA's");
is(sql("SELECT not_after - not_before > '7 days' FROM certmgr.certificate WHERE id = $none"), 't', 'as the lifetime shows');
sql(q{SELECT certmgr.alter_subscriber('none', profile => '')});
becomes($none = sql("SELECT certmgr.issue('none')"), 'issued', "without one, the CA's");
is(sql("SELECT not_after - not_before < '7 days' FROM certmgr.certificate WHERE id = $none"), 't', 'as the lifetime shows');
sql(q{SELECT certmgr.alter_acme_ca('pebble', profile => '')});

# ---- without the names that are refused ----
my $rest = order('rest', 'w01', '{a.w01.example.test,b.w01.example.test,c.w01.example.test,*.d.w01.example.test}', 'partial_issue => true');
becomes($rest, 'issued', 'the names that are not refused are issued');
is(sql("SELECT sans FROM certmgr.certificate WHERE id = $rest"), '{DNS:a.w01.example.test,DNS:c.w01.example.test}', 'and no others');
like(message($rest), qr/^issued without \*\.D\.w01\.example\.test \(rejectedIdentifier: policy forbids\), b\.w01\.example\.test \(rejectedIdentifier: policy forbids\)$/, 'the row says which, and why');
is(sql("SELECT metadata->'left_out'->>'b.w01.example.test' FROM certmgr.certificate WHERE id = $rest"), 'rejectedIdentifier: policy forbids', 'for programs as well');
is(sql("SELECT count(*) FROM certmgr.acme_order WHERE certificate_id = $rest"), '2', 'by a second order');
my $single = order('single', 'w02', '{a.w02.example.test,b.w02.example.test}', 'partial_issue => true');
becomes($single, 'failed', 'nothing is left when the CA goes on refusing');
is(sql("SELECT count(*) FROM certmgr.acme_order WHERE certificate_id = $single"), '2', 'after the name in the words of the CA was left out');
becomes(order('all', 'w02', '{a.w02.example.test,b.w02.example.test}', 'partial_issue => false'), 'failed', 'off: the whole order fails');
is(sql("SELECT c.sans FROM certmgr.certificate c JOIN certmgr.subscriber s ON s.id = c.subscriber_id WHERE s.name = 'all'"), '{DNS:a.w02.example.test,DNS:b.w02.example.test}', 'with all of its names');
# Refused later than by newOrder.
sub remains
{
	my ($ca, $sans, $left, $words, $what) = @_;
	my $id = order("rest of $ca", $ca, $sans, 'partial_issue => true');
	becomes($id, 'issued', "$what: the other names are issued");
	is(sql("SELECT sans FROM certmgr.certificate WHERE id = $id"), "{DNS:$left}", 'they alone');
	like(message($id), qr/^issued without $words$/, 'the row says why');
	is(sql("SELECT count(*) FROM certmgr.acme_order WHERE certificate_id = $id"), '2', 'by a second order');
	is(sql("SELECT c.sans = (SELECT array_agg('DNS:' || i ORDER BY i) FROM unnest(o.identifiers) i) FROM certmgr.certificate c JOIN certmgr.acme_order o ON o.certificate_id = c.id WHERE c.id = $id ORDER BY o.id DESC LIMIT 1"), 't', 'for them alone');
	return $id;
}
my $caa = qr/\(caa: records forbid\)/;
remains('w04', '{a.w04.example.test,b.w04.example.test,c.w04.example.test}', 'b.w04.example.test', qr/a\.w04\.example\.test $caa, c\.w04\.example\.test $caa/, 'subproblems of finalize');
remains('w05', '{a.w05.example.test,b.w05.example.test}', 'a.w05.example.test', qr/b\.w05\.example\.test $caa/, 'the error of an order');
remains('w06', '{a.w06.example.test,b.w06.example.test}', 'a.w06.example.test', qr/b\.w06\.example\.test \(unauthorized: Incorrect TXT record\)/, 'an invalid authorization');
my ($out, $err) = ('', '');
IPC::Run::run([ 'nsupdate', '-v', '-y', "hmac-sha256:certmgr-setup.:$dns->{TSIG_SECRET}" ],
	'<', \"server 127.0.0.1 $dns->{DNS_PORT}\nzone example.test\nupdate add caa.example.test. 1 CAA 0 issue \"other.example\"\nsend\n", '>', \$out, '2>', \$err) or die "nsupdate: $err";
sql(qq{UPDATE certmgr.dns_provider SET config = config || '{"resolvers": ["$dns->{DNS_SERVER}"]}' WHERE name = 'bind'; SELECT certmgr.set_caa_identities('pebble', '{pebble.letsencrypt.org}')});
my $seen = remains('pebble', '{b.caa.example.test,*.wild.caa.example.test,free.example.test}', 'free.example.test',
	qr/\*\.wild\.caa\.example\.test \(CAA records do not allow .*\), b\.caa\.example\.test \(CAA records do not allow .*\)/, 'CAA records');
new_orders($seen, '1', 'nothing was asked for the others');
sql(q{SELECT certmgr.set_caa_identities('pebble', '{}')});

my ($key, $csr) = CertmgrTest::make_csr('/CN=a.w02.example.test', 'DNS:a.w02.example.test,DNS:b.w02.example.test');
my $brought = sql("SELECT certmgr.issue('single', csr => '$csr')");
becomes($brought, 'failed', 'a request that somebody brought is not changed');

# ---- keys that the CA does not take ----
my $once = order('once', 'o21', '{o21.example.test}', "key_algorithm => 'EC-P256'");
my $spki = sql("SELECT encode(spki, 'hex') FROM certmgr.certificate_body WHERE certificate_id = $once");
becomes($once, 'issued', 'another key is made');
isnt(sql("SELECT encode(spki, 'hex') FROM certmgr.certificate_body WHERE certificate_id = $once"), $spki, 'it is another one');
like(CertmgrTest::openssl_text('x509', sql("SELECT certmgr.certificate_pem($once)") . "\n", '-pubkey'), qr/\Q@{[ public_key(sql("SELECT certmgr.private_key_pem($once)") . "\n") ]}\E/, 'and the one that is stored');
becomes(order('never', 'o22', '{o22.example.test}', "key_algorithm => 'EC-P384'"), 'failed', 'only once');
like(sql("SELECT status_message FROM certmgr.certificate c JOIN certmgr.subscriber s ON s.id = c.subscriber_id WHERE s.name = 'never'"), qr/does not take keys of this kind, EC-P384: the CA said: badPublicKey/, 'then it is said');
($key, $csr) = CertmgrTest::make_csr('/CN=o22.example.test', 'DNS:o22.example.test');
$brought = sql("SELECT certmgr.issue('never', csr => '$csr')");
becomes($brought, 'failed', 'a key of somebody else');
like(message($brought), qr/does not take the key of the request: .*badPublicKey.*issue\(NAME, csr => /, 'is not replaced');

sub public_key
{
	my ($pem) = @_;
	my ($out, $err) = ('', '');
	IPC::Run::run([ 'openssl', 'pkey', '-pubout' ], '<', \$pem, '>', \$out, '2>', \$err) or die $err;
	return $out;
}

# ---- other names, the same key ----
becomes($once = order('moves', 'pebble', '{old.moves.example.test,moves.example.test}', 'key_algorithm => NULL'), 'issued', 'a key made here');
sql(q{SELECT certmgr.alter_subscriber('moves', sans => '{new.moves.example.test,moves.example.test}')});
becomes($next = sql("SELECT certmgr.renew($once, key => 'reuse')"), 'issued', 'is certified for other names');
is(sql("SELECT sans FROM certmgr.certificate WHERE id = $next"), '{DNS:new.moves.example.test,DNS:moves.example.test}', 'those that are wanted now');
is(CertmgrTest::openssl_text('x509', sql("SELECT certmgr.certificate_pem($next)") . "\n", '-pubkey'), CertmgrTest::openssl_text('x509', sql("SELECT certmgr.certificate_pem($once)") . "\n", '-pubkey'), 'as it is');
is(sql("SELECT certmgr.private_key_pem($next) = certmgr.private_key_pem($once)"), 't', 'and it is there');
($key, $csr) = CertmgrTest::make_csr('/CN=new.moves.example.test', 'DNS:new.moves.example.test,DNS:moves.example.test');
becomes($brought = sql("SELECT certmgr.issue('moves', csr => '$csr')"), 'issued', 'a request that somebody brought');
becomes(sql("SELECT certmgr.renew($brought, key => 'reuse')"), 'issued', 'is used again');
sql(q{SELECT certmgr.alter_subscriber('moves', sans => '{other.moves.example.test,moves.example.test}', auto_renew => true)});
like(refused("SELECT certmgr.renew($brought, key => 'reuse')"), qr/the request of certificate $brought cannot be used again.*"DNS:new\.moves\.example\.test", which is not among the names of subscriber "moves" any more.*renew\($brought, csr => '\.\.\.'\)/s, 'unless it asks for what is not wanted any more');
sql("UPDATE certmgr.certificate SET renew_at = now() WHERE id = $brought; SELECT certmgr_private.wake()");
ok(CertmgrTest::poll_until($node, "SELECT status_message ~ '^renewal failed: the request of certificate $brought cannot be used again' AND renew_at > now() FROM certmgr.certificate WHERE id = $brought"), 'by itself as well, and is tried again') || diag(message($brought));
sql(q{SELECT certmgr.alter_subscriber('moves', auto_renew => false)});

# ---- CAs that step in, and cannot ----
ca('mute', $directory{w03}, $run->{acmed}{ACME_TLS_CA}, '');
ca('narrow', $directory{w03}, $run->{acmed}{ACME_TLS_CA}, qq{, dns_provider => 'bind', quirks => '{"wildcards": false}'});
sql(q{SELECT certmgr.create_subscriber('step', 'w02', auto_renew => false, sans => '{*.step.example.test,step.example.test}'); SELECT certmgr.set_fallback('step', '{narrow,mute,pebble}', '1 day')});
my $first = sql("SELECT certmgr.issue('step')");
becomes($first, 'failed', "the subscriber's own CA fails");
ok(CertmgrTest::poll_until($node, qq{SELECT string_agg(a.name || ':' || COALESCE(c.state::text, 'passed over'), ' ' ORDER BY f.created_at) FROM certmgr.fallback_certificate f
	JOIN certmgr.ca a ON a.id = f.ca_id LEFT JOIN certmgr.certificate c ON c.id = f.certificate_id WHERE f.first_id = $first}, 'narrow:passed over mute:passed over pebble:issued'), 'two CAs that cannot are passed over, the third one delivers')
  || diag(message($first));
like(message($first), qr/; fallback CA "narrow" was passed over: CA "narrow" does not certify "\*\.step\.example\.test".*fallback CA "mute" was passed over: no DNS provider writes "_acme-challenge\.step\.example\.test"/, 'and it is said why');
like(sql("SELECT string_agg(event, '|' ORDER BY at) FROM certmgr.explain_order($first)"), qr/fallback CA "narrow" was passed over: .*was ordered from fallback CA "pebble"/s, 'by explain_order() as well');
is(sql("SELECT count(*) FROM certmgr_private.job WHERE kind = 'acme_fallback'"), '0', 'nothing is tried for ever');

# An error that says nothing of the CA: it is asked again. Raised by the template's function, as a deadlock would be.
sql(q{CREATE SEQUENCE public.asked; CREATE FUNCTION public.stumble(request jsonb) RETURNS text LANGUAGE plpgsql AS $$
	BEGIN
		IF request->>'ca' = 'narrow' AND nextval('public.asked') = 1 THEN RAISE SQLSTATE '40P01' USING MESSAGE = 'deadlock detected'; END IF;
		RETURN NULL;
	END $$;
	SELECT certmgr.create_template('stumbling', sans => '{"dns": true}', subject => '{"*": true}', check_function => 'public.stumble(jsonb)')});
sql(q{SELECT certmgr.create_subscriber('stumbles', 'w02', auto_renew => false, sans => '{stumbles.w03.example.test}', template => 'stumbling'); SELECT certmgr.set_fallback('stumbles', '{narrow}', '1 day')});
$first = sql("SELECT certmgr.issue('stumbles')");
becomes($first, 'failed', 'the first CA fails');
ok(CertmgrTest::poll_until($node, "SELECT last_error || ':' || attempt FROM certmgr_private.job WHERE kind = 'acme_fallback' AND target_id = $first", 'deadlock detected:1'), 'a deadlock puts the next CA off')
  || diag(sql("SELECT string_agg(j::text, E'\n') FROM certmgr_private.job j WHERE target_id = $first") . message($first));
unlike(message($first), qr/passed over/, 'and does not pass it over');
sql("UPDATE certmgr_private.job SET due_at = now() WHERE kind = 'acme_fallback' AND target_id = $first; SELECT certmgr_private.wake()");
ok(CertmgrTest::poll_until($node, qq{SELECT a.name || ':' || c.state FROM certmgr.fallback_certificate f JOIN certmgr.ca a ON a.id = f.ca_id JOIN certmgr.certificate c ON c.id = f.certificate_id WHERE f.first_id = $first}, 'narrow:issued'), 'it delivers at the next attempt');

# ---- a profile that the CA has just got ----
sub directories { my ($ca) = @_; return grep { $_->{kind} eq 'directory' } @{ CertmgrTest::control($run->{acmed}, "/ledger/$ca") }; }
my @before = directories('w09');
CertmgrTest::control($run->{acmed}, '/set', { w09 => { profiles => { classic => 'https://ca.example/classic', short => 'https://ca.example/short' } } });
# What was read within the last 15 s would count; the tests above have taken longer.
ok(CertmgrTest::poll_until($node, qq{SELECT clock_timestamp() > to_timestamp($before[-1]{at}) + interval '16 s'}), 'the directory of a CA was read a while ago');
my $new = order('new', 'w09', '{new.w09.example.test}', "profile => 'short'");
becomes($new, 'issued', 'a profile that was added since');
is(directories('w09') - @before, 1, 'is found by reading the directory once more');
new_orders($new, '1', 'and asked for once');
$new = order('newest', 'w09', '{newest.w09.example.test}', "profile => 'shorter'");
becomes($new, 'failed', 'another one');
like(message($new), qr/does not offer it: it lists (classic, short|short, classic);/, 'is not there');
is(directories('w09') - @before, 1, 'by what was read just now');

# So are other things that the directory says: here that there must be an external account.
@before = directories('w10');
CertmgrTest::control($run->{acmed}, '/set', { w10 => { eab => undef } });
ok(CertmgrTest::poll_until($node, qq{SELECT clock_timestamp() > to_timestamp($before[-1]{at}) + interval '16 s'}), 'another one as well');
sql("UPDATE certmgr_private.job j SET due_at = now() FROM (SELECT t.id $w10) t WHERE j.kind = 'acme_account' AND j.target_id = t.id; SELECT certmgr_private.wake()");
ok(CertmgrTest::poll_until($node, q{SELECT state = 'active' FROM certmgr.ca WHERE name = 'w10'}), 'what the CA wants no more is not asked for') || diag(sql("SELECT t.status_message $w10"));
is(directories('w10') - @before, 1, 'after its directory was read once more');

# ---- a subscriber that goes while something is on order ----
sql(qq{SELECT certmgr.create_dns_provider('by hand', 'manual', '{"zone": "example.test", "nameservers": ["$dns->{DNS_SERVER}"]}')});
ca('slow', $pebble->{ACME_DIRECTORY}, $pebble->{ACME_TLS_CA}, q{, dns_provider => 'by hand'});
my $going = order('going', 'slow', '{going.example.test}', 'profile => NULL');
ok(CertmgrTest::poll_until($node, "SELECT step FROM certmgr.acme_order WHERE certificate_id = $going", 'propagate'), 'an order waits for a record') || diag(sql("SELECT string_agg(event, E'\n') FROM certmgr.explain_order($going)"));
sql(q{SELECT certmgr.drop_subscriber('going')});
is(sql("SELECT state FROM certmgr.certificate WHERE id = $going"), 'cancelled', 'dropping its subscriber cancels it');
ok(CertmgrTest::poll_until($node, "SELECT count(*) FROM certmgr_private.job j JOIN certmgr.acme_order o ON o.id = j.target_id AND j.kind = 'acme_order' WHERE o.certificate_id = $going", '0'), 'its order is over');
is(sql("SELECT count(*) FROM certmgr.audit_event WHERE action = 'cancel' AND object_id = $going"), '1', 'and that was written down');

# Its records are in BIND already: this view of the zone never shows them.
my ($behind) = grep { $_->{name} eq 'd11' } @scenarios;
sql("SELECT certmgr.create_dns_provider('behind', 'rfc2136', '$behind->{provider}', '$dns->{TSIG_SECRET}')");
ca('d11', $directory{d11}, $run->{acmed}{ACME_TLS_CA}, q{, dns_provider => 'behind'});
$going = order('gone', 'd11', '{gone.d11.example.test,*.gone.d11.example.test}', 'profile => NULL');
ok(CertmgrTest::poll_until($node, "SELECT step FROM certmgr.acme_order WHERE certificate_id = $going", 'propagate'), 'an order waits for its records to be seen') || diag(sql("SELECT string_agg(event, E'\n') FROM certmgr.explain_order($going)"));
is(scalar(() = CertmgrTest::txt_records($dns, 'example.test') =~ /^_acme-challenge\.gone\.d11\.example\.test\. /gm), 2, 'they are in BIND');
sql(q{SELECT certmgr.drop_subscriber('gone')});
is(sql("SELECT state FROM certmgr.certificate WHERE id = $going"), 'cancelled', 'dropping its subscriber cancels it');
ok(CertmgrTest::poll_until($node, q{SELECT count(*) FROM certmgr.dns_record r JOIN certmgr.dns_provider p ON p.id = r.dns_provider_id WHERE p.name = 'behind' AND r.state <> 'removed'}, '0'), 'its records are removed');
unlike(CertmgrTest::txt_records($dns, 'example.test'), qr/gone\.d11/, 'from BIND');

# ---- a chain to another root ----
sql("SELECT certmgr.alter_acme_ca('pebble', chain_anchors => '" . CertmgrTest::slurp($run->{acmed}{ACME_TLS_CA}) . "')");
my $astray = order('astray', 'pebble', '{astray.example.test}', 'profile => NULL');
becomes($astray, 'failed', 'is not accepted');
my ($kept) = message($astray) =~ /which no chain_anchors of the CA lead to.* It is in the inventory as certificate (\d+)/;
ok($kept, 'and kept') || diag(message($astray));
is(sql("SELECT c.state, c.sans, a.name, c.serial IS NOT NULL, b.der IS NOT NULL, b.sealed_key IS NULL, c.renew_at IS NULL FROM certmgr.certificate c JOIN certmgr.certificate_body b ON b.certificate_id = c.id JOIN certmgr.ca a ON a.id = c.ca_id WHERE c.id = " . ($kept // 0)),
	'issued|{DNS:astray.example.test}|pebble|t|t|t|t', 'in the inventory, for nobody');
like(message($kept // 0), qr/^refused for certificate $astray: certificate chain is not trusted/, 'with the reason');
sql(q{SELECT certmgr.alter_acme_ca('pebble', chain_anchors => '')});

ok(CertmgrTest::poll_until($node, q{SELECT count(*) FROM certmgr.dns_record r JOIN certmgr.dns_provider p ON p.id = r.dns_provider_id WHERE p.name = 'bind' AND r.state <> 'removed'}, '0'), 'the ledger is clean');
is(CertmgrTest::txt_records($dns, 'example.test'), '', 'and so is the zone');
$node->stop;
done_testing();
