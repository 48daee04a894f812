#!/usr/bin/env bash
# Builds the Debian package into .build/deb, and lets lintian judge it: a warning fails.
# The program is built like `make build`; its own tests are `make test`'s business.
#
#   scripts/deb.sh
#   scripts/deb.sh --compare     what is committed, from two clones in different places, byte by byte
set -euo pipefail
cd "$(dirname "$0")/.."
output=.build/deb

# Two builds from the beginning: a quarter of an hour on two cores.
compare() {
  local work place packages=()
  work=$(mktemp -d /var/tmp/holdfast-compare.XXXXXX)
  trap 'rm -rf "$work"' EXIT
  for place in "$work/one" "$work/another/with-a-longer-name"; do
    git clone --quiet . "$place"
    echo "deb: building in $place"
    (cd "$place" && scripts/deb.sh) > "$work/log" || {
      tail -n 20 "$work/log" >&2
      exit 1
    }
    packages+=("$(ls "$place"/.build/deb/holdfast_*.deb)")
  done
  if cmp --silent "${packages[@]}"; then
    echo "deb: both are the same: $(sha256sum < "${packages[0]}" | cut -d ' ' -f 1)"
    return
  fi
  dpkg-deb --raw-extract "${packages[0]}" "$work/left"
  dpkg-deb --raw-extract "${packages[1]}" "$work/right"
  echo "deb: the two differ:" >&2
  diff --recursive --brief "$work/left" "$work/right" >&2 || true
  exit 1
}

case "${1:-}" in
  '') ;;
  --compare)
    compare
    exit
    ;;
  *)
    echo "usage: $0 [--compare]" >&2
    exit 64
    ;;
esac

rm -rf "$output" debian/holdfast debian/.debhelper debian/debhelper-build-stamp
mkdir -p "$output"
dpkg-buildpackage --build=binary --no-sign --no-pre-clean --no-check-builddeps \
  --buildinfo-option=-u"$output" --buildinfo-file="$output/holdfast.buildinfo" \
  --changes-option=-u"$output" --changes-file="$output/holdfast.changes" > "$output/build.log" 2>&1 || {
  tail -n 40 "$output/build.log" >&2
  exit 1
}
# Root is what builds in a container: no reason to complain.
lintian --allow-root --fail-on error,warning "$output"/holdfast_*.deb
# What was put together for it holds copies of pages, which the next test run would take for ours.
rm -rf debian/holdfast debian/.debhelper debian/debhelper-build-stamp debian/files \
  debian/*.substvars debian/*.debhelper debian/*.debhelper.log
ls -l "$output"/holdfast_*.deb
