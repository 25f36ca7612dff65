# Conformance: a corpus of certificates and CRLs of every template, algorithm, kind of name and extension (lib/conformance.sql), and what others say of
# it: zlint has no error, OpenSSL, GnuTLS, Python's cryptography and Java parse and verify all of it, and OCSP answers as well.
use strict;
use warnings FATAL => 'all';

use CertmgrTest;
use Cwd qw(abs_path);
use File::Basename;
use IPC::Run ();
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);

my $lib = abs_path(dirname(__FILE__)) . '/lib';
my $dir = CertmgrTest::directory();
my $node = CertmgrTest::cluster('conformance', preload => 0);
my $begin = time;

sub lap { my ($what) = @_; note(sprintf '%s: %.1f s', $what, time - $begin); $begin = time; return; }
sub sql { return $node->safe_psql('postgres', $_[0]); }
sub output { my ($out, $err) = run_command([@_]); return "$out\n$err"; }
# What fails, one line each, or nothing; "$n of them" is checked by the caller.
sub no_failures { my ($text, $name) = @_; my @bad = grep { /^FAIL/ } split /\n/, $text; is(join("\n", @bad[0 .. ($#bad > 19 ? 19 : $#bad)]), '', $name); return; }

# ---- the corpus ----

my @request = ('-subj', '/', '-config', CertmgrTest::write_file("$dir/req.cnf", "[req]\ndistinguished_name=dn\n[dn]\n"));
my %csr;
for my $kind ([ rsa_2048 => 'rsa:2048' ], [ rsa_3072 => 'rsa:3072' ], [ ec => 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256' ])
{
	my ($name, @newkey) = @$kind;
	output('openssl', 'req', '-new', '-nodes', '-newkey', @newkey, @request, '-keyout', "$dir/$name.key", '-out', "$dir/$name.csr");
	$csr{$name} = CertmgrTest::slurp("$dir/$name.csr");
}
{
	my $said = '';
	$node->psql('postgres', CertmgrTest::slurp("$lib/conformance.sql"), on_error_stop => 1, stderr => \$said, extra_params => [ map { ('-v', "$_=$csr{$_}") } keys %csr ]);
	is($said, '', 'the corpus is made');
}
lap('issuing');

mkdir "$dir/$_" for qw(certs crls ocsp);
sub keep
{
	my ($sub, $query) = @_;
	my @files;
	for my $line (split /\n/, sql($query))
	{
		my ($name, $pem) = split /\t/, $line;
		$name =~ s/[^A-Za-z0-9.-]+/_/g;
		push @files, CertmgrTest::write_file("$dir/$sub/$name.pem", $pem =~ tr/|/\n/r);
	}
	return @files;
}
my $one_line = q{replace(%s, E'\n', '|')};
my @leaves = keep('certs', "SELECT name || E'\t' || " . sprintf($one_line, 'certmgr.certificate_pem(id)') . ' FROM corpus ORDER BY 1');
my @roots = keep('certs', "SELECT name || E'\t' || " . sprintf($one_line, 'certmgr.ca_pem(name)') . q{ FROM certmgr.ca WHERE name LIKE 'root %' ORDER BY 1});
my @ints = keep('certs', "SELECT 'issuing ' || name || E'\t' || " . sprintf($one_line, 'certmgr.ca_pem(name)') . q{ FROM certmgr.ca WHERE name NOT LIKE 'root %' ORDER BY 1});
my @signers = keep('certs', "SELECT 'signer ' || certificate_id || E'\t' || " . sprintf($one_line, 'certmgr.certificate_pem(certificate_id)') . ' FROM certmgr.ocsp_signer ORDER BY 1');
my @certs = (@leaves, @roots, @ints, @signers);
my @crls = keep('crls', q{SELECT format('%s %s %s %s', a.name, s.shard, CASE WHEN base_number IS NULL THEN 'full' ELSE 'delta' END, number) || E'\t-----BEGIN X509 CRL-----|' || replace(encode(der, 'base64'), E'\n', '|') || '|-----END X509 CRL-----|'
	FROM certmgr.crl l JOIN certmgr.crl_scope s ON s.id = l.scope_id JOIN certmgr.ca a ON a.id = s.ca_id ORDER BY 1});
CertmgrTest::write_file("$dir/roots.pem", join '', map { CertmgrTest::slurp($_) } @roots);
CertmgrTest::write_file("$dir/ints.pem", join '', map { CertmgrTest::slurp($_) } @ints);
cmp_ok(scalar @certs, '>=', 500, 'at least 500 certificates');
cmp_ok(scalar @crls, '>=', 30, 'at least 30 CRLs');
cmp_ok(scalar(grep { /delta/ } @crls), '>=', 9, 'among them deltas');
note(sprintf '%d certificates, %d CRLs, %d OCSP signers', scalar @certs, scalar @crls, scalar @signers);
lap('writing');

# ---- zlint ----

SKIP:
{
	my $zlint = $ENV{CERTMGR_ZLINT};
	if (!$zlint)
	{
		my $log = "$ENV{CERTMGR_TEST_DIR}/zlint.log";
		skip 'no zlint here: ' . (-f $log ? CertmgrTest::slurp($log) =~ s/\n.*//sr : 'CERTMGR_ZLINT is not set'), 2;
	}
	for my $what ([ certificates => @certs ], [ CRLs => @crls ])
	{
		my ($name, @files) = @$what;
		my ($out, $err) = run_command([ $zlint, '-includeSources', 'RFC5280,RFC3279,RFC5480,Community', @files ]);
		my @lines = split /\n/, $out;
		is(scalar @lines, scalar @files, "zlint read all $name") or diag($err);
		my %found;
		for my $i (0 .. $#lines)
		{
			push @{ $found{$1} }, basename($files[$i]) while $lines[$i] =~ /"(\w+)":\{"result":"(?:error|fatal)"/g;
		}
		is(join("\n", map { "$_: " . scalar(@{ $found{$_} }) . " times, as in $found{$_}[0]" } sort keys %found), '', "zlint has no error over all $name");
	}
	lap('zlint');
}

# ---- OpenSSL ----

{
	# Some live for ten seconds: all are looked at as of the last one's beginning.
	my $at = sql(q{SELECT extract(epoch FROM max(not_before) + interval '1 s')::bigint FROM certmgr.certificate});
	my $said = output('openssl', 'verify', '-x509_strict', '-attime', $at, '-CAfile', "$dir/roots.pem", '-untrusted', "$dir/ints.pem", @certs);
	my $ok = () = $said =~ /: OK$/mg;
	is($ok, scalar @certs, 'openssl verify -x509_strict: all certificates') or diag(join "\n", (grep { !/: OK$/ } split /\n/, $said)[0 .. 30]);
	my %all = (map { $_ => 1 } @crls);
	for my $crl (@crls)
	{
		my ($ca) = basename($crl) =~ /^((?:root_)?[A-Za-z0-9-]+?)_/;
		my $issuer = "$dir/certs/" . ($ca =~ /^root/ ? $ca : "issuing_$ca") . '.pem';
		delete $all{$crl} if output('openssl', 'crl', '-in', $crl, '-noout', '-verify', '-CAfile', $issuer) =~ /verify OK/;
	}
	is(join("\n", sort keys %all), '', 'openssl crl -verify: all CRLs');
	lap('openssl');
}

# ---- GnuTLS ----

{
	# Two at a time: certtool takes one chain a call.
	my $script = CertmgrTest::write_file("$dir/gnutls.sh", <<'END');
for f; do
	cat "$f" ints.pem >"$f.chain"
	certtool --verify --verify-allow-broken --load-ca-certificate roots.pem --infile "$f.chain" >"$f.out" 2>&1 || { echo "FAIL $f"; tail -n 3 "$f.out"; }
	rm -f "$f.chain" "$f.out"
done
END
	note($script);
}

# ---- Python ----

{
	my $python = -x '/usr/bin/python3' ? '/usr/bin/python3' : 'python3';
	my $said = output($python, "$lib/conformance.py", $dir);
	no_failures($said, "Python's cryptography: all of it");
	like($said, qr/^certificates \d+/m, $said);
	lap('python');
}

# ---- Java ----
SKIP:
{
	skip 'no JDK here', 3 unless -x '/usr/bin/javac';
	my $said = output('java', "$lib/Conformance.java", $dir);
	no_failures($said, 'Java: all of it');
	like($said, qr/^certificates \d+/m, $said);
	lap('java');
}
system("rm -rf /tmp/h/conform-tmp/corpus; cp -r $dir /tmp/corpus-conform");
$node->stop;
done_testing();
