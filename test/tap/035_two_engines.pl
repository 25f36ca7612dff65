# Without the worker: two CALL work() at once share what is due, each thing done once; a second run finds nothing. What adopt() is for.
use strict;
use warnings FATAL => 'all';

use CertmgrTest;
use IPC::Run ();
use PostgreSQL::Test::Utils;
use Test::More;

my $node = CertmgrTest::cluster('engines', preload => 0);
my $count = 60;

$node->safe_psql('postgres', q{SELECT certmgr.create_root_ca('root', 'CN=Root')});
$node->safe_psql('postgres', qq{SELECT certmgr.create_subscriber('s' || n, 'root', sans => ARRAY['s' || n || '.example.com']), certmgr.issue('s' || n) FROM generate_series(1, $count) n});
$node->safe_psql('postgres', q{UPDATE certmgr.certificate SET renew_at = now() - interval '1 second' WHERE subscriber_id IS NOT NULL});

my (@run, @out, @err);
for my $i (0, 1)
{
	($out[$i], $err[$i]) = ('', '');
	push @run, IPC::Run::start([ 'psql', '-X', '-q', '-A', '-t', '-d', $node->connstr('postgres'), '-c', q{CALL certmgr.work('60 s')} ],
		'>', \$out[$i], '2>', \$err[$i], IPC::Run::timeout($CertmgrTest::LIMIT * 2));
}
ok($_->finish, 'CALL work() ended well') for @run;
is("$err[0]$err[1]", '', 'and said nothing');
is($node->safe_psql('postgres', q{SELECT count(*), count(DISTINCT renewed_from), bool_and(state = 'issued') FROM certmgr.certificate WHERE renewed_from IS NOT NULL}),
	"$count|$count|t", 'each certificate was renewed once');
is($node->safe_psql('postgres', q{CALL certmgr.work('1 s')}), '0', 'nothing is left to do');
is($node->safe_psql('postgres', q{SELECT count(*) FROM certmgr_private.job WHERE lease_until IS NOT NULL}), '0', 'no lease is left');

my ($code, $out, $err) = $node->psql('postgres', q{BEGIN; CALL certmgr.work('1 s')});
like($err, qr/certmgr\.work\(\) cannot run inside a transaction block or a function/, 'work() commits, so it refuses a transaction block');

# A copy of the database does nothing until somebody says that it is the original.
$node->safe_psql('postgres', q{UPDATE certmgr_private.instance SET system_identifier = 1});
$node->safe_psql('postgres', q{UPDATE certmgr.certificate SET renew_at = now() - interval '1 second' WHERE id = (SELECT max(id) FROM certmgr.certificate)});
($code, $out, $err) = $node->psql('postgres', q{CALL certmgr.work('1 s')});
is($code, 0, 'a copy is no error');
like($err, qr/nothing was done: the rows of this database belong to another cluster or database.*SELECT certmgr\.adopt\(\)/s, 'it says why it does nothing');
is($node->safe_psql('postgres', q{SELECT (certmgr.server_status()).adopted}), 'f', 'server_status() tells it too');
is($node->safe_psql('postgres', q{SELECT what_to_do LIKE '%adopt%' FROM certmgr.health WHERE what_to_do LIKE '%adopt%'}), 't', 'and the health view');
$node->safe_psql('postgres', q{SELECT certmgr.adopt()});
is($node->safe_psql('postgres', q{CALL certmgr.work('10 s')}), '1', 'adopted: it renews');
($code, $out, $err) = $node->psql('postgres', q{CREATE ROLE joe; GRANT certmgr_operator TO joe; SET ROLE joe; SELECT certmgr.adopt()});
like($err, qr/permission denied for function adopt/, 'an operator cannot adopt');

# Who waits for an external CA is told that nobody is at it; at once, and not only when the time is over.
my $pending = $node->safe_psql('postgres', q{SELECT certmgr.create_dns_provider('dns', 'manual'), certmgr.create_acme_ca('acme', 'https://127.0.0.1:1/dir', dns_provider => 'dns', terms_of_service_agreed => true),
	certmgr.create_subscriber('external', 'acme', sans => '{www.example.com}')}) && $node->safe_psql('postgres', q{SELECT certmgr.issue('external')});
($code, $out, $err) = $node->psql('postgres', "CALL certmgr.wait($pending, '200 ms')");
like($err, qr/NOTICE:  no worker runs, since the library is not preloaded\nHINT:  CALL certmgr\.work\(\); in another session/, 'wait() says that no worker runs');

done_testing();
