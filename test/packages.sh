#!/bin/bash
# packages.sh [build|demo|test|bench]: installs by apt what is missing for that (default: test), and nothing when all is there.
#
# Looks for what is needed, not for package names, so that a PostgreSQL or a Go of another origin counts. Installing a package
# must not start a service on this machine: Debian would make and start a cluster "main" for PostgreSQL and start BIND, PowerDNS and Knot.
# Set CERTMGR_SKIP_PACKAGES=1 to skip it all.
. "$(dirname "$0")/lib.sh"

missing=()
# need PACKAGES COMMAND...: the packages are missing unless the command succeeds.
need() {
	local packages=$1; shift
	if ! "$@" >/dev/null 2>&1; then
		local p
		for p in $packages; do missing+=("$p"); done
	fi
}
have() { command -v "$1"; }
# shellcheck disable=SC2317,SC2329	# called by need
curl_with_openssl() { curl-config --ssl-backends | grep -q OpenSSL; }

# The major version to use: newest installed server, else what the distribution's "postgresql" depends on.
pg_version() {
	local config
	config=$(find_pg_config)
	if [ -n "$config" ]; then
		"$config" --version | sed 's/^PostgreSQL \([0-9]*\).*/\1/'
	else
		LC_ALL=C apt-cache show postgresql 2>/dev/null | sed -n 's/^Depends:.*postgresql-\([0-9][0-9]*\).*/\1/p' | sort -n | tail -n 1
	fi
}

# Go where it is new enough or can be had so; else Debian's Pebble.
need_pebble() {
	local candidate
	[ -z "$(find_go)" ] || return 0
	candidate=$(LC_ALL=C apt-cache policy golang-go 2>/dev/null | sed -n 's/^ *Candidate: *\(2:\)\{0,1\}1\.\([0-9]*\).*/\2/p')
	if [ "${candidate:-0}" -ge 24 ]; then missing+=(golang-go); else need pebble have pebble; fi
}

# Where the distribution has it (Debian 13); otherwise test/peers/zlint.sh builds it with Go, or the test is skipped.
need_zlint() {
	if LC_ALL=C apt-cache policy zlint 2>/dev/null | grep -q '^ *Candidate: *[0-9]'; then need zlint have zlint; fi
}

look() {
	local version pgxs
	missing=()
	need gcc have gcc
	need libc6-dev test -f /usr/include/stdio.h
	need pkg-config have pkg-config
	need perl have prove
	need libssl-dev pkg-config --exists libssl
	need libcurl4-openssl-dev curl_with_openssl
	need libpsl-dev pkg-config --exists libpsl
	need libexpat1-dev pkg-config --exists expat
	need libidn2-dev pkg-config --exists libidn2
	need libldns-dev eval 'pkg-config --exists ldns || pkg-config --exists libldns'
	version=$(pg_version)
	if [ -n "$version" ]; then
		need "postgresql-$version" test -n "$(find_pg_config)"
		pgxs=$("$(find_pg_config)" --pgxs 2>/dev/null || true)
		need "postgresql-server-dev-$version" test -f "$pgxs"
	else
		missing+=(postgresql postgresql-server-dev-all)
	fi
	case $purpose in
		demo|test)
			need openssl have openssl
			need curl have curl
			need ca-certificates test -d /etc/ssl/certs
			need bind9 have named
			need bind9-dnsutils eval 'command -v dig && command -v nsupdate'
			need_pebble ;;
	esac
	case $purpose in
		test)
			need libcmocka-dev pkg-config --exists cmocka
			need libipc-run-perl perl -MIPC::Run -e 1
			need python3 have python3
			need python3-venv eval '"$(find_python)" -c "import ensurepip"'
			need pdns-server have pdns_server
			need pdns-backend-sqlite3 eval 'ls /usr/lib/*/pdns/libgsqlite3backend.so'
			need knot have knotd
			need python3-cryptography /usr/bin/python3 -c 'import cryptography'
			need python3-h2 /usr/bin/python3 -c 'import h2'
			need gnutls-bin have certtool
			need_zlint ;;
		bench)
			need openssl have openssl
			need bind9 have named
			need bind9-dnsutils eval 'command -v dig && command -v nsupdate'
			need_pebble
			need lego have lego
			need certbot have certbot
			need python3-certbot-dns-rfc2136 eval 'certbot plugins 2>/dev/null | grep -qw rfc2136' ;;
	esac
}

# As root: apt, with no service started and no cluster made.
install() {
	local policy=/usr/sbin/policy-rc.d drop=/etc/postgresql-common/createcluster.d/certmgr-test.conf server were_here=''
	# Not local: the trap runs when this function is gone.
	made=()
	log=$(mktemp)
	for server in named pdns_server knotd certbot; do
		if have $server >/dev/null; then were_here+=" $server "; fi
	done
	# shellcheck disable=SC2317,SC2329	# called by the trap
	undo() { local f; for f in "${made[@]}"; do rm -f "$f"; done; rmdir /etc/postgresql-common/createcluster.d /etc/postgresql-common 2>/dev/null || true; rm -f "$log"; }
	trap undo EXIT
	if [ ! -e $policy ]; then
		made+=("$policy")
		printf '%s\n' '#!/bin/sh' '# Temporary, made by test/packages.sh of certmgr: these are not to be started by their installation.' \
			'case " $* " in *named*|*bind9*|*pdns*|*knot*|*postgresql*|*certbot*) exit 101 ;; esac' 'exit 0' >$policy
		chmod 755 $policy
	fi
	# A drop-in is read after createcluster.conf. Whoever has PostgreSQL already has decided that for himself.
	if ! have pg_createcluster >/dev/null && [ ! -e $drop ]; then
		mkdir -p "${drop%/*}"
		made+=("$drop")
		say 'create_main_cluster = false' >$drop
	fi
	export DEBIAN_FRONTEND=noninteractive
	# A fresh machine may be busy with its own first upgrade: wait for apt's lock.
	local apt=(apt-get -q -y -o DPkg::Lock::Timeout=300 -o Dpkg::Use-Pty=0)
	local go=("${apt[@]}" install --no-install-recommends "$@")
	if ! "${go[@]}" >"$log" 2>&1; then
		# No lists yet, or old ones.
		{ "${apt[@]}" update && "${go[@]}"; } >"$log" 2>&1 || { tail -n 25 "$log" >&2; die "apt could not install: $*"; }
	fi
	have systemctl >/dev/null || return 0
	# Nobody asked for name servers that start with the machine, or for certbot's renewals.
	for server in named:named.service pdns_server:pdns.service knotd:knot.service certbot:certbot.timer; do
		if [[ $were_here != *" ${server%:*} "* ]] && have "${server%:*}" >/dev/null; then systemctl disable -q "${server#*:}" >/dev/null 2>&1 || true; fi
	done
}

if [ "${1:-}" = --install ]; then
	shift
	install "$@"
	exit 0
fi

purpose=${1:-test}
[ -z "${CERTMGR_SKIP_PACKAGES:-}" ] || exit 0
# Twice: before the first "apt-get update" of a machine it is not known which version there is.
for round in 1 2 3; do
	look
	[ ${#missing[@]} -gt 0 ] || exit 0
	if ! have apt-get >/dev/null; then
		die "this is not Debian, and something is missing. On Debian it would be the packages: ${missing[*]}"
	fi
	if ! can_root; then
		die "packages are missing, and neither root nor sudo without a password is at hand. Run: apt-get install ${missing[*]}"
	fi
	if [ "$round" = 3 ]; then break; fi
	if [ "$round" = 1 ] && [ -z "$(LC_ALL=C apt-cache policy libldns-dev 2>/dev/null | sed -n 's/^ *Candidate: *\([0-9].*\)/\1/p')" ]; then
		say 'Reading the package lists'
		as_root apt-get -q update >/dev/null || die 'apt-get update failed'
		look
	fi
	say "Installing packages (a minute or two): ${missing[*]}"
	as_root bash "$0" --install "${missing[@]}"
done
die "installed, and still not found: ${missing[*]}"
