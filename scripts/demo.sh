#!/usr/bin/env bash
# The demo: sensors -> Mosquitto -> Holdfast -> Mosquitto -> a collector that tallies.
# Meanwhile the central broker goes away for ten seconds and Holdfast is killed with -9.
#
# Everything runs on 127.0.0.1, in a temporary directory, and is stopped at the end.
# KEEP=1 leaves it running and says how to look at it and how to stop it.
set -euo pipefail
cd "$(dirname "$0")/.."
PATH=$PATH:/usr/sbin:/sbin

readonly sensors_port=21883
readonly central_port=22883
readonly rate=500
readonly steady_seconds=8
readonly idle_seconds=30
readonly holdfast=.build/release/holdfast
readonly traffic=.build/release/traffic
readonly config=config/demo.toml
keep=${KEEP:-}

sensors_pid= central_pid= holdfast_pid= publisher_pid= collector_pid=
viewer_pids=()
directory=
started=$SECONDS

say() { printf '%3ds  %s\n' "$((SECONDS - started))" "$*"; }
fail() {
  echo "demo: $*" >&2
  exit 1
}
runs() { [ -n "$1" ] && kill -0 "$1" 2> /dev/null; }

# Asks a process to stop, and waits until it has; after ten seconds it is killed.
stop() {
  local pid=$1 tries=0
  runs "$pid" || return 0
  kill "$pid" 2> /dev/null || return 0
  while runs "$pid" && [ $((tries += 1)) -le 100 ]; do sleep 0.1; done
  if runs "$pid"; then kill -9 "$pid" 2> /dev/null || true; fi
  { wait "$pid" || true; } 2> /dev/null
}

cleanup() {
  local status=$?
  trap - EXIT
  trap '' INT TERM HUP
  if [ -n "$keep" ] && [ "$status" -eq 0 ]; then exit 0; fi
  for pid in $publisher_pid $holdfast_pid $collector_pid $central_pid $sensors_pid; do
    stop "$pid"
  done
  for pid in "${viewer_pids[@]}"; do stop "$pid"; done
  if [ -n "$directory" ]; then
    if [ "$status" -eq 0 ] || [ "$status" -ge 128 ]; then
      rm -rf "$directory"
    else
      echo "demo: the logs are in $directory" >&2
    fi
  fi
  exit "$status"
}
trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

is_taken() { (: < "/dev/tcp/127.0.0.1/$1") 2> /dev/null; }

# A session of its own, so that Ctrl-C reaches this script alone and it can stop all in order.
start() {
  local log=$1
  shift
  setsid "$@" >> "$log" 2>&1 < /dev/null &
}

# Prints the lines of a log that match, as they come.
show() { # name, pattern, log
  tail -n +1 -F "$3" 2> /dev/null > >(exec sed -un "s/$2/      $1 | /p") &
  viewer_pids+=($!)
}

wait_for_port() {
  local tries=0
  until is_taken "$1"; do
    runs "$2" || fail "$3 ended at once: $(tail -n 3 "$4")"
    [ $((tries += 1)) -le 100 ] || fail "$3 does not answer on port $1"
    sleep 0.1
  done
}

wait_for_line() { # line, log, process, its name
  local tries=0
  until grep -q "$1" "$2"; do
    runs "$3" || fail "$4 ended at once: $(tail -n 3 "$2")"
    [ $((tries += 1)) -le 200 ] || fail "$4 is not ready after 20 seconds: $(tail -n 3 "$2")"
    sleep 0.1
  done
}

configure_broker() { # name port
  mkdir "$directory/$1"
  cat > "$directory/$1.conf" << END
listener $2 127.0.0.1
allow_anonymous true
# Queued messages must outlive a restart of the broker: write them at its end and every second.
persistence true
persistence_location $directory/$1/
autosave_interval 1
# What Mosquitto keeps for a subscriber that is away. It acknowledges more than that, too, and
# drops it without a word; the default is 1000.
max_queued_messages 1000000
log_type error
log_type warning
log_type notice
log_type information
# Says who subscribes: nothing may be published before Holdfast has.
log_type subscribe
END
  # Started by root, Mosquitto becomes user mosquitto.
  if [ "$(id -u)" -eq 0 ]; then chown mosquitto "$directory/$1"; fi
}

start_sensors_broker() {
  start "$directory/sensors.log" mosquitto -c "$directory/sensors.conf"
  sensors_pid=$!
  wait_for_port "$sensors_port" "$sensors_pid" "the sensors' broker" "$directory/sensors.log"
}

start_central_broker() {
  start "$directory/central.log" mosquitto -c "$directory/central.conf"
  central_pid=$!
  wait_for_port "$central_port" "$central_pid" "the central broker" "$directory/central.log"
}

start_holdfast() {
  start "$directory/holdfast.log" "$holdfast" run --config "$config" --data-dir "$directory/data"
  holdfast_pid=$!
  sleep 0.2
  runs "$holdfast_pid" || fail "Holdfast ended at once: $(tail -n 3 "$directory/holdfast.log")"
}

publish() { # extra arguments
  start "$directory/publisher.log" "$traffic" publish --url "mqtt://127.0.0.1:$sensors_port" \
    --rate "$rate" --topics 300 --kind mixed --reconnect --state "$directory/sent" "$@"
  publisher_pid=$!
}

command -v mosquitto > /dev/null || fail "mosquitto is missing; scripts/install-packages.sh demo"
for program in "$holdfast" "$traffic"; do
  [ -x "$program" ] || fail "$program is missing; run: make build"
done
for port in $sensors_port $central_port; do
  if is_taken "$port"; then
    fail "port $port on 127.0.0.1 is taken, perhaps by a demo left running (KEEP=1);" \
      "free it and try again"
  fi
done
"$holdfast" check --config "$config" > /dev/null

directory=$(mktemp -d "${TMPDIR:-/tmp}/holdfast-demo.XXXXXX")
chmod 755 "$directory"
touch "$directory/holdfast.log" "$directory/collector.log"
configure_broker sensors "$sensors_port"
configure_broker central "$central_port"

say "Two Mosquitto brokers start: the sensors' one on $sensors_port, the central one on $central_port."
start_sensors_broker
start_central_broker
say "A collector subscribes at the centre, with a session that outlives outages."
start "$directory/collector.log" "$traffic" collect --url "mqtt://127.0.0.1:$central_port" \
  --client-id demo-collector --expect "$directory/sent" --finish-file "$directory/finish" \
  --until-idle "$idle_seconds" --progress 3 --patience 60
collector_pid=$!
wait_for_line "centre: subscribed" "$directory/collector.log" "$collector_pid" "the collector"
show "centre  " "^centre: " "$directory/collector.log"
say "Holdfast starts: it takes sensors/# from one broker, keeps it in its ring log on disk,"
say "and forwards it to the other. Its own log lines follow the bar."
show "holdfast" "^" "$directory/holdfast.log"
start_holdfast
wait_for_line " 1 sensors/#" "$directory/sensors.log" "$holdfast_pid" "Holdfast's subscription"
say "300 sensors start to publish, $rate readings a second, some as text and some as JSON."
publish --stop-file "$directory/stop"
sleep "$steady_seconds"

say "OUTAGE: the central broker is stopped, for ten seconds. Readings go on arriving."
stop "$central_pid"
central_pid=
sleep 4
say "CRASH: Holdfast is killed with -9, in the middle of its work."
kill -9 "$holdfast_pid"
{ wait "$holdfast_pid" || true; } 2> /dev/null
holdfast_pid=
sleep 2
say "Holdfast starts again, and finds in its ring log what it had acknowledged."
start_holdfast
sleep 3
say "The central broker is back. Holdfast delivers what it kept, oldest first."
start_central_broker
sleep "$steady_seconds"

say "The sensors fall silent; the last events are on their way."
touch "$directory/stop"
published=0
{ wait "$publisher_pid" || published=$?; } 2> /dev/null
publisher_pid=
[ "$published" -eq 0 ] || fail "the sensors' broker did not acknowledge everything"
touch "$directory/finish"
result=0
{ wait "$collector_pid" || result=$?; } 2> /dev/null
collector_pid=

say "Holdfast is asked to stop (SIGTERM), and its ring log is checked offline."
stopped=0
kill "$holdfast_pid"
{ wait "$holdfast_pid" || stopped=$?; } 2> /dev/null
holdfast_pid=
verified=0
"$holdfast" ring verify --data-dir "$directory/data" > "$directory/verify.log" 2>&1 || verified=$?
sleep 0.5
for pid in "${viewer_pids[@]}"; do stop "$pid"; done
viewer_pids=()

echo
echo "TALLY"
grep '^  ' "$directory/collector.log"
echo
sed 's/^/  ring verify: /' "$directory/verify.log"
echo
[ "$stopped" -eq 0 ] || fail "Holdfast ended with exit code $stopped instead of 0"
[ "$verified" -eq 0 ] || fail "the ring log does not verify (exit code $verified)"
[ "$result" -eq 0 ] || fail "events are missing, altered or out of order"
echo "Every reading that was acknowledged to the sensors arrived at the centre, once at least,"
echo "in order, byte for byte, through a broker outage of ten seconds and a kill -9."

if [ -n "$keep" ]; then
  start_holdfast
  publish
  cat << END

Left running (KEEP=1): both brokers, Holdfast, and the sensors.
  what Holdfast says     tail -f $directory/holdfast.log
  its status page        http://127.0.0.1:9464/
  what it keeps          $holdfast ring ls --data-dir $directory/data
  what arrives now       $holdfast tail --data-dir $directory/data
  what the centre gets   $traffic collect --url mqtt://127.0.0.1:$central_port --progress 1
  stop the centre        kill $central_pid
  start it again         mosquitto -d -c $directory/central.conf
  stop all               kill $publisher_pid $holdfast_pid $central_pid $sensors_pid; rm -r $directory
END
fi
