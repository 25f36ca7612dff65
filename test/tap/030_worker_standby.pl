# A standby does nothing; after its promotion it goes on, and the old primary's work is found.
# Bugs of this kind that others shipped: workers that start on a hot standby and fail for ever (pg_cron, pg_partman), none after a
# promotion without a restart.
use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/lib";
use CertmgrTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $conf    = 'certmgr.worker_idle_timeout = 600';
my $primary = CertmgrTest::cluster('primary', key => 0, allows_streaming => 1, conf => $conf);
my $ours    = "SELECT count(*) FROM pg_stat_activity WHERE backend_type LIKE 'certmgr%'";

$primary->safe_psql('postgres', 'CREATE DATABASE d');
$primary->safe_psql('d', 'CREATE EXTENSION certmgr');
ok(CertmgrTest::poll_until($primary, $ours, '3'), 'on the primary a launcher and two workers run');

$primary->backup('b');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($primary, 'b', has_streaming => 1);
$standby->start;
$primary->wait_for_catchup($standby);

is($standby->safe_psql('postgres', $ours), '0', 'on the standby nothing runs');
is($standby->safe_psql('postgres', 'SELECT count(*) FROM certmgr.worker_status'), '0', 'worker_status can be read there');
my ($rc, undef, $err) = $standby->psql('postgres', 'DROP DATABASE d');
like($err, qr/read-only|recovery/, 'commands there fail as always');

# A database that goes while the standby follows.
$primary->safe_psql('postgres', 'CREATE DATABASE gone');
$primary->safe_psql('gone', 'CREATE EXTENSION certmgr');
$primary->safe_psql('postgres', 'DROP DATABASE gone');
$primary->wait_for_catchup($standby);
is($standby->safe_psql('postgres', $ours), '0', 'still nothing runs');

$primary->stop;
$standby->promote;
ok(CertmgrTest::poll_until($standby, $ours, '3'), 'after its promotion a launcher and two workers run');
is($standby->safe_psql('postgres', "SELECT string_agg(database || ' ' || state, ', ' ORDER BY database) FROM certmgr.worker_status"), 'd running, postgres running', 'one in each database that has the extension');

$standby->stop;
done_testing();
