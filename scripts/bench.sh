#!/usr/bin/env bash
# The figures of the README, measured on this machine and printed as a table.
#
#   scripts/bench.sh             all (some minutes)
#   EVENTS=200000 scripts/bench.sh    shorter
#   TOPICS=10000 scripts/bench.sh     the round of hostile input with fewer than a million topics
#   TRACES=DIR scripts/bench.sh  also the recorded traces a_scalar.bin, b_json.bin, c_verbose.bin
#
# CPU is user + system time of whole processes; comparisons are ratios within one run.
set -euo pipefail
cd "$(dirname "$0")/.."
PATH=$PATH:/usr/sbin:/sbin

readonly events=${EVENTS:-500000}
readonly backlog=${BACKLOG:-10000000}
readonly topics=${TOPICS:-1000000}
readonly sensors_port=21601 hop_port=21602 central_port=21603
readonly bin=.build/release
directory=$(mktemp -d "${BENCH_DIR:-${TMPDIR:-/tmp}}/holdfast-bench.XXXXXX")
chmod 755 "$directory"
pids=()

cleanup() {
  trap - EXIT
  for pid in "${pids[@]}"; do kill "$pid" 2> /dev/null || true; done
  for pid in "${pids[@]}"; do wait "$pid" 2> /dev/null || true; done
  rm -rf "$directory"
}
trap cleanup EXIT
trap 'exit 130' INT TERM HUP

ticks=$(getconf CLK_TCK)
# CPU seconds of a process so far, in hundredths.
cpu() { awk -v t="$ticks" '{ print int(($14 + $15) * 100 / t) }' "/proc/$1/stat"; }
rss() { awk '/^VmRSS/ { printf "%.1f", $2 / 1024 }' "/proc/$1/status"; }
private_memory() { awk '/^RssAnon/ { printf "%.1f", $2 / 1024 }' "/proc/$1/status"; }
peak() { awk '/^VmHWM/ { printf "%.1f", $2 / 1024 }' "/proc/$1/status"; }
per_million() { awk -v c="$1" -v n="$2" 'BEGIN { printf "%.2f", c / 100 / n * 1e6 }'; }
ratio() { awk -v a="$1" -v b="$2" 'BEGIN { printf "%.2f", a / b }'; }
row() { printf '| %-62s | %s |\n' "$1" "$2"; }

last=
background() { # log, command...
  local log=$1
  shift
  "$@" > "$log" 2>&1 < /dev/null &
  last=$!
  pids+=("$last")
}
end() {
  kill "$1" 2> /dev/null || true
  wait "$1" 2> /dev/null || true
}
wait_for_port() {
  for _ in $(seq 100); do
    (: < "/dev/tcp/127.0.0.1/$1") 2> /dev/null && return
    sleep 0.1
  done
  echo "bench: nothing answers on port $1" >&2
  exit 1
}
field() { sed -n "s/.*\"$2\":\([0-9.]*\).*/\1/p" "$1" | tail -n 1; }

broker() { # name, port, further lines
  mkdir -p "$directory/$1"
  [ "$(id -u)" -eq 0 ] && chown mosquitto "$directory/$1"
  cat > "$directory/$1.conf" << EOF
listener $2 127.0.0.1
allow_anonymous true
persistence false
max_queued_messages 10000000
log_type error
${3:-}
EOF
  background "$directory/$1.log" mosquitto -c "$directory/$1.conf"
  wait_for_port "$2"
}

agent() { # further lines of the upstream
  rm -rf "$directory/data"
  cat > "$directory/agent.toml" << EOF
[agent]
id = "bench"
data_dir = "$directory/data"
[ring]
size = "1GiB"
[[source]]
name = "sensors"
url = "mqtt://127.0.0.1:$sensors_port"
topics = ["#"]
[[upstream]]
name = "central"
url = "${central_url:-mqtt://127.0.0.1:$central_port}"
backoff_max = "1s"
${1:-}
EOF
  background "$directory/agent.log" "$bin/holdfast" run --config "$directory/agent.toml"
}

# One hop between two brokers: CPU of the hop and of the sensors' broker, in hundredths.
hop() { # holdfast or mosquitto, further lines of the upstream
  local hop sensors sink publisher
  background "$directory/sink" "$bin/traffic" sink --port $central_port --until-idle 3
  sink=$last
  broker sensors $sensors_port
  sensors=$last
  if [ "$1" = holdfast ]; then
    agent "${2:-}"
  else
    broker bridge $hop_port "connection in
address 127.0.0.1:$sensors_port
topic # in 1
cleansession false
try_private false
notifications false
connection out
address 127.0.0.1:$central_port
topic # out 1
cleansession false
try_private false
notifications false"
  fi
  hop=$last
  sleep 3
  "$bin/traffic" publish --url "mqtt://127.0.0.1:$sensors_port" --count "$events" --kind scalar \
    --padding 58 --window 500 > /dev/null
  wait "$sink" || true
  sleep 1
  result_hop=$(cpu "$hop")
  result_edge=$((result_hop + $(cpu "$sensors")))
  delivered=$(field "$directory/sink" messages)
  end "$hop"
  end "$sensors"
}

drain() { # further lines of the upstream, events
  local agent_pid
  agent "$1"
  agent_pid=$last
  "$bin/traffic" blast --port $sensors_port --count "$2" --payload-size 64 --linger 1 \
    > "$directory/blast"
  drain_backlog_rss=$(rss "$agent_pid")
  "$bin/traffic" sink --port $central_port --until-idle 3 > "$directory/sink"
  drain_seconds=$(field "$directory/sink" seconds)
  drain_messages=$(field "$directory/sink" messages)
  drain_peak=$(peak "$agent_pid")
  end "$agent_pid"
}

# A backlog into a Mosquitto that comes back: its own count of what it received, second by second,
# without the first and the last second, which are not whole.
drain_into_mosquitto() {
  local agent_pid broker_pid count=0
  agent
  agent_pid=$last
  "$bin/traffic" blast --port $sensors_port --count "$events" --payload-size 64 --linger 1 \
    > "$directory/blast"
  broker central $central_port "sys_interval 1"
  broker_pid=$last
  background "$directory/counts" mosquitto_sub -p $central_port -F '%U %p' \
    -t '$SYS/broker/publish/messages/received'
  for _ in $(seq 240); do
    count=$(awk 'END { print $2 + 0 }' "$directory/counts")
    [ "$count" -ge "$events" ] && break
    sleep 0.5
  done
  end "$last"
  drain_rate=$(awk '$2 > 0 && $2 != c[n] { n++; t[n] = $1; c[n] = $2 }
    END { if (n > 3) printf "%d", (c[n - 1] - c[1]) / (t[n - 1] - t[1]) }' "$directory/counts")
  drain_messages=$count
  end "$agent_pid"
  end "$broker_pid"
}

# A cluster of librdkafka's mock brokers, which a program of ours plays; sets cluster and central_url.
kafka() {
  rm -f "$directory/orders"
  mkfifo "$directory/orders"
  # For both, so that neither end waits for the other.
  exec 9<> "$directory/orders"
  background "$directory/kafka.log" sh -c 'exec "$0" 1 < "$1" 9>&-' "$bin/kafka-mock" "$directory/orders"
  cluster=$last
  for _ in $(seq 100); do
    grep -q bootstrap "$directory/kafka.log" && break
    sleep 0.1
  done
  central_url=kafka://$(sed -n 's/^bootstrap //p' "$directory/kafka.log")
  echo "topic holdfast.events 4" >&9
}
end_kafka() {
  exec 9>&-
  end "$cluster"
  unset central_url
}
# What the agent has counted as delivered; saved a second or 10,000 events later at most.
delivered_so_far() {
  "$bin/holdfast" ring ls --data-dir "$directory/data" --json > "$directory/ls" 2> /dev/null || true
  delivered=$(field "$directory/ls" delivered)
  delivered=${delivered:-0}
}
await_delivered() { # events
  for _ in $(seq 240); do
    delivered_so_far
    [ "$delivered" -ge "$1" ] && return
    sleep 0.25
  done
}

# One hop into the cluster, as in hop.
hop_kafka() {
  local agent_pid sensors
  kafka
  broker sensors $sensors_port
  sensors=$last
  agent
  agent_pid=$last
  sleep 3
  "$bin/traffic" publish --url "mqtt://127.0.0.1:$sensors_port" --count "$events" --kind scalar \
    --padding 58 --window 500 > /dev/null
  await_delivered "$events"
  result_hop=$(cpu "$agent_pid")
  result_edge=$((result_hop + $(cpu "$sensors")))
  kafka_peak=$(peak "$agent_pid")
  end "$agent_pid"
  end "$sensors"
  end_kafka
}

# A backlog into the cluster when it comes back: the rate between two looks, the first and the last
# at which it was under way.
drain_into_kafka() {
  local agent_pid
  kafka
  echo down >&9
  agent
  agent_pid=$last
  "$bin/traffic" blast --port $sensors_port --count "$events" --payload-size 64 --linger 1 \
    > "$directory/blast"
  echo up >&9
  : > "$directory/counts"
  for _ in $(seq 600); do
    delivered_so_far
    echo "$(date +%s.%N) $delivered" >> "$directory/counts"
    [ "$delivered" -ge "$events" ] && break
    sleep 0.1
  done
  drain_rate=$(awk '$2 > 0 && $2 != c[n] { n++; t[n] = $1; c[n] = $2 }
    END { if (n > 2) printf "%d", (c[n - 1] - c[1]) / (t[n - 1] - t[1]) }' "$directory/counts")
  drain_messages=$delivered
  end "$agent_pid"
  end_kafka
}

# A million topics that are used once, and the oddities of `traffic hostile`.
hostile() {
  local agent_pid broker_pid sink
  background "$directory/sink" "$bin/traffic" sink --port $central_port --until-idle 3
  sink=$last
  broker sensors $sensors_port
  broker_pid=$last
  agent
  agent_pid=$last
  sleep 2
  hostile_rss=$(rss "$agent_pid")
  "$bin/traffic" hostile --url "mqtt://127.0.0.1:$sensors_port" --topics "$topics" \
    > "$directory/hostile"
  wait "$sink" || true
  hostile_sent=$(field "$directory/hostile" acknowledged)
  hostile_messages=$(field "$directory/sink" messages)
  hostile_peak=$(peak "$agent_pid")
  end "$agent_pid"
  end "$broker_pid"
}

echo "$(uname -m), $(nproc) cores, $(grep -m 1 'model name' /proc/cpuinfo | cut -d: -f2 | xargs),"
echo "$(. /etc/os-release && echo "$PRETTY_NAME"), Linux $(uname -r), $(mosquitto -h | head -n 1)"
echo
row "measure" "figure"
row "---" "---"

hop mosquitto
bridge=$result_hop bridge_edge=$result_edge
row "separate Mosquitto, bridging in and out, CPU-s per million" \
  "$(per_million "$bridge" "$events") (delivered $delivered of $events)"
hop holdfast
row "Holdfast, event in, event out, CPU-s per million (aim <= 0.8x)" \
  "$(per_million "$result_hop" "$events") = $(ratio "$result_hop" "$bridge")x (delivered $delivered)"
row "  with the sensors' broker: all edge processes together" \
  "$(per_million "$result_edge" "$events") against $(per_million "$bridge_edge" "$events") = $(ratio "$result_edge" "$bridge_edge")x"
hop holdfast $'format = "ndjson"\ncompression = "zstd"'
row "Holdfast, ndjson zstd batches out (aim <= 0.5x)" \
  "$(per_million "$result_hop" "$events") = $(ratio "$result_hop" "$bridge")x ($delivered batches)"
row "  all edge processes together" \
  "$(per_million "$result_edge" "$events") = $(ratio "$result_edge" "$bridge_edge")x"
batches=$result_hop
hop_kafka
row "Holdfast, records into a Kafka cluster (mock), zstd, idempotent" \
  "$(per_million "$result_hop" "$events") = $(ratio "$result_hop" "$bridge")x (delivered $delivered), peak RSS $kafka_peak MB"
row "  all edge processes together" \
  "$(per_million "$result_edge" "$events") = $(ratio "$result_edge" "$bridge_edge")x"
for every in 1 10; do
  hop holdfast "format = \"ndjson\"
compression = \"zstd\"
[[upstream.stage]]
type = \"sample\"
every = $every"
  row "  behind a stage that lets one of $every go on (sample)" \
    "$(per_million "$result_hop" "$events") against $(per_million "$batches" "$events") = $(ratio "$result_hop" "$batches")x ($delivered batches)"
done

drain "" "$events"
row "drain into a counting sink, event (aim >= 100,000/s)" \
  "$(awk -v n="$events" -v s="$drain_seconds" 'BEGIN { printf "%d events/s", n / s }')"
drain $'format = "ndjson"\ncompression = "zstd"' "$events"
row "drain into a counting sink, ndjson zstd (aim >= 300,000/s)" \
  "$(awk -v n="$events" -v s="$drain_seconds" 'BEGIN { printf "%d events/s in %d batches", n / s, '"$drain_messages"' }')"
drain_into_mosquitto
row "drain into Mosquitto without a subscriber, event" \
  "${drain_rate:-too short to tell} events/s ($drain_messages of $events)"
drain_into_kafka
row "drain into a Kafka cluster (mock)" \
  "${drain_rate:-too short to tell} events/s ($drain_messages of $events)"

hostile
row "hostile input, $topics topics used once: RSS before; peak" \
  "$hostile_rss MB; $hostile_peak MB ($hostile_sent sent, $hostile_messages delivered and told)"

agent
idle=$last
"$bin/traffic" blast --port $sensors_port --count 100 --linger 3 > /dev/null
row "RSS right after the start" "$(rss "$idle") MB"
# Five seconds after it is ready it lets go of what only its start used; what is used comes back.
sleep 30
row "RSS idle, half a minute later (aim <= 16 MB); private of it" \
  "$(rss "$idle") MB; $(private_memory "$idle") MB"
end "$idle"
drain $'format = "ndjson"\ncompression = "zstd"' "$backlog"
row "RSS with a backlog of $backlog events; peak while draining (aim <= 32 MB)" \
  "$drain_backlog_rss MB; $drain_peak MB"

for kind in scalar json verbose; do
  rm -rf "$directory/ring"
  row "ring log: $kind" "$("$bin/bench" ring --kind "$kind" --count 1000000 --directory "$directory/ring")"
done
for trace in a_scalar b_json c_verbose; do
  if [ -r "${TRACES:-/nonexistent}/$trace.bin" ]; then
    rm -rf "$directory/ring"
    row "ring log: recorded trace $trace" \
      "$("$bin/bench" ring --trace "$TRACES/$trace.bin" --directory "$directory/ring")"
  fi
done
rm -rf "$directory/ring"
"$bin/bench" wear --directory "$directory/ring" | while read -r line; do row "wear" "$line"; done
"$bin/bench" stages | while read -r line; do row "stage" "$line"; done
rm -rf "$directory/ring"
row "start (aim < 1 s)" "$("$bin/bench" start --directory "$directory/ring")"
