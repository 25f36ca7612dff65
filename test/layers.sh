#!/bin/bash
# layers.sh [TREE]: checks the laws of the source tree (DESIGN 8) that a compiler does not: who includes whom, where versions
# are asked for, names, banned functions, errors without a code. Prints a line a rule and "N passed, N failed". Without TREE it
# checks this checkout, after proving on bad trees that each rule can fail.
. "$(dirname "$0")/lib.sh"

# rules TREE [RULE]: "ok NAME" or "not ok NAME" with the places below.
rules() {
	perl - "$@" <<'PERL'
use strict; use warnings;
my ($tree, $only) = @ARGV;
chdir $tree or die "$tree: $!\n";

# floor of each folder of src/
my %floor = (base => 0, pg => 1, crypto => 2, x509 => 3, net => 3, acme => 4, dns01 => 4, store => 5, lifecycle => 6, worker => 7, api => 8);
my %plain = map { $_ => 1 } qw(base crypto x509 net acme dns01);	# built without a server, too
# Files of plain floors that may know PostgreSQL's palloc and JSON reader.
my $pallocs = qr{^src/(pg|store|lifecycle|worker|api|acme)/};

my (%text, %code, %bad);
my @rules = qw(floors plain-base no-server-below no-throw crypto-place curl-place pg-version openssl-version curl-version
	prefix banned errcode);

sub bad { my ($rule, $file, $line, $what) = @_; push @{$bad{$rule}}, "$file:$line: $what"; }

# Comments and the inside of literals become blanks, lines stay lines.
sub strip {
	my ($s) = @_;
	$s =~ s{(/\*.*?\*/)|(//[^\n]*)|("(?:\\.|[^"\\\n])*")|('(?:\\.|[^'\\\n])*')}
		{ defined $3 ? '"' . ' ' x (length($3) - 2) . '"' : defined $4 ? "' '" : do { my $c = $1 // $2; $c =~ s/[^\n]/ /g; $c } }gse;
	return $s;
}
sub line_of { my ($s, $pos) = @_; return 1 + (substr($s, 0, $pos) =~ tr/\n//); }

my @files = grep { m{^src/[^/]+/[^/]+\.[ch]$} } glob('src/*/*');
for my $file (@files) {
	open my $f, '<', $file or die "$file: $!\n";
	local $/; $text{$file} = <$f>; $code{$file} = strip($text{$file});
}

for my $file (@files) {
	my ($dir) = $file =~ m{^src/([^/]+)/};
	my $mine = $floor{$dir};
	unless (defined $mine) { bad('floors', $file, 1, "no floor is known for src/$dir"); next; }
	my @lines = split /\n/, $text{$file};
	for my $i (0 .. $#lines) {
		next unless $lines[$i] =~ /^\s*#\s*include\s*([<"])([^>"]+)[>"]/;
		my ($quote, $name, $n) = ($1, $2, $i + 1);
		my ($to) = $name =~ m{^([^/]+)/};
		if ($quote eq '"' && defined $to && defined $floor{$to} && -e "src/$name") {
			bad('floors', $file, $n, "floor $mine includes $name of floor $floor{$to}") if $floor{$to} > $mine;
			bad('floors', $file, $n, "x509 must not know the network: $name") if $dir eq 'x509' && $to eq 'net';
			bad('no-server-below', $file, $n, "a plain floor includes $name; of src/pg it may only know pg/json.h")
				if $plain{$dir} && $to eq 'pg' && $name ne 'pg/json.h';
		} elsif ($quote eq '"' && $name !~ m{/} && -e "src/$dir/$name") {
			bad('floors', $file, $n, "write #include \"$dir/$name\"");
		} elsif ($quote eq '"' && defined $to && defined $floor{$to} && -d "src/$to") {
			bad('floors', $file, $n, "$name is not there");
		}
		bad('plain-base', $file, $n, "floor 0 includes $name") if $mine == 0 && $name =~ m{^(postgres|c\.h$|openssl/|curl/|ldns/)};
		bad('no-server-below', $file, $n, "a plain floor includes $name") if $plain{$dir} && $name =~ m{^(postgres\.h|fmgr\.h|executor/|access/|utils/|catalog/|miscadmin\.h)} && $file !~ $pallocs;
		bad('crypto-place', $file, $n, "src/pg includes $name") if $mine == 1 && $name =~ m{^openssl/};
		bad('curl-place', $file, $n, "$name only in src/net and src/acme") if $name =~ m{^curl/} && $dir !~ /^(net|acme)$/;
	}
	my $c = $code{$file};
	while ($plain{$dir} && $c =~ /\b(ereport|elog|PG_TRY|PG_RE_THROW)\b/g) { bad('no-throw', $file, line_of($c, $-[0]), "$1 in a floor that returns a CmStatus"); }
	while ($c =~ /\bPG_VERSION_NUM\b/g) { bad('pg-version', $file, line_of($c, $-[0]), 'PG_VERSION_NUM outside src/pg/compat.h and src/pg/json_compat.h') unless $file =~ m{^src/pg/(json_)?compat\.h$}; }
	while ($c =~ /\bOPENSSL_VERSION\w*/g) { bad('openssl-version', $file, line_of($c, $-[0]), "$& outside src/crypto/compat.h") unless $file eq 'src/crypto/compat.h'; }
	while ($c =~ /\bLIBCURL_VERSION\w*/g) { bad('curl-version', $file, line_of($c, $-[0]), "$& outside src/net/compat.h") unless $file eq 'src/net/compat.h'; }
	while ($c =~ /(?<![\w.>])(strcpy|sprintf|vsprintf|strtok|popen|system)\s*\(/g) { bad('banned', $file, line_of($c, $-[0]), "$1()"); }
	while ($c =~ /\bereport\s*(\((?:[^()]++|(?1))*\))/g) {
		my ($call, $at) = ($1, $-[0]);
		next unless $call =~ /^\(\s*(ERROR|FATAL|PANIC)\b/;
		bad('errcode', $file, line_of($c, $at), "ereport($1) without an errcode") unless $call =~ /\berrcode(_for_\w+)?\s*\(/;
	}
	prefix($file, $c) if $file =~ /\.h$/;
}

# Functions that a header declares: a name before "(" at the outermost level, outside structs and static inline bodies.
sub prefix {
	my ($file, $c) = @_;
	$c =~ s{^[ \t]*\#(?:[^\n\\]|\\\n|\\.)*}{ my $d = $&; $d =~ s/[^\n]/ /g; $d }gme;
	$c =~ s/__attribute__\s*(\((?:[^()]++|(?1))*\))/' ' x length($&)/ge;
	$c =~ s/\{(?:[^{}]++|(?R))*\}/my $d = $&; $d =~ s{[^\n]}{ }g; $d/ge;
	my $at = 0;
	for my $decl (split /;/, $c) {
		my $here = $at; $at += length($decl) + 1;
		next if $decl =~ /\b(typedef|static)\b/ || $decl !~ /\(/;
		$decl =~ s/\bCM_PRINTF\s*\(.*//s;
		# The first parenthesis: of a function's parameters, or of a variable that points to a function.
		next unless $decl =~ /^[^(]*\(\s*\*\s*(\w+)\s*\)\s*\(/ || $decl =~ /^[^(]*?([A-Za-z_]\w*)\s*\(/;
		my ($name, $pos) = ($1, $-[1]);
		next if $name =~ /^(cm_|PG_|_PG_)/ || $name =~ /^[A-Z_0-9]+$/;
		bad('prefix', $file, line_of($c, $here + $pos), "$name() is extern and does not begin with cm_");
	}
}

for my $rule (@rules) {
	next if defined $only && $only ne $rule;
	print $bad{$rule} ? "not ok $rule\n" : "ok $rule\n";
	print "    $_\n" for @{$bad{$rule} || []};
}
PERL
}

# self_test: a rule that cannot fail checks nothing.
self_test() {
	local tree rule file text
	tree=$CM_TMP/tree
	while IFS='|' read -r rule file text; do
		rm -rf "$tree"
		mkdir -p "$tree/src"/{base,pg,crypto,x509,net,acme,store,api} "$tree/$(dirname "$file")"
		printf 'extern int cm_x_get(void);\n' >"$tree/src/store/x.h"
		printf 'extern int cm_y_get(void);\n' >"$tree/src/net/y.h"
		printf '#include "store/x.h"\n/* ereport(ERROR) popen( PG_VERSION_NUM */\nconst char *cm_a = "system(";\n' >"$tree/src/api/good.c"
		printf 'int cm_a;\n' >"$tree/src/base/a.c"
		if rules "$tree" | grep -q '^not ok'; then
			say "not ok self test: a good tree is refused"; rules "$tree"
			return
		fi
		printf '%b\n' "$text" >"$tree/$file"
		if rules "$tree" "$rule" | grep -q "^ok"; then say "not ok self test of $rule: $text"; return; fi
	done <<-'T'
	floors|src/base/a.c|#include "store/x.h"
	floors|src/net/a.c|#include "store/x.h"
	floors|src/x509/a.c|#include "net/y.h"
	floors|src/attic/a.c|int a;
	plain-base|src/base/a.h|#include "postgres.h"
	plain-base|src/base/a.h|# include <openssl/evp.h>
	no-server-below|src/crypto/a.c|#include "postgres.h"
	no-throw|src/x509/a.c|void f(void) { ereport(LOG, (errmsg("x"))); }
	no-throw|src/acme/a.c|void f(void) { PG_TRY(); }
	crypto-place|src/pg/a.c|#include <openssl/evp.h>
	curl-place|src/api/a.c|#include <curl/curl.h>
	pg-version|src/store/a.c|#if PG_VERSION_NUM >= 160000\n#endif
	openssl-version|src/x509/a.c|#if OPENSSL_VERSION_NUMBER > 1\n#endif
	curl-version|src/net/a.c|#if LIBCURL_VERSION_NUM > 1\n#endif
	prefix|src/net/a.h|extern int\nget_it(int a);
	prefix|src/net/a.h|typedef struct X { int (*f) (int); } X;\nchar *get_it(void);
	banned|src/base/b.h|void cm_f(char *a) { strcpy(a, "x"); }
	banned|src/api/b.c|void f(void) { system("x"); }
	errcode|src/api/b.c|void f(void)\n{\n\tereport(ERROR,\n\t\t(errmsg("errcode(")));\n}
	errcode|src/api/b.c|void f(void) { ereport(FATAL, errmsg("x"), errdetail("(")); }
	T
	say 'ok self test: every rule can fail'
}

scratch_make layers
trap 'scratch_remove "$CM_TMP"' EXIT
{
	[ -n "${1:-}" ] || self_test
	rules "${1:-$CM_ROOT}"
} >"$CM_TMP/result"
cat "$CM_TMP/result"
failed=$(grep -c '^not ok' "$CM_TMP/result" || true)
say "layers: $(grep -c '^ok' "$CM_TMP/result" || true) passed, $failed failed"
[ "$failed" = 0 ]
