#!/usr/bin/env bash
# Installs the Debian package into a new Debian system without Swift and uses it there, with real
# Mosquittos on both sides: install, run, upgrade with a full ring, remove, purge.
#
#   scripts/package-test.sh      needs .build/deb/holdfast_*.deb, which scripts/deb.sh makes
#
# It needs root, name spaces, and Debian's archive to make the system from. Where one of them is
# missing it says "SKIPPED", which the test run counts, and ends with 0.
set -euo pipefail
cd "$(dirname "$0")/.."

skip() {
  echo "package: SKIPPED: $*"
  exit 0
}
fail() {
  echo "package: FAILED: $*" >&2
  exit 1
}

package=$(ls .build/deb/holdfast_*.deb) || fail "no package: run scripts/deb.sh first"
[ "$(id -u)" -eq 0 ] || skip "needs root"
unshare --net --mount --pid --fork true 2> /dev/null || skip "no name spaces here"
work=$(mktemp -d /var/tmp/holdfast-package.XXXXXX)
# What is mounted in the other name space is gone with it.
trap 'rm -rf "$work"' EXIT

# The version before: there has been no release yet, so it is this package with a lower number.
dpkg-deb --raw-extract "$package" "$work/before"
sed -i 's/^Version: .*/Version: 0.0.1/' "$work/before/DEBIAN/control"
dpkg-deb --root-owner-group --build "$work/before" "$work/before.deb" > /dev/null
rm -r "$work/before"
cp "$package" "$work/now.deb"

echo "package: making a Debian system"
# On a machine systemd makes the user; without it this small program does. apt must find the rest.
mmdebstrap --quiet --variant=minbase --include=mosquitto,mosquitto-clients \
  --include=systemd-standalone-sysusers,iproute2,bash-completion \
  --customize-hook="copy-in $work/before.deb $work/now.deb scripts/package-test-inside.sh /srv" \
  --customize-hook='chroot "$1" apt-get install -y -qq --no-install-recommends /srv/before.deb' \
  bookworm "$work/system" > "$work/make.log" 2>&1 || {
  # Without the archive there is no system; with it, what apt says is a defect of the package.
  if [ -e "$work/system/srv/before.deb" ] || grep -q before.deb "$work/make.log"; then
    tail -n 20 "$work/make.log" >&2
    fail "the package can't be installed"
  fi
  skip "no Debian system can be made: $(tail -n 1 "$work/make.log")"
}

# A network, a mount table and a process table of its own: nothing of it outlives the command.
timeout 300 unshare --net --mount --pid --fork --kill-child --mount-proc="$work/system/proc" \
  chroot "$work/system" /bin/bash /srv/package-test-inside.sh || fail "see above"
echo "package: installed, upgraded with a full ring, removed and purged; nothing lost"
