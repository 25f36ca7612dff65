# What the server says of a master key that it cannot use, in a new session each time; what is readable stays readable, and a good key heals.
use strict;
use warnings FATAL => 'all';

use CertmgrTest;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = CertmgrTest::cluster('key');
my $dir  = CertmgrTest::directory();
my $good = CertmgrTest::master_key($node);

$node->safe_psql('postgres', q{SELECT certmgr.create_root_ca('root', 'CN=Root'), certmgr.create_subscriber('web', 'root', sans => '{web.example.com}')});
$node->safe_psql('postgres', q{SELECT certmgr.issue('web')});

sub settings
{
	my ($file, $command) = @_;
	$node->safe_psql('postgres', "ALTER SYSTEM SET certmgr.master_key_file = '$file'");
	$node->safe_psql('postgres', "ALTER SYSTEM SET certmgr.master_key_command = '$command'");
	$node->reload;
	CertmgrTest::poll_until($node, q{SELECT current_setting('certmgr.master_key_file') || '|' || current_setting('certmgr.master_key_command')}, "$file|$command");
	return;
}

sub sealed
{
	my ($message, $what) = @_;
	my ($code, $out, $err) = $node->psql('postgres', q{\set VERBOSITY verbose
SELECT certmgr.issue('web')});
	like($err, qr/$message/s, $what);
	like($err, qr/HINT:/, '... and what to do');
	is($node->safe_psql('postgres', q{SELECT count(*) FROM certmgr.certificate WHERE certmgr.certificate_pem(id) LIKE '-----BEGIN%'}), '2', '... certificates are read all the same');
	return;
}

my $key = CertmgrTest::slurp($good);
settings("$dir/missing.key", '');
sealed('could not open master key file: No such file.*The file is ".*missing\.key"', 'no file');
my ($made, $nothing, $notice) = $node->psql('postgres', "SELECT certmgr.create_master_key('$dir/made.key')");
is($made, 0, 'a key is made');
like($notice, qr{NOTICE:  master key written to "\Q$dir\E/made\.key"}, '... and where it is said');
is((stat "$dir/made.key")[2] & 07777, 0600, '... which nobody else may read');
# Requesters, monitors and rows get the reason without the path.
$node->safe_psql('postgres', q{CREATE ROLE msg_asks IN ROLE certmgr_requester; CREATE ROLE msg_watches IN ROLE certmgr_monitor; SELECT certmgr.alter_subscriber('web', owner => 'msg_asks')});
my ($code, $out, $err) = $node->psql('postgres', q{SET ROLE msg_asks; SELECT certmgr.issue('web')});
like($err, qr/could not open master key file: No such file/, 'a requester gets the reason');
unlike($err, qr/missing\.key/, '... without the path');
my $health = q{SELECT string_agg(finding, '; ') FROM certmgr.health WHERE object = 'master key'};
like($node->safe_psql('postgres', "SET ROLE msg_watches; $health"), qr/^(?!.*missing\.key).*could not open master key file: No such file/, 'a monitor as well');
like($node->safe_psql('postgres', $health), qr/missing\.key/, 'an administrator is told the path');
CertmgrTest::write_file("$dir/open.key", $key);
chmod 0644, "$dir/open.key";
settings("$dir/open.key", '');
sealed('master key file is open to other users.*0644; it must be 0600 or less\. The file is ".*open\.key"', 'open to others');
chmod 0600, "$dir/open.key";
settings($dir, '');
sealed('master key file is not a regular file', 'a directory');
CertmgrTest::write_file($node->data_dir . '/inside.key', $key);
chmod 0600, $node->data_dir . '/inside.key';
settings($node->data_dir . '/inside.key', '');
sealed('master key file lies inside the data directory', 'in the data directory');
CertmgrTest::write_file("$dir/short.key", substr($key, 0, 20));
chmod 0600, "$dir/short.key";
settings("$dir/short.key", '');
sealed('master key file does not hold a master key.*Expected 64 hexadecimal digits, found 20 characters', 'cut short');
CertmgrTest::write_file("$dir/other.key", ($key =~ tr/0-9a-f/1-9a-f0/r));
chmod 0600, "$dir/other.key";
settings("$dir/other.key", '');
sealed('another|master key', 'another key');
settings('', '');
sealed('no master key is configured', 'none');
settings('', '/bin/false');
sealed('certmgr\.master_key_command failed with status 1', 'a command that fails');
settings('', '/bin/echo nonsense');
sealed('output of certmgr\.master_key_command does not hold a master key', 'a command with another output');
settings('', "/bin/cat $good");
like($node->safe_psql('postgres', q{SELECT certmgr.issue('web')}), qr/^\d+$/, 'a command that gives the key');
settings($good, '');
like($node->safe_psql('postgres', q{SELECT certmgr.issue('web')}), qr/^\d+$/, 'the file again');
unlike(CertmgrTest::slurp($node->logfile), qr/\Q${\ substr($key, 0, 32)}\E/, 'the key is in no log');

done_testing();
