# Orders that went astray, one way or another: CAs that step in for one that failed, more often than they should or not at all; accounts and
# their keys that change while an order is under way; orders that are old when something goes wrong for the first time; a CA that does not
# know whether an order is pending. By the double acmed (as strict as Boulder), DNS-01 by BIND.
use strict;
use warnings FATAL => 'all';

use AcmedTest;
use CertmgrTest;
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
for my $name (qw(x01 x02 x03 x04 x05 x06 x07))
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

$node->stop;
done_testing();
