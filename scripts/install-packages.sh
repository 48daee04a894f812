#!/usr/bin/env bash
# Installs the Debian packages that are missing, and says what it does.
#
#   scripts/install-packages.sh build        what the compiler and the linker need
#   scripts/install-packages.sh demo         and what `make demo` needs
#   scripts/install-packages.sh deb          what the Debian package is made with
#   scripts/install-packages.sh test         all of these, and what the tests need
#   scripts/install-packages.sh brokers      and central brokers of other makes, with Java and Erlang
#
# Does nothing, and needs no rights, where all is there. Starts no service.
set -euo pipefail

build=(git libmicrohttpd-dev libmosquitto-dev librdkafka-dev libssl-dev libzstd-dev zlib1g-dev
  pkg-config)
demo=("${build[@]}" mosquitto)
deb=("${build[@]}" debhelper dpkg-dev fakeroot lintian python3)
# The end-to-end rounds: another broker, file systems, networks and clocks that fail.
test=("${demo[@]}" "${deb[@]}" mmdebstrap mosquitto-clients kcat nats-server e2fsprogs
  libeatmydata1 gcc libc6-dev nftables iproute2 util-linux libfaketime openssl python3-jsonschema
  systemd
  # The centre's recipe for exactly once.
  postgresql
  # The status page: a browser, something to drive it with, and the metrics' own linter.
  chromium fonts-dejavu-core python3-venv prometheus tmux)

brokers=("${test[@]}" ejabberd activemq libmqtt-client-java libhawtdispatch-java rabbitmq-server)

case "${1:-build}" in
  build) wanted=("${build[@]}") ;;
  demo) wanted=("${demo[@]}") ;;
  deb) wanted=("${deb[@]}") ;;
  test) wanted=("${test[@]}") ;;
  brokers) wanted=("${brokers[@]}") ;;
  *)
    echo "usage: $0 build|demo|deb|test|brokers" >&2
    exit 64
    ;;
esac

fail() {
  echo "install-packages: $*" >&2
  exit 1
}

command -v dpkg-query > /dev/null ||
  fail "this is not a Debian system; please install what corresponds to: ${wanted[*]}"

is_installed() {
  [ "$(dpkg-query -W -f='${db:Status-Status}' "$1" 2> /dev/null)" = installed ]
}

missing=()
for package in "${wanted[@]}"; do
  is_installed "$package" || missing+=("$package")
done
[ ${#missing[@]} -gt 0 ] || exit 0

as_root=()
if [ "$(id -u)" -ne 0 ]; then
  command -v sudo > /dev/null ||
    fail "missing packages, and neither root nor sudo; please run: apt-get install ${missing[*]}"
  if [ ! -t 0 ] && ! sudo -n true 2> /dev/null; then
    fail "missing packages, and sudo would ask for a password; please run:" \
      "sudo apt-get install ${missing[*]}"
  fi
  as_root=(sudo)
fi
echo "install-packages: installing ${missing[*]}${as_root:+ (with sudo)}"

# Debian starts a service when its package is installed, unless this file says no. Nothing that
# we install may run by itself: the demo and the tests start brokers of their own.
policy=/usr/sbin/policy-rc.d
made_policy=
cleanup() {
  if [ -n "$made_policy" ]; then "${as_root[@]}" rm -f "$policy"; fi
}
trap cleanup EXIT
if [ ! -e "$policy" ]; then
  made_policy=1
  printf '#!/bin/sh\nexit 101\n' | "${as_root[@]}" tee "$policy" > /dev/null
  "${as_root[@]}" chmod 755 "$policy"
fi

apt=("${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -q -y
  -o DPkg::Lock::Timeout=120)

knows_all() {
  local package
  for package in "${missing[@]}"; do
    apt-cache policy "$package" 2> /dev/null | grep -q 'Candidate: [^(]' || return 1
  done
}

log=$(mktemp)
install() {
  "${apt[@]}" install --no-install-recommends "${missing[@]}" < /dev/null > "$log" 2>&1
}
update() {
  echo "install-packages: fetching the package lists"
  "${apt[@]}" update < /dev/null > "$log" 2>&1
}
give_up() {
  tail -n 15 "$log" >&2
  rm -f "$log"
  fail "could not install ${missing[*]}; the last lines above say why"
}

knows_all || update || give_up
if ! install; then
  # The lists may be older than the archive.
  update || give_up
  install || give_up
fi
rm -f "$log"

for package in "${missing[@]}"; do
  is_installed "$package" || fail "$package is still missing after its installation"
done
