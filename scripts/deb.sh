#!/usr/bin/env bash
# Builds the Debian package into .build/deb, and lets lintian judge it: a warning fails.
# The program is built like `make build`; its own tests are `make test`'s business.
set -euo pipefail
cd "$(dirname "$0")/.."
output=.build/deb

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
