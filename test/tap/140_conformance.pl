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
	is($said, '', 'the corpus is made') or BAIL_OUT('no corpus');
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
my @signers = keep('certs', "SELECT 'signer ' || a.name || E'\t' || " . sprintf($one_line, 'certmgr.certificate_pem(s.certificate_id)') . ' FROM certmgr.ocsp_signer s JOIN certmgr.ca a ON a.id = s.ca_id ORDER BY 1');
my @certs = (@leaves, @roots, @ints, @signers);
my @crls = keep('crls', q{SELECT format('%s %s %s %s %s', a.name, s.covers, s.shard, CASE WHEN base_number IS NULL THEN 'full' ELSE 'delta' END, number) || E'\t-----BEGIN X509 CRL-----|' || replace(rtrim(encode(der, 'base64'), E'\n'), E'\n', '|') || '|-----END X509 CRL-----|'
	FROM certmgr.crl l JOIN certmgr.crl_scope s ON s.id = l.scope_id JOIN certmgr.ca a ON a.id = s.ca_id ORDER BY 1});
# ML-DSA (where libcrypto has it) is more than GnuTLS, Python and Java know today: those see the others.
sub known { return grep { !/ML-DSA/ } @_; }
CertmgrTest::write_file("$dir/roots_all.pem", join '', map { CertmgrTest::slurp($_) } @roots);
CertmgrTest::write_file("$dir/ints_all.pem", join '', map { CertmgrTest::slurp($_) } @ints);
CertmgrTest::write_file("$dir/roots.pem", join '', map { CertmgrTest::slurp($_) } known(@roots));
CertmgrTest::write_file("$dir/ints.pem", join '', map { CertmgrTest::slurp($_) } known(@ints));
cmp_ok(scalar @certs, '>=', 500, 'at least 500 certificates');
cmp_ok(scalar @crls, '>=', 30, 'at least 30 CRLs');
cmp_ok(scalar(grep { /delta/ } @crls), '>=', 9, 'among them deltas');
cmp_ok(scalar(grep { /_(?:ca|user)_/ } @crls), '>=', 12, 'and lists of CA certificates and of end entities alone');
note(sprintf '%d certificates, %d CRLs, %d OCSP signers', scalar @certs, scalar @crls, scalar @signers);
lap('writing');

# ---- zlint ----

SKIP:
{
	my $zlint = $ENV{CERTMGR_ZLINT};
	if (!$zlint)
	{
		my $log = "$ENV{CERTMGR_TEST_DIR}/zlint.log";
		skip 'no zlint here: ' . (-f $log ? CertmgrTest::slurp($log) =~ s/\n.*//sr : 'CERTMGR_ZLINT is not set'), 6;
	}
	# RFC 5280, 3279, 5480, 5891, 8813 and Community. By exclusion: zlint 3.6.2 (Debian 13) does not take RFC3279 as an argument.
	my ($listed) = run_command([ $zlint, '-list-lints-source' ]);
	my %sources = map { $_ => 1 } split ' ', $listed;
	is(join(' ', grep { !$sources{$_} } qw(RFC5280 RFC3279 RFC5480 Community)), '', 'zlint has the lints that are wanted');
	my @options = ('-excludeSources', join(',', grep { !/^(RFC\d+|Community)$/ } sort keys %sources));
	# Of the CA/Browser Forum, which allows no holds; zlint 3.6.2 asks it of CRLs whatever is excluded.
	my %excepted = (e_cab_crl_has_valid_reason_code => 1);
	# It does find something where there is something.
	output('openssl', 'req', '-x509', '-new', '-key', "$dir/ec.key", '-set_serial', '1', '-days', '1', '-out', "$dir/bad.pem", '-config',
		CertmgrTest::write_file("$dir/bad.cnf", "[req]\ndistinguished_name=dn\nprompt=no\nx509_extensions=v3\n[dn]\nCN=Bad\n[v3]\nbasicConstraints=CA:TRUE\n"));
	like(output($zlint, @options, "$dir/bad.pem"), qr/"e_basic_constraints_not_critical":\{"result":"error"/, 'zlint finds what is wrong');
	for my $what ([ certificates => @certs ], [ CRLs => @crls ])
	{
		my ($name, @files) = @$what;
		my ($out, $err) = run_command([ $zlint, @options, @files ]);
		my @lines = split /\n/, $out;
		is(scalar @lines, scalar @files, "zlint read all $name") or diag($err);
		my %found;
		for my $i (0 .. $#lines)
		{
			push @{ $found{$1} }, basename($files[$i]) while $lines[$i] =~ /"(\w+)":\{"result":"(?:error|fatal)"/g;
		}
		delete @found{ keys %excepted };
		is(join("\n", map { "$_: " . scalar(@{ $found{$_} }) . " times, as in $found{$_}[0]" } sort keys %found), '', "zlint has no error over all $name");
	}
	lap('zlint');
}

# ---- OpenSSL ----

{
	my $said = output('openssl', 'verify', '-x509_strict', '-CAfile', "$dir/roots_all.pem", '-untrusted', "$dir/ints_all.pem", @certs);
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
	# certtool takes one chain, or one CRL, a call: two at a time.
	my $script = CertmgrTest::write_file("$dir/gnutls.sh", <<'END');
for f; do
	case $f in
		certs/*) cat "$f" ints.pem >"$f.tmp"; certtool --verify --load-ca-certificate roots.pem --infile "$f.tmp" ;;
		crls/root_*) certtool --verify-crl --load-ca-certificate "certs/root_$(expr "$f" : 'crls/root_\([^_]*\)').pem" --infile "$f" ;;
		*) certtool --verify-crl --load-ca-certificate "certs/issuing_$(expr "$f" : 'crls/\([^_]*\)').pem" --infile "$f" ;;
	esac >"$f.out" 2>&1
	if ! grep -q 'output: Verified' "$f.out"; then echo "FAIL $f: $(grep 'output:' "$f.out")"; fi
	rm -f "$f.out" "$f.tmp"
done
END
	my $said = output('sh', '-c', "cd '$dir' && printf '%s\\0' certs/*.pem crls/*.pem | grep -zv ML-DSA | xargs -0 -n 40 -P 2 sh ./gnutls.sh");
	no_failures($said, 'certtool: all certificates and CRLs');
	lap('gnutls');
}

# ---- OCSP: one request for a good and a revoked certificate at each CA, with and without a nonce ----

my @answers;		# files
sub bytes { my ($file) = @_; open my $f, '<:raw', $file or die "$file: $!"; local $/; return scalar <$f>; }
{
	my @cas = map { [ split /\|/ ] } split /\n/, sql(q{SELECT a.name, (SELECT format('%s/bare %s', 'certs', a.name)), (SELECT min(c.id) FROM certmgr.certificate c WHERE c.ca_id = a.id AND c.revocation_reason = 'keyCompromise')
		FROM certmgr.ca a JOIN alg ON alg.name = a.name ORDER BY 1});
	my @ask;
	for my $ca (@cas)
	{
		my ($name, $good, $revoked) = @$ca;
		$good = "$dir/" . ($good =~ tr/ /_/r) . '.pem';
		my $bad = CertmgrTest::write_file("$dir/ocsp/revoked_$name.pem", sql("SELECT certmgr.certificate_pem($revoked)"));
		for my $nonce ('-nonce', '-no_nonce')
		{
			my $file = "$dir/ocsp/$name$nonce";
			my @names = ('-issuer', "$dir/certs/issuing_$name.pem", ($nonce eq '-nonce' ? '-sha256' : '-sha1'), '-cert', $good, '-cert', $bad);
			output('openssl', 'ocsp', @names, $nonce, '-reqout', "$file.req");
			push @ask, { name => "$name$nonce", file => $file, names => \@names, issuer => "$dir/certs/issuing_$name.pem" };
		}
	}
	my @hex = split /\n/, sql('SELECT encode(certmgr.ocsp_response(decode(r, \'hex\')), \'hex\') FROM unnest(ARRAY[' . join(',', map { "'" . unpack('H*', bytes("$_->{file}.req")) . "'" } @ask) . ']) WITH ORDINALITY AS u(r, n) ORDER BY n');
	my @bad;
	for my $i (0 .. $#ask)
	{
		my $a = $ask[$i];
		open my $f, '>:raw', "$a->{file}.resp" or die "$a->{file}: $!";
		print $f pack 'H*', $hex[$i];
		push @answers, "$a->{file}.resp";
		close $f;
		my $said = output('openssl', 'ocsp', @{ $a->{names} }, '-no_nonce', '-reqin', "$a->{file}.req", '-respin', "$a->{file}.resp", '-CAfile', "$dir/roots_all.pem", '-verify_other', $a->{issuer}, '-VAfile', $a->{issuer});
		push @bad, "$a->{name}: $said" unless $said =~ /Response verify OK/ && $said =~ /bare_[^:]*: good/ && $said =~ /revoked_[^:]*: revoked/ && $said !~ /nonce/i;
	}
	is(join("\n", @bad), '', 'openssl ocsp: answers of every CA, with and without nonce');
	cmp_ok(scalar @ask, '>=', 14, 'of at least seven CAs');
	CertmgrTest::write_file("$dir/ocsp/good.pem", CertmgrTest::slurp("$dir/certs/bare_EC-P256.pem"));
	CertmgrTest::write_file("$dir/ocsp/revoked.pem", CertmgrTest::slurp("$dir/ocsp/revoked_EC-P256.pem"));
	lap('ocsp');
}

# ---- Python ----

{
	my $python = -x '/usr/bin/python3' ? '/usr/bin/python3' : 'python3';
	my $said = output($python, "$lib/conformance.py", $dir);
	no_failures($said, "Python's cryptography: all of it");
	is_deeply([ $said =~ /^(?:certificates|crls|responses) (\d+)$/mg ], [ scalar known(@certs), scalar known(@crls), scalar known(@answers) ], 'and it is all') or diag($said);
	lap('python');
}

# ---- Java ----
SKIP:
{
	my $version = -x '/usr/bin/javac' && -x '/usr/bin/java' && output('java', '-version') =~ /version "(\d+)/ ? $1 : 0;
	skip 'no JDK 17 here', 3 if $version < 17;
	# What a web server would do for a responder.
	my $responder = CertmgrTest::write_file("$dir/responder.sh", sprintf <<'END', $node->host, $node->port);
psql -XAtq -h %s -p %s -d postgres -c "SELECT encode(certmgr.ocsp_response(decode('$(od -An -v -tx1 "$1" | tr -d ' \n')', 'hex')), 'hex')" |
	perl -ne 'chomp; print pack "H*", $_' >"$2"
END
	my $said = output('java', '-XX:TieredStopAtLevel=1', '-XX:+UseSerialGC', "$lib/Conformance.java", $dir, "sh $responder");
	no_failures($said, 'Java: all of it');
	like($said, qr/^certificates ${\ scalar known(@certs)} crls ${\ scalar known(@crls)}$/m, 'and it is all') or diag($said);
	is(join("\n", $said =~ /^(ocsp .*)$/mg), join("\n", map { ("ocsp good $_: good", "ocsp revoked $_: revoked") } 'with nonce', 'without nonce'), 'Java as OCSP client, with and without nonce') or diag($said);
	lap('java');
}
$node->stop;
done_testing();
