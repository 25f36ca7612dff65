# Orders that went astray, one way or another: CAs that step in for one that failed, more often than they should or not at all; accounts and
# their keys that change while an order is under way; orders that are old when something goes wrong for the first time; a CA that does not
# know whether an order is pending. By the double acmed (as strict as Boulder), DNS-01 by BIND.
use strict;
use warnings FATAL => 'all';

use AcmedTest;
use CertmgrTest;
use JSON::PP;
use PostgreSQL::Test::Utils;
use Test::More;

my $run = AcmedTest::start('astray');
my ($node, $dns) = ($run->{node}, $run->{dns});

sub sql { return $node->safe_psql('postgres', $_[0]); }
sub refused { my ($sql) = @_; my ($rc, $out, $err) = $node->psql('postgres', $sql); return $err; }
sub until_sql { my ($query, $wanted, $what) = @_; return ok(CertmgrTest::poll_until($node, $query, $wanted), $what) || diag(sql($query)); }

sub becomes
{
	my ($id, $state, $what) = @_;
	return ok(CertmgrTest::poll_until($node, "SELECT state FROM certmgr.certificate WHERE id = $id", $state), $what) || diag(sql("SELECT string_agg(event, E'\n') FROM certmgr.explain_order($id)"));
}

my $config = CertmgrTest::rfc2136_config($dns);
sql("SELECT certmgr.create_dns_provider('bind', 'rfc2136', '$config', '$dns->{TSIG_SECRET}')");
my %directory = map { $_->{name} => $_->{directory} } @{ CertmgrTest::control($run->{acmed}, '/table') };
my $anchors = CertmgrTest::slurp($run->{acmed}{ACME_TLS_CA});
for my $name (qw(x01 x02 x03 x04 x05 x06 x07 x08))
{
	sql("SELECT certmgr.create_acme_ca('$name', '$directory{$name}', terms_of_service_agreed => true, trust_anchors => '$anchors', dns_provider => 'bind')");
	until_sql("SELECT state FROM certmgr.ca WHERE name = '$name'", 'active', "$name: the account is registered");
}

# Makes a subscriber and orders for it.
sub order
{
	my ($name, $ca, $more) = @_;
	sql("SELECT certmgr.create_subscriber('$name', '$ca', sans => '{$name.$ca.example.test}'" . ($more // ', auto_renew => false') . ')');
	return sql("SELECT certmgr.issue('$name')");
}
sub due { my ($kind, $target) = @_; sql("UPDATE certmgr_private.job SET due_at = now() WHERE kind = '$kind' AND target_id IN ($target); SELECT certmgr_private.wake()"); return; }
my $families = q{SELECT string_agg(a.name || ':' || c.state, ' ' ORDER BY f.created_at) FROM certmgr.fallback_certificate f JOIN certmgr.ca a ON a.id = f.ca_id JOIN certmgr.certificate c ON c.id = f.certificate_id WHERE f.first_id = };

# ---- CAs that step in ----

# A renewal that fails at the subscriber's own CA, and is had from another one.
my $old = order('moved', 'x01', '');
becomes($old, 'issued', 'a certificate');
sql(qq{SELECT certmgr.set_fallback('moved', '{x03}'); UPDATE certmgr.certificate SET renew_at = now() WHERE id = $old; SELECT certmgr_private.wake()});
until_sql("SELECT state FROM certmgr.certificate WHERE renewed_from = $old", 'failed', 'its renewal fails');
my $first = sql("SELECT id FROM certmgr.certificate WHERE renewed_from = $old");
until_sql($families . $first, 'x03:issued', 'and another CA steps in');
is(sql("SELECT renew_at IS NULL, renew_attempts, COALESCE(status_message, '-') FROM certmgr.certificate WHERE id = $old"), 't|0|-', 'so the old one is not renewed once more');

# The same, while the other one is still at it: the time of the next attempt comes.
$old = order('moving', 'x07', '');
becomes($old, 'issued', 'another certificate');
sql(qq{SELECT certmgr.set_fallback('moving', '{x04}'); UPDATE certmgr.certificate SET renew_at = now() WHERE id = $old; SELECT certmgr_private.wake()});
until_sql("SELECT state FROM certmgr.certificate WHERE renewed_from = $old", 'failed', 'its renewal fails, too');
$first = sql("SELECT id FROM certmgr.certificate WHERE renewed_from = $old");
until_sql($families . $first, 'x04:pending', 'and the other one takes its time');
my $attempts = sql("UPDATE certmgr.certificate SET renew_at = now() WHERE id = $old RETURNING renew_attempts; SELECT certmgr_private.wake()");
until_sql("SELECT renew_attempts > $attempts OR (SELECT count(*) > 1 FROM certmgr.certificate n WHERE n.renewed_from = $old) FROM certmgr.certificate WHERE id = $old", 't', 'the old one is due meanwhile');
is(sql("SELECT count(*) FROM certmgr.certificate WHERE renewed_from = $old"), '1', 'and not ordered a second time');
like(sql("SELECT status_message FROM certmgr.certificate WHERE id = $old"), qr/^renewal failed: certificate \d+ is on order from a fallback CA; next attempt at /, 'which is said');
sql("SELECT certmgr.cancel(certificate_id) FROM certmgr.fallback_certificate WHERE first_id = $first; UPDATE certmgr.certificate SET renew_at = now() WHERE id = $old; SELECT certmgr_private.wake()");
until_sql("SELECT count(*) FROM certmgr.certificate WHERE renewed_from = $old", '2', 'when nothing is on order any more it is');

# One CA twice; an order of CAs that changes while they are asked.
sql(q{SELECT certmgr.create_subscriber('twice', 'x01', sans => '{twice.x01.example.test}', auto_renew => false)});
like(refused(q{SELECT certmgr.set_fallback('twice', '{x03,x04,x03}')}), qr/certificate authority "x03" is named twice/, 'a CA cannot step in twice');
sql(q{SELECT certmgr.set_fallback('twice', '{x04,x03}')});
my $twice = sql(q{SELECT certmgr.issue('twice')});
until_sql($families . $twice, 'x04:pending', 'the first one of two is asked');
sql(q{SELECT certmgr.set_fallback('twice', '{x03,x04}')});
due('acme_fallback', $twice);
until_sql($families . $twice, 'x04:pending x03:issued', 'their order changes: the other one is, not the same one again');
sql("SELECT certmgr.cancel(certificate_id) FROM certmgr.fallback_certificate f JOIN certmgr.certificate c ON c.id = f.certificate_id WHERE f.first_id = $twice AND c.state = 'pending'");

# Nobody orders for a subscriber that was disabled meanwhile.
my $idle = order('idle', 'x04', ", auto_renew => false); SELECT certmgr.set_fallback('idle', '{x03}'");
sql(q{SELECT certmgr.alter_subscriber('idle', state => 'disabled')});
due('acme_fallback', $idle);
until_sql("SELECT count(*) FROM certmgr_private.job WHERE kind = 'acme_fallback' AND target_id = $idle", '0', 'a subscriber is disabled while its certificate is on order: the job of others is over');
is(sql("SELECT count(*) FROM certmgr.fallback_certificate WHERE first_id = $idle"), '0', 'and they are not asked');

# ---- a breaker that another process opened, or that was closed in a transaction that failed ----
sql("INSERT INTO certmgr.acme_breaker (ca_id, opens, opened_at, open_until, reason) SELECT id, 1, now() - interval '1 minute', now(), 'test' FROM certmgr.ca WHERE name = 'x02'");
becomes(order('closer', 'x02'), 'issued', 'a CA answers when its pause is over');
is(sql("SELECT breaker FROM certmgr.acme_ca_status WHERE ca = 'x02'"), 'closed', 'and is asked as before');

# ---- a renewal that is cancelled ----
my $kept = order('kept', 'x02', '');
becomes($kept, 'issued', 'a certificate that is to be renewed');
my $planned = sql("SELECT renew_at FROM certmgr.certificate WHERE id = $kept");
sql("BEGIN; SELECT certmgr.cancel(certmgr.renew($kept)); COMMIT");
is(sql("SELECT abs(extract(epoch FROM renew_at - '$planned')) < 0.03 * extract(epoch FROM not_after - not_before), status_message IS NULL FROM certmgr.certificate WHERE id = $kept"), 't|t', 'is, when its time comes, though its renewal was cancelled');
sql("UPDATE certmgr.certificate SET not_before = now() - interval '80 days', not_after = now() + interval '10 days' WHERE id = $kept; SELECT certmgr.cancel(certmgr.renew($kept))");
is(sql("SELECT renew_at - now() BETWEEN interval '23 hours' AND interval '24 hours' FROM certmgr.certificate WHERE id = $kept"), 't', 'and a day later when that was before');
sql("SELECT certmgr.alter_subscriber('kept', auto_renew => false); SELECT certmgr.cancel(certmgr.renew($kept))");
is(sql("SELECT renew_at IS NULL FROM certmgr.certificate WHERE id = $kept"), 't', 'but not when nobody wants that');

# ---- a CA that does not know whether an order is pending or processing ----
my $waver = order('waver', 'x05');
until_sql("SELECT o.polls >= 6 FROM certmgr.acme_order o WHERE o.certificate_id = $waver", 't', 'is asked less and less often');
sql("SELECT certmgr.cancel($waver)");

# ---- a day of failures is over when the CA has failed for a day, not when the order is a day old ----
my $aged = sql("SELECT o.id FROM certmgr.acme_order o JOIN certmgr.certificate c ON c.id = o.certificate_id WHERE c.id = $idle");
# It was told of the last order when it may come again.
sub try_now { my ($order) = @_; sql("DELETE FROM certmgr.acme_limit_state"); due('acme_order', $order); return; }
try_now($aged);
until_sql("SELECT attempt > 0 FROM certmgr_private.job WHERE kind = 'acme_order' AND target_id = $aged", 't', 'a CA that is overloaded');
sql("UPDATE certmgr.acme_order SET created_at = created_at - interval '3 days' WHERE id = $aged");
my $tried = sql("SELECT attempt FROM certmgr_private.job WHERE kind = 'acme_order' AND target_id = $aged");
try_now($aged);
until_sql("SELECT attempt > $tried FROM certmgr_private.job WHERE kind = 'acme_order' AND target_id = $aged", 't', 'is asked again');
is(sql("SELECT state FROM certmgr.certificate WHERE id = $idle"), 'pending', 'for an order that had waited for days before');
# What goes wrong here is no failure of the CA's.
sql("CREATE FUNCTION public.hinder() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE EXCEPTION ''the disk is full''; END'; CREATE TRIGGER hinder BEFORE INSERT ON certmgr.acme_limit_state FOR EACH ROW EXECUTE FUNCTION public.hinder()");
try_now($aged);
until_sql("SELECT last_error, failing_since IS NULL FROM certmgr_private.job WHERE kind = 'acme_order' AND target_id = $aged", 'the disk is full|t', 'trouble of our own');
sql("DROP TRIGGER hinder ON certmgr.acme_limit_state");
$tried = sql("SELECT attempt FROM certmgr_private.job WHERE kind = 'acme_order' AND target_id = $aged");
try_now($aged);
until_sql("SELECT attempt > $tried AND failing_since > now() - interval '1 minute' FROM certmgr_private.job WHERE kind = 'acme_order' AND target_id = $aged", 't', 'is not what it is given up for');
sql("UPDATE certmgr_private.job SET failing_since = failing_since - interval '25 hours' WHERE kind = 'acme_order' AND target_id = $aged");
try_now($aged);
becomes($idle, 'failed', 'and it is given up when it has failed for a day');

# ---- an account in the place of another one, while the CA has not answered newOrder yet ----
$run->hold(['newOrder', 'after']);
my $there = order('there', 'x06');
ok(CertmgrTest::wait_until(sub { grep { $_->[0] eq 'x06' } @{ CertmgrTest::control($run->{acmed}, '/held')->{points} } }, 30, 'newOrder is held'), 'an order is on its way');
sql(q{SELECT certmgr.create_acme_account('x06')});
CertmgrTest::control($run->{acmed}, '/kill', { on => JSON::PP::false });
CertmgrTest::control($run->{acmed}, '/release', { deliver => JSON::PP::true });
becomes($there, 'issued', 'it goes on at the other account');
is(sql("SELECT count(*) FROM certmgr.acme_exchange e JOIN certmgr.acme_order o ON o.id = e.order_id WHERE o.certificate_id = $there AND e.problem IS NOT NULL"), '0', 'from its start');

# ---- another key of the account, while challenges are to be answered ----
my $text = order('text', 'x08');
until_sql("SELECT j.attempt > 0 FROM certmgr_private.job j JOIN certmgr.acme_order o ON j.kind = 'acme_order' AND j.target_id = o.id WHERE o.certificate_id = $text AND o.step = 'challenge'", 't', 'a TXT record is made');
sql(q{SELECT certmgr.set_challenge_type('x08', 'http-01')});
my $page = order('page', 'x08');
until_sql("SELECT j.attempt > 0 FROM certmgr_private.job j JOIN certmgr.acme_order o ON j.kind = 'acme_order' AND j.target_id = o.id WHERE o.certificate_id = $page AND o.step = 'challenge'", 't', 'an answer by HTTP is made');
my $answer = sql("SELECT h.key_authorization FROM certmgr.acme_challenge h JOIN certmgr.acme_order o ON o.id = h.order_id WHERE o.certificate_id = $page");
# Route 53 has the record, and not yet at all its servers: nobody else waits there.
sql("UPDATE certmgr.acme_order SET step = 'confirm' WHERE certificate_id = $text");
sql(q{SELECT certmgr.rollover_acme_account_key('x08')});
until_sql(q{SELECT rollover FROM certmgr.acme_account t JOIN certmgr.ca a ON a.id = t.ca_id WHERE a.name = 'x08' AND t.active}, 'done', 'the account has another key');
until_sql("SELECT count(*) FROM certmgr.dns_record r JOIN certmgr.acme_order o ON o.id = r.order_id WHERE o.certificate_id = $text", '2', 'so the TXT record is made once more');
until_sql("SELECT count(*) FROM certmgr.acme_challenge h JOIN certmgr.acme_order o ON o.id = h.order_id WHERE o.certificate_id = $page AND h.key_authorization <> '$answer'", '1', 'and the answer by HTTP');

# ---- a DNS provider that is replaced, comes back, and does not know its zone any more ----
my $dead = $config =~ s/"server":\s*"[^"]*"/"server": "127.0.0.1:1", "zone": "example.test"/r;
sql("SELECT certmgr.create_dns_provider('dead', 'rfc2136', '$dead', '$dns->{TSIG_SECRET}'); SELECT certmgr.create_dns_provider('dead too', 'rfc2136', '$dead', '$dns->{TSIG_SECRET}')");
sql(q{SELECT certmgr.set_dns_zone('x02.example.test', 'dead')});
my $homeless = order('homeless', 'x02');
my $records = "SELECT string_agg(p.name || ' ' || r.state || ' ' || r.sent || ' ' || (r.zone IS NOT NULL), ', ' ORDER BY p.name) FROM certmgr.dns_record r JOIN certmgr.dns_provider p ON p.id = r.dns_provider_id JOIN certmgr.acme_order o ON o.id = r.order_id WHERE o.certificate_id = $homeless";
until_sql($records, 'dead planned true true', 'a record may be at a provider');
sql(q{SELECT certmgr.set_dns_zone('x02.example.test', 'dead too')});
until_sql($records, 'dead removing true true, dead too planned true true', 'another one has its zone now');
sql(qq{BEGIN; SELECT certmgr.set_dns_zone('x02.example.test', 'dead'); SELECT certmgr.alter_dns_provider('dead', '{"server": "127.0.0.1:1", "key_name": "x", "resolvers": ["127.0.0.1:1"]}', '$dns->{TSIG_SECRET}'); COMMIT});
until_sql($records, 'dead planned true true, dead too removing true true', 'it comes back');
sql("SELECT certmgr.cancel($homeless)");
until_sql("SELECT count(*) FROM certmgr_private.job j JOIN certmgr.acme_order o ON j.kind = 'acme_cleanup' AND j.target_id = o.id WHERE o.certificate_id = $homeless AND j.attempt > 0", '1', 'the record is to be removed, wherever it is');

unlike(CertmgrTest::slurp($node->logfile), qr/terminated by signal|PANIC|TRAP:/, 'no process died');
$node->stop;
done_testing();
