# ACME servers that others wrote and people run inside their walls, by DNS-01 through BIND: step-ca, Caddy's acme_server, OpenBao's PKI. For
# each: apex and wildcard, a renewal, five orders at once, revocation there, another account key or why not, chains under OpenSSL; and for
# step-ca a name server that lags behind, which it forgives only when it is asked again. At the end Pebble at its most difficult.
use strict;
use warnings FATAL => 'all';

use CertmgrTest;
use IPC::Run ();
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

# Preset, script, variable with its program.
my @servers = (
	{ ca => 'step', preset => 'step-ca', script => 'step-ca.sh', program => 'CERTMGR_STEP_CA' },
	{ ca => 'caddy', preset => 'caddy', script => 'caddy.sh', program => 'CERTMGR_CADDY' },
	{ ca => 'bao', preset => 'vault', script => 'openbao.sh', program => 'CERTMGR_OPENBAO' });

my ($node, $dns);

sub sql { return $node->safe_psql('postgres', $_[0]); }

# Why a server is not there, or undef.
sub missing
{
	my ($server) = @_;
	return if $ENV{ $server->{program} } && -x $ENV{ $server->{program} };
	(my $log = "$ENV{CERTMGR_TEST_DIR}/$server->{script}") =~ s/\.sh$/.log/;
	my ($why) = -s $log ? reverse split /\n/, CertmgrTest::slurp($log) : 'test/run.sh did not make it';
	return $why;
}

# One of the account's columns.
sub account { my ($ca, $what) = @_; return "SELECT a.$what FROM certmgr.acme_account a JOIN certmgr.ca c ON c.id = a.ca_id WHERE a.active AND c.name = '$ca'"; }

# A certificate verifies under OpenSSL against the server's own root, and is for these names.
sub verifies
{
	my ($peer, $id, $what, @names) = @_;
	ok(CertmgrTest::openssl_verify(CertmgrTest::slurp($peer->{ACME_ROOT}), sql("SELECT certmgr.chain_pem($id)"), sql("SELECT certmgr.certificate_pem($id)") . "\n", '-purpose', 'sslserver'),
		"$what: the chain verifies against the server's root");
	my $names = CertmgrTest::openssl_text('x509', sql("SELECT certmgr.certificate_pem($id)") . "\n", '-ext', 'subjectAltName');
	is(join(' ', sort $names =~ /DNS:([^\s,]+)/g), join(' ', sort @names), "$what: its names");
	return;
}

sub issued_all { my ($prefix) = @_; return "SELECT count(*) FROM certmgr.certificate c JOIN certmgr.subscriber s ON s.id = c.subscriber_id WHERE s.name LIKE '$prefix%' AND c.state = 'issued'"; }

sub registered
{
	my ($server, $peer) = @_;
	my $ca = $server->{ca};
	my $anchors = CertmgrTest::slurp($peer->{ACME_TLS_CA});
	my $eab = $peer->{ACME_EAB_KID} ? ", eab_kid => '$peer->{ACME_EAB_KID}', eab_hmac_key => '$peer->{ACME_EAB_KEY}'" : '';
	sql("SELECT certmgr.create_acme_ca('$ca', '$peer->{ACME_DIRECTORY}', '{admin\@example.test}', 'bind', true, preset => '$server->{preset}', trust_anchors => '$anchors'$eab)");
	ok(CertmgrTest::poll_until($node, account($ca, 'state'), 'valid'), "$ca: the account is registered") || return diag(sql(account($ca, 'status_message')));
	is(sql("SELECT certmgr_private.acme_preset_of(config - 'preset') FROM certmgr.ca WHERE name = '$ca'"), $server->{preset}, "$ca: without a preset, the directory's URL would tell which it is");
	return 1;
}

sub lifecycle
{
	my ($server, $peer) = @_;
	my $ca = $server->{ca};
	my @names = ("$ca.example.test", "*.$ca.example.test");
	my $id = CertmgrTest::order($node, $ca, @names);
	CertmgrTest::issues($node, $id, "$ca: apex and wildcard") or return;
	verifies($peer, $id, "$ca: apex and wildcard", @names);
	note("$ca: " . sql("SELECT string_agg(kind || '=' || n, ' ' ORDER BY kind) FROM (SELECT kind, count(*) AS n FROM certmgr.acme_exchange e JOIN certmgr.acme_order o ON o.id = e.order_id WHERE o.certificate_id = $id GROUP BY 1) x"));
	my $next = sql("SELECT certmgr.renew($id)");
	CertmgrTest::issues($node, $next, "$ca: renewed") or return;
	verifies($peer, $next, "$ca: renewed", @names);
	sql("SELECT certmgr.create_subscriber('$ca many ' || i, '$ca', auto_renew => false, sans => ARRAY['m' || i || '.$ca.example.test']) FROM generate_series(1, 5) i;
		SELECT certmgr.issue('$ca many ' || i) FROM generate_series(1, 5) i");
	ok(CertmgrTest::poll_until($node, issued_all("$ca many"), '5', 90), "$ca: five orders at once")
	  or diag(sql("SELECT subscriber, step, ca_status, message FROM certmgr.order_status WHERE finished_at IS NULL"));
	is(sql("SELECT count(*) FROM certmgr.acme_exchange e JOIN certmgr.acme_account a ON a.id = e.account_id JOIN certmgr.ca c ON c.id = a.ca_id WHERE c.name = '$ca' AND e.status >= 500"), '0', "$ca: no request ended in an error of the server");
	sql("SELECT certmgr.revoke($next, 'superseded')");
	# OpenBao takes no reason: it is left out then.
	ok(CertmgrTest::poll_until($node, "SELECT string_agg(COALESCE(problem, status::text), ' ' ORDER BY id) ~ '^(badRevocationReason )?200\$' FROM certmgr.acme_exchange
		WHERE kind = 'revokeCert' AND problem IS DISTINCT FROM 'badNonce' AND certificate_id = $next"), "$ca: revoked there");
	return;
}

# A server that does not change account keys: not asked as long as that is known; asked, it refuses, and the old key goes on.
sub rollover
{
	my ($server) = @_;
	my $ca = $server->{ca};
	my ($rc, $out, $err) = $node->psql('postgres', "SELECT certmgr.rollover_acme_account_key('$ca')");
	like($err, qr/cannot change account keys/, "$ca: known not to change account keys");
	my $key = sql(account($ca, 'key_id'));
	sql("SELECT certmgr.alter_acme_ca('$ca', quirks => '{\"key_change\": true}'); SELECT certmgr.rollover_acme_account_key('$ca')");
	ok(CertmgrTest::poll_until($node, account($ca, 'rollover'), 'failed'), "$ca: asked all the same, it refuses") || diag(sql(account($ca, 'rollover')));
	note("$ca: " . sql(account($ca, 'rollover_message')));
	isnt(sql(account($ca, 'rollover_message')), '', "$ca: which can be seen");
	is(sql(account($ca, "key_id = $key AND candidate_key_id IS NULL")), 't', "$ca: the key is the old one");
	CertmgrTest::issues($node, CertmgrTest::order($node, $ca, "after.$ca.example.test"), "$ca: and is good");
	return;
}

# step-ca that asks a name server which has the record late: the challenge stays pending, and counts once it is answered again.
sub late
{
	my ($server) = @_;
	my $slow = CertmgrTest::bind('example.test');
	my $peer = CertmgrTest::start_peer($server->{script}, { DNS_SERVER => $slow->{DNS_SERVER} });
	my %late = (%$server, ca => 'late');
	registered(\%late, $peer) || return;
	my $id = CertmgrTest::order($node, 'late', 'late.example.test', 'soon.example.test');
	CertmgrTest::says($node, $id, '^the CA could not check a name and is asked again: ', 'late: it is said that the CA could not see the record');
	my $text = join "\n", "server 127.0.0.1 $slow->{DNS_PORT}", "key hmac-sha256:$slow->{TSIG_KEY} $slow->{TSIG_SECRET}", 'zone example.test.',
	  sql(q{SELECT format('update add %s 1 TXT "%s"', name, value) FROM certmgr.dns_record WHERE state <> 'removed'}), 'send', '';
	my $out = '';
	IPC::Run::run([ 'nsupdate', '-v' ], '<', \$text, '>', \$out, '2>&1') or die "nsupdate: $out";
	CertmgrTest::issues($node, $id, 'late: once it can, the order goes on');
	cmp_ok(sql("SELECT count(*) FROM certmgr.acme_exchange e JOIN certmgr.acme_order o ON o.id = e.order_id WHERE o.certificate_id = $id AND kind = 'challenge'"), '>', 2,
		'late: the challenges were answered more than once');
	is(sql("SELECT count(*) FROM certmgr.acme_order WHERE certificate_id = $id"), '1', 'late: in the one order');
	CertmgrTest::stop_peer($_) for $peer, $slow;
	return;
}

# Pebble with all that it can be difficult with at once: a binding is required, half of the nonces are refused, half of the authorizations
# reused, there are two other chains and two profiles.
sub contrary
{
	my $pebble = CertmgrTest::pebble($dns, EAB => 1, PEBBLE_WFE_NONCEREJECT => 50, PEBBLE_AUTHZREUSE => 50, PEBBLE_ALTERNATE_ROOTS => 2, PEBBLE_SHORTLIVED => 1);
	my %server = (ca => 'contrary', preset => 'pebble');
	return diag('this Pebble stands no parallel orders') unless CertmgrTest::pebble_is_safe($pebble);
	registered(\%server, $pebble) || return;
	my $root = CertmgrTest::management($pebble, '/roots/2');
	my ($cn) = CertmgrTest::openssl_text('x509', $root, '-subject', '-nameopt', 'multiline') =~ /commonName\s*=\s*(.*\S)/;
	sql("SELECT certmgr.alter_acme_ca('contrary', profile => 'shortlived', preferred_chain => '$cn')");
	for my $round (1 .. 3)
	{
		sql("SELECT certmgr.create_subscriber('contrary $round ' || i, 'contrary', auto_renew => false, sans => '{x.example.test,*.x.example.test,y.example.test}') FROM generate_series(1, 4) i;
			SELECT certmgr.issue('contrary $round ' || i) FROM generate_series(1, 4) i");
		ok(CertmgrTest::poll_until($node, issued_all("contrary $round"), '4', 90), "contrary: round $round of the same names")
		  or diag(sql("SELECT subscriber, step, ca_status, message FROM certmgr.order_status WHERE finished_at IS NULL"));
	}
	my $id = sql("SELECT max(c.id) FROM certmgr.certificate c JOIN certmgr.ca a ON a.id = c.ca_id WHERE a.name = 'contrary'");
	verifies({ ACME_ROOT => CertmgrTest::write_file(CertmgrTest::directory() . '/contrary.pem', $root) }, $id, 'contrary', 'x.example.test', '*.x.example.test', 'y.example.test');
	is(sql("SELECT not_after - not_before < '7 days' FROM certmgr.certificate WHERE id = $id"), 't', 'contrary: by the profile that was asked for');
	is(CertmgrTest::certificates_at_pebble($pebble), 12, 'contrary: no certificate too many');
	return;
}

$node = CertmgrTest::cluster('servers');
$dns  = CertmgrTest::bind();
sql("SELECT certmgr.create_dns_provider('bind', 'rfc2136', '" . CertmgrTest::rfc2136_config($dns) . "', '$dns->{TSIG_SECRET}')");

for my $server (@servers)
{
  SKIP:
	{
		my $why = missing($server);
		skip "no $server->{script}: $why", 1 if $why;
		my $peer = CertmgrTest::start_peer($server->{script}, { DNS_SERVER => $dns->{DNS_SERVER} });
		registered($server, $peer) || next;
		lifecycle($server, $peer);
		rollover($server);
		CertmgrTest::stop_peer($peer);
		late($server) if $server->{preset} eq 'step-ca';
	}
}
contrary();
CertmgrTest::ledger_is_clean($node, 'all servers');
is(CertmgrTest::txt_records($dns, 'example.test'), '', 'no TXT record is left');

$node->stop;
done_testing();
