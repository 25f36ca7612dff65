# Files that other programs open: PKCS #12 (modern, legacy), PKCS #7, encrypted PKCS #8, TLSA and SSHFP, by OpenSSL, GnuTLS, ssh-keygen and Java where they are.
use strict;
use warnings FATAL => 'all';

use CertmgrTest;
use IPC::Run ();
use PostgreSQL::Test::Utils;
use Test::More;

my $node = CertmgrTest::cluster('format', preload => 0);
my $dir  = CertmgrTest::directory();

sub sql { return $node->safe_psql('postgres', $_[0]); }
# Exit status and everything a program says.
sub run
{
	my @command = @_;
	my $out = '';
	my $ok = IPC::Run::run(\@command, '<', \undef, '>&', \$out, IPC::Run::timeout($CertmgrTest::LIMIT));
	return ($ok, $out);
}
sub have { return grep { -x "$_/$_[0]" } split /:/, $ENV{PATH}; }
# A bytea of SQL into a file.
sub file
{
	my ($name, $query) = @_;
	open my $f, '>:raw', "$dir/$name" or die $!;
	print $f pack 'H*', sql("SELECT encode(($query), 'hex')");
	close $f;
	return "$dir/$name";
}

sql(q{SELECT certmgr.create_root_ca('root', 'CN=Root'), certmgr.create_intermediate_ca('sub', 'root', 'CN=Sub')});
for my $alg ('EC-P256', 'EC-P521', 'Ed25519', 'RSA-2048')
{
	my $name = lc $alg;
	sql(qq{SELECT certmgr.create_subscriber('$name', 'sub', 'CN=$name.example.com', '{$name.example.com}', key_algorithm => '$alg')});
	my $id  = sql(qq{SELECT certmgr.issue('$name')});
	my $pem = CertmgrTest::write_file("$dir/$name.pem", sql("SELECT certmgr.certificate_pem($id)"));

	for my $profile ('modern', 'legacy')
	{
		my $p12 = file("$name.$profile.p12", "SELECT certmgr.pkcs12($id, 'correct horse', '$profile', 'my $name')");
		my ($ok, $out) = run('openssl', 'pkcs12', '-in', $p12, '-passin', 'pass:correct horse', '-nodes');
		ok($ok, "$alg: OpenSSL opens the $profile file") or diag $out;
		like($out, qr/friendlyName: my $name/, 'with its name');
		is(scalar(() = $out =~ /BEGIN CERTIFICATE/g), 2, 'the certificate and its issuer, not the root');
		like($out, qr/BEGIN PRIVATE KEY/, 'and the key');
		($ok, $out) = run('openssl', 'pkcs12', '-in', $p12, '-passin', 'pass:wrong horse', '-nodes');
		ok(!$ok, 'not with another password');
		if (have('keytool') && $alg ne 'Ed25519')
		{
			($ok, $out) = run('keytool', '-list', '-v', '-storetype', 'PKCS12', '-keystore', $p12, '-storepass', 'correct horse');
			ok($ok && $out =~ /PrivateKeyEntry/ && $out =~ /chain length: 2/, "Java reads the $profile file") or diag $out;
		}
	}
	my $enc = CertmgrTest::write_file("$dir/$name.enc", sql("SELECT certmgr.private_key_pem($id, 'correct horse')"));
	my ($ok, $out) = run('openssl', 'pkey', '-in', $enc, '-passin', 'pass:correct horse', '-pubout');
	my ($ok2, $public) = run('openssl', 'x509', '-in', $pem, '-noout', '-pubkey');
	ok($ok && $ok2 && $out eq $public, 'the encrypted key is the certificate\'s') or diag $out;
	# And back in again.
	is(sql("SELECT certmgr.import_certificate(certmgr.certificate_pem($id), certmgr.private_key_pem($id, 'correct horse'), 'correct horse')"), $id, 'read back');

	my $p7 = file("$name.p7b", "SELECT certmgr.pkcs7($id, true)");
	($ok, $out) = run('openssl', 'pkcs7', '-inform', 'DER', '-in', $p7, '-print_certs', '-noout');
	is(scalar(() = $out =~ /^subject=/mg), 3, 'OpenSSL reads the PKCS #7: certificate, issuer, root');
	($ok, $out) = run('certtool', '--p7-info', '--inder', '--infile', $p7);
	ok($ok && $out =~ /Number of certificates: 3/, 'GnuTLS too') or diag $out;

	# The DANE record, computed once more.
	($ok, $out) = run('sh', '-c', "openssl x509 -in $pem -noout -pubkey | openssl pkey -pubin -outform DER | openssl dgst -sha256 -r | cut -c1-64");
	chomp $out;
	is(sql("SELECT certmgr.tlsa_record($id)"), "_443._tcp.$name.example.com. IN TLSA 3 1 1 $out", 'TLSA');
	if (have('ssh-keygen'))
	{
		CertmgrTest::write_file("$dir/$name.key", sql("SELECT certmgr.private_key_pem($id)"));
		chmod 0600, "$dir/$name.key";
		# ssh-keygen reads public keys of RSA and EC in PKCS #8 form.
		run('sh', '-c', "openssl x509 -in $pem -noout -pubkey > $dir/$name.pub");
		($ok, $out) = run('sh', '-c', "ssh-keygen -i -m PKCS8 -f $dir/$name.pub > $dir/$name.ssh && ssh-keygen -r $name.example.com. -f $dir/$name.ssh");
		is(sql("SELECT certmgr.sshfp_record($id)"), ($out =~ /^(.* SSHFP \d 2 \w+)$/m)[0], 'SSHFP') if $ok && $alg ne 'Ed25519';
	}
}
unlike(CertmgrTest::slurp($node->logfile), qr/correct horse(?!')/, 'no password in the log but in statements');

done_testing();
