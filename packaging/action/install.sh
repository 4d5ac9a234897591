#!/usr/bin/env bash
# Puts postseal on the runner: a release, whose checksum must be right, or this
# checkout built with Go. It also has to run under bash 3.2, which macOS has.
set -euo pipefail

die() {
  printf '::error title=postseal::%s\n' "$1"
  exit 2
}

# Windows has paths such as D:\a\_temp; with slashes bash and postseal read them both.
path() {
  if command -v cygpath >/dev/null; then cygpath -m "$1"; else printf '%s\n' "$1"; fi
}

dir=$(mktemp -d "$(path "${RUNNER_TEMP:-/tmp}")/postseal-bin.XXXXXX")
exe=postseal
[ "${RUNNER_OS:-}" != Windows ] || exe=postseal.exe

done_with() {
  "$dir/$exe" version
  printf 'bin=%s\n' "$dir/$exe" >>"$GITHUB_OUTPUT"
  [ -z "${GITHUB_PATH:-}" ] || printf '%s\n' "$dir" >>"$GITHUB_PATH"
  exit 0
}

version=${INPUT_VERSION:-latest}
if [ "$version" = source ]; then
  command -v go >/dev/null || die "version: source needs Go; add actions/setup-go before this step"
  (cd "$(path "$POSTSEAL_ACTION")" && CGO_ENABLED=0 go build -trimpath -o "$dir/$exe" ./cmd/postseal)
  done_with
fi

case "${RUNNER_OS:-}" in
  Linux) os=linux ;;
  macOS) os=darwin ;;
  Windows) os=windows ;;
  *) die "there is no release for this operating system; use version: source" ;;
esac
case "${RUNNER_ARCH:-}" in
  X64) arch=amd64 ;;
  ARM64) arch=arm64 ;;
  *) die "there is no release for this processor; use version: source" ;;
esac
# The name of .goreleaser.yaml. It holds no version, so that latest needs no
# question to the API. Windows gets tar.gz besides zip: its bash may lack unzip.
asset="postseal_${os}_${arch}.tar.gz"

releases=${POSTSEAL_RELEASES:-https://github.com/postseal/postseal/releases}
number='^v?[0-9]+\.[0-9]+\.[0-9]+(-[0-9A-Za-z.-]+)?$'
if [ "$version" = latest ]; then
  from="$releases/latest/download"
elif [[ $version =~ $number ]]; then
  from="$releases/download/v${version#v}"
else
  die "version must be latest, source or a release such as v1.2.3"
fi

# A mirror may be on plain HTTP only where whoever wrote the workflow said so.
protocols='=https'
case "$releases" in http://*) protocols='=http' ;; esac
get() {
  curl --fail --silent --show-error --location --proto "$protocols" --retry 3 --connect-timeout 20 --max-time 300 \
    --max-filesize 200000000 --output "$2" "$from/$1" || die "$from/$1 could not be downloaded"
}
cd "$dir" # tar would take the D: of a path for a host
get checksums.txt checksums.txt
get "$asset" "$asset"

want=$(awk -v f="$asset" '$2 == f || $2 == "*" f { print $1 }' checksums.txt)
if command -v sha256sum >/dev/null; then
  got=$(sha256sum "$asset")
else
  got=$(shasum -a 256 "$asset")
fi
got=${got%% *}
[ -n "$want" ] || die "checksums.txt does not name $asset"
[ "$want" = "$got" ] || die "the checksum of $asset is wrong: nothing of it was run"

if [ "${INPUT_ATTESTATION:-false}" = true ]; then
  command -v gh >/dev/null || die "attestation: true needs the GitHub CLI, gh"
  gh attestation verify "$asset" --repo postseal/postseal || die "the attestation of $asset could not be verified"
fi

tar -xzf "$asset" "$exe" || die "$asset does not hold $exe"
done_with
