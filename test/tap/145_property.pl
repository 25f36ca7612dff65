# A property of issuing: random requests under random templates, judged by lib/property.py, which has its own reading of templates and reads the
# issued bytes. test/bench/property.sh runs 100,000 of them. CERTMGR_SEED repeats a run, CERTMGR_PROPERTY_COUNT says how many.
use strict;
use warnings FATAL => 'all';

use CertmgrTest;
use Cwd qw(abs_path);
use File::Basename;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $lib = abs_path(dirname(__FILE__)) . '/lib';
my $dir = CertmgrTest::directory();
my $python = -x '/usr/bin/python3' ? '/usr/bin/python3' : 'python3';
my $seed = $ENV{CERTMGR_SEED} // int rand 1_000_000;
my $count = $ENV{CERTMGR_PROPERTY_COUNT} // 2000;

my ($version) = run_command([ $python, '-c', 'import cryptography; print(cryptography.__version__)' ]);
plan skip_all => 'Python has no module cryptography' unless ($version // '') =~ /^\d/;
my $node = CertmgrTest::cluster('property', preload => 0);
command_ok([ $python, "$lib/property.py", 'generate', $seed, $count, $dir ], "requests of seed $seed");
my $said = '';
$node->psql('postgres', CertmgrTest::slurp("$lib/property.sql"), on_error_stop => 1, stderr => \$said, extra_params => [ '-v', "dir=$dir" ]);
is($said, '', 'each request is issued or refused');
my ($out, $err) = run_command([ $python, "$lib/property.py", 'check', $dir ]);
like($out, qr/^accepted \d+ refused \d+ violations 0$/m, "what was issued keeps the rules, what was refused breaks one (CERTMGR_SEED=$seed)") or diag("$out$err");
my ($accepted, $refused) = $out =~ /^accepted (\d+) refused (\d+)/m;
note($out);
cmp_ok($accepted // 0, '>', $count / 20, 'many are issued');
cmp_ok($refused // 0, '>', $count / 20, 'many are refused');
$node->stop;
done_testing();
