#!/bin/bash
# Within the new system, as root; called by package-test.sh. The version before is installed.
set -euo pipefail
export DEBIAN_FRONTEND=noninteractive PATH=/usr/sbin:/usr/bin:/sbin:/bin
readonly config=/etc/holdfast/holdfast.toml
readonly ring=/var/lib/holdfast/ring

fail() {
  echo "package: $*" >&2
  tail -n 20 /srv/*.log >&2 2> /dev/null || true
  exit 1
}
# Waits up to a minute for a command to succeed.
await() {
  local tries=0
  until "${@:2}" > /dev/null 2>&1; do
    [ $((tries += 1)) -le 300 ] || fail "in vain waited for: $1"
    sleep 0.2
  done
}
start_agent() {
  setpriv --reuid=holdfast --regid=holdfast --clear-groups \
    holdfast run --config "$config" >> /srv/agent.log 2>&1 &
  agent=$!
}
stop_agent() {
  kill "$agent"
  wait "$agent" || fail "the agent ended with $?"
}
start_broker() { # name, port
  mkdir -p "/srv/$1"
  chown mosquitto "/srv/$1"
  printf '%s\n' "listener $2 127.0.0.1" 'allow_anonymous true' 'persistence true' \
    "persistence_location /srv/$1/" 'max_queued_messages 1000000' 'user root' > "/srv/$1.conf"
  mosquitto -c "/srv/$1.conf" > "/srv/$1.log" 2>&1 &
  await "the broker $1" mosquitto_pub -h 127.0.0.1 -p "$2" -t probe -n
}
received() { holdfast ring ls --json | sed -n 's/.*"received":\([0-9]*\).*/\1/p' | head -n 1; }
ip link set lo up

# What is installed.
! command -v swift > /dev/null || fail "there is Swift here: this proves nothing"
! ldd /usr/bin/holdfast | grep -E 'swift|not found' || fail "the program needs what isn't there"
id holdfast > /dev/null || fail "no user holdfast"
[ "$(stat -c '%U %a' /var/lib/holdfast)" = 'holdfast 700' ] || fail "/var/lib/holdfast: $(stat -c '%U %a' /var/lib/holdfast)"
holdfast check > /dev/null || fail "the default configuration is refused"
for page in 'man1/holdfast.1.gz' 'man5/holdfast.toml.5.gz'; do
  [ -s "/usr/share/man/$page" ] || fail "no page $page"
done
bash -c '. /usr/share/bash-completion/completions/holdfast && complete -p holdfast' > /dev/null ||
  fail "no completions"

# A small ring that refuses what it has no room for; the edit must outlive the upgrade.
sed -i 's/^size = .*/size = "32MiB"/; s/^when_full = .*/when_full = "refuse-newest"/' "$config"
start_broker sensors 1883
start_agent
await "the subscription" grep -q "source floor" /srv/agent.log
sleep 1
head -c 200000 /dev/urandom > /srv/payload
mosquitto_pub -h 127.0.0.1 -t sensors/first -q 1 -m first
for n in $(seq 240); do mosquitto_pub -h 127.0.0.1 -t "sensors/blob/$n" -q 1 -f /srv/payload; done
await "a full ring" grep -qE 'health full|ring is full' /srv/agent.log
before=$(holdfast ring ls --json | md5sum)
stop_agent
stored=$(holdfast ring cat --json | grep -c '"topic"')
[ "$stored" -gt 100 ] || fail "only $stored events are stored"

# Upgrade, without a question about the edited file.
dpkg -i /srv/now.deb > /srv/upgrade.log 2>&1 < /dev/null || fail "the upgrade failed: $(tail -n 3 /srv/upgrade.log)"
grep -q '^size = "32MiB"' "$config" || fail "the upgrade threw the edited configuration away"
[ "$(holdfast ring cat --json | grep -c '"topic"')" = "$stored" ] || fail "the upgrade touched the ring"

# The centre appears: all of it arrives.
start_broker centre 2883
mosquitto_sub -h 127.0.0.1 -p 2883 -t 'sensors/#' -q 1 -c -i centre -F '%t %l' > /srv/arrived.txt &
await "the centre's session" grep -q "centre" /srv/centre.log
sleep 1
start_agent
all_arrived() { [ "$(sort -u /srv/arrived.txt | wc -l)" -eq 241 ]; }
await "241 events at the centre" all_arrived
! grep -v -e ' 200000$' -e '^sensors/first 5$' /srv/arrived.txt || fail "altered on the way"
stop_agent
holdfast ring verify > /srv/verify.log || fail "the ring doesn't verify"

# Removing keeps what may not have been delivered yet; purging deletes it.
dpkg -r holdfast > /dev/null 2>&1
[ -d "$ring" ] && [ -e "$config" ] || fail "remove took the ring or the configuration away"
dpkg -i /srv/now.deb > /dev/null 2>&1
start_agent
await "a start with the ring that was kept" grep -q "source floor" /srv/agent.log
sleep 1
stop_agent
dpkg --purge holdfast > /srv/purge.log 2>&1 || fail "purge failed: $(tail -n 3 /srv/purge.log)"
[ ! -e /var/lib/holdfast ] && [ ! -e /etc/holdfast ] || fail "purge left files: $(ls -d /var/lib/holdfast /etc/holdfast 2> /dev/null)"
