#!/bin/bash
# zlint.sh build
#
# zlint, the linter of the public CAs, for what this CA makes. "build" prints the program's path, or says why there is none and fails.
#
# Which one: CERTMGR_ZLINT (a program), else the distribution's package (Debian 13 has it, packages.sh installs it), else this version
# built by Go with modules from the network, once, into CERTMGR_PEERS_DIR (default ~/.cache/certmgr).
. "$(dirname "$0")/../lib.sh"

VERSION=3.6.8

build() {
	local go dir out
	if [ -n "${CERTMGR_ZLINT:-}" ]; then say "$CERTMGR_ZLINT"; return 0; fi
	if command -v zlint; then return 0; fi
	dir=${CERTMGR_PEERS_DIR:-${XDG_CACHE_HOME:-${HOME:-/nonexistent}/.cache}/certmgr}
	out=$dir/zlint-$VERSION
	if [ -x "$out" ] && [ -O "$out" ]; then say "$out"; return 0; fi
	go=$(find_go)
	[ -n "$go" ] || die 'no zlint: neither a package "zlint" nor Go 1.24'
	mkdir -p "$dir"
	say 'building zlint (once)' >&2
	# Its own directory: "go install" names the program, and half a program must not be found by the next run.
	if GOTOOLCHAIN=local CGO_ENABLED=0 GOFLAGS=-buildvcs=false GOBIN=$dir/zlint.$$ timeout 400 "$go" install "github.com/zmap/zlint/v3/cmd/zlint@v$VERSION" >&2; then
		mv "$dir/zlint.$$/zlint" "$out"
		rm -rf "$dir/zlint.$$"
		say "$out"
		return 0
	fi
	rm -rf "$dir/zlint.$$"
	die 'no zlint: Go could not build it (are its modules within reach?)'
}

case ${1:-} in
	build) build ;;
	*) die 'usage: zlint.sh build' ;;
esac
