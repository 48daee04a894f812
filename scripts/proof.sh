#!/usr/bin/env bash
# Tries to break the promise on a large scale, and prints what was tried and what came of it.
#
#   scripts/proof.sh                 all stages: up to an hour on two cores
#   scripts/proof.sh seeds kills     some of them
#   scripts/proof.sh brokers         a stage of its own: it wants `install-packages.sh brokers`
#   scripts/proof.sh --help          the stages
#
# The environment may ask for other amounts; the aims stay what they are:
#   STATES=20000000 SEEDS=10000 FAULTS=200000 FLIPS=500000 KILLS=1000 CUTS=200 REPEATS=3
#   FUZZ_RUNS=10500000 EVENTS=1000000 BROKERS="ejabberd activemq rabbitmq"
#   REPORT=FILE                      where the table goes, .build/proof/report.md otherwise
#   MINUTES=60                       what isn't done by then is ended, and missed
#
# Stages that compute follow one another, on both cores; beside them run those that mostly wait.
# Each stage's output stays beside the report. The exit code is 0 if every figure was reached.
# `make proof` builds what this needs.
set -euo pipefail
cd "$(dirname "$0")/.."
# A crashing process must end, not wait for a backtrace to be symbolicated.
export SWIFT_BACKTRACE=enable=no

readonly all_stages=(kills cuts rounds faults flips states seeds fuzz mutants)
# Not among them unless it is named.
readonly more_stages=(brokers)
readonly output=.build/proof
readonly report=${REPORT:-$output/report.md}
readonly minutes=${MINUTES:-60}
readonly proof=.build/release/proof

# lane | measure | aim | where the number stands in the stage's output
describe() {
  case "$1" in
    states) echo "compute|crash states recovered and checked|20000000|distinct states recovered and checked \.+ N" ;;
    seeds) echo "compute|whole-agent seeds|10000|^seeds +N" ;;
    faults) echo "compute|I/O fault positions|200000|^ *cases \.+ N" ;;
    flips) echo "compute|bit flips in the payload of 1 MiB|500000|payload bits, 1 MiB ring \.+ N" ;;
    fuzz) echo "compute|fuzz executions|10000000|^all targets +N runs" ;;
    mutants) echo "compute|mutants killed|20|^mutants: N killed" ;;
    kills) echo "wait|kill -9 end to end|1000|^end to end: N kill -9" ;;
    cuts) echo "wait|ext4 power cuts|200|^end to end: N ext4 power cuts" ;;
    brokers) echo "wait|events through central brokers|9000000|^end to end: N events through the broker matrix" ;;
    rounds) echo "wait|rounds of other real faults|19|^end to end: N rounds\$" ;;
  esac
}

# Replaces the shell; what is missing ends it with 127.
stage() {
  # Memory that is freed stays with the process: these ask for it by the million.
  case "$1" in
    states | seeds | faults | flips)
      GLIBC_TUNABLES=glibc.malloc.mmap_threshold=67108864:glibc.malloc.trim_threshold=536870912
      export GLIBC_TUNABLES=$GLIBC_TUNABLES:glibc.malloc.top_pad=4194304
      ;;
  esac
  case "$1" in
    states) exec "$proof" explore --states "${STATES:-20000000}" ;;
    seeds) exec "$proof" seeds --count "${SEEDS:-10000}" ;;
    faults) exec "$proof" faults --cases "${FAULTS:-200000}" ;;
    flips) exec "$proof" damage --payload-bits "${FLIPS:-500000}" ;;
    kills) HOLDFAST_KILLS=${KILLS:-1000} end_to_end Kills ;;
    cuts) HOLDFAST_POWER_CUTS=${CUTS:-200} end_to_end PowerCuts ;;
    rounds)
      HOLDFAST_ROUND_REPEATS=${REPEATS:-3} \
        end_to_end 'Rounds.*(Links|BlackHoles|Brokers|Disks|Calls|Machines)'
      ;;
    brokers)
      HOLDFAST_EVENTS=${EVENTS:-1000000} \
        HOLDFAST_BROKERS=${BROKERS-ejabberd activemq rabbitmq} end_to_end 'Rounds.*Matrix'
      ;;
    fuzz)
      FUZZ_RUNS=${FUZZ_RUNS:-10500000} FUZZ_SECONDS=${FUZZ_SECONDS:-1200} exec scripts/fuzz.sh
      ;;
    mutants) exec scripts/mutants.sh ;;
  esac
}

# The tests as `make proof` built them; SwiftPM would let only one run at a time.
end_to_end() { # a part of the tests' names
  exec swift test --ignore-lock --skip-build -c release --scratch-path .build-tests \
    -Xswiftc -enable-testing --disable-xctest --filter "EndToEndTests.*$1"
}

fail() {
  echo "proof: $*" >&2
  exit 64
}

case "${1:-}" in
  -h | --help)
    sed -n '2,/^set /s/^# \{0,1\}//p' "$0"
    for name in "${all_stages[@]}" "${more_stages[@]}"; do
      printf '  %-9s %s\n' "$name" "$(describe "$name" | cut -d '|' -f 2)"
    done
    exit 0
    ;;
  --stage) stage "$2" ;;
esac
stages=("$@")
[ ${#stages[@]} -gt 0 ] || stages=("${all_stages[@]}")
for name in "${stages[@]}"; do
  [ -n "$(describe "$name")" ] || fail "no stage '$name'; there are: ${all_stages[*]} ${more_stages[*]}"
done
[[ $minutes =~ ^[1-9][0-9]*$ ]] || fail "MINUTES=$minutes: a whole number from 1"

mkdir -p "$output" "$(dirname "$report")"
declare -A running=() began=() took=() codes=()
cleanup() {
  trap - EXIT
  # Each job leads a process group of its own, and `timeout` ends what it started.
  for pid in "${!running[@]}"; do kill -- -"$pid" 2> /dev/null || true; done
}
trap cleanup EXIT
trap 'exit 130' INT TERM HUP

begin() { # stage
  local rest=$((minutes * 60 - SECONDS))
  echo "proof: $1 begins"
  if [ "$rest" -le 0 ]; then
    echo "proof: no time is left" > "$output/$1.log"
    codes[$1]=124 took[$1]=0
    return
  fi
  timeout --kill-after=20 "$rest" "$0" --stage "$1" > "$output/$1.log" 2>&1 < /dev/null &
  running[$!]=$1
  began[$1]=$SECONDS
}

# Waits for one to end.
reap() {
  local pid= code=0
  wait -n -p pid "${!running[@]}" || code=$?
  local name=${running[$pid]}
  unset "running[$pid]"
  codes[$name]=$code
  took[$name]=$((SECONDS - began[$name]))
  echo "proof: $name ended after ${took[$name]} s, exit code $code"
}

# Whether a stage of this lane runs.
is_busy() { # lane
  local name
  for name in "${running[@]}"; do
    [ "$(describe "$name" | cut -d '|' -f 1)" != "$1" ] || return 0
  done
  return 1
}

SECONDS=0
set -m
echo "proof: ${stages[*]}; at most $minutes minutes"
waiting=("${stages[@]}")
while [ ${#waiting[@]} -gt 0 ] || [ ${#running[@]} -gt 0 ]; do
  later=()
  for name in "${waiting[@]}"; do
    if is_busy "$(describe "$name" | cut -d '|' -f 1)"; then later+=("$name"); else begin "$name"; fi
  done
  waiting=("${later[@]}")
  if [ ${#running[@]} -gt 0 ]; then reap; fi
done
set +m

grouped() { echo "$1" | sed -E ':a; s/^([0-9]+)([0-9]{3})/\1,\2/; ta'; }

# The last number at N's place, without its separators; 0 where there is none.
reached() { # stage, pattern
  local pattern=${2/N/([0-9][0-9,_]*)} line
  line=$(grep -aE "$pattern" "$output/$1.log" 2> /dev/null | tail -n 1 || true)
  if [[ $line =~ $pattern ]]; then echo "${BASH_REMATCH[1]//[,_]/}"; else echo 0; fi
}

missed=0
rows=()
for name in "${stages[@]}"; do
  IFS='|' read -r _ measure aim words <<< "$(describe "$name")"
  code=${codes[$name]}
  count=$(reached "$name" "$words")
  remark=reached
  if [ "$code" -eq 124 ]; then
    remark="MISSED: not done in $minutes minutes"
  elif [ "$code" -eq 127 ] || grep -aq "Unexpected argument\|No matching test" "$output/$name.log"; then
    remark="MISSED: there is no such thing here"
  elif [ "$code" -ne 0 ]; then
    remark="MISSED: failed with exit code $code, see $output/$name.log"
  elif [ "$count" -lt "$aim" ]; then
    remark="MISSED"
  fi
  skipped=$(grep -aoE 'end to end: [0-9]+ rounds skipped' "$output/$name.log" 2> /dev/null |
    grep -oE '[0-9]+' | tail -n 1 || true)
  if [ "${skipped:-0}" -gt 0 ]; then remark="MISSED: $skipped skipped, see $output/$name.log"; fi
  [ "$remark" = reached ] || missed=$((missed + 1))
  rows+=("$(printf '| %-36s | %12s | %12s | %5d s | %s |' "$measure" "$(grouped "$aim")" \
    "$(grouped "$count")" "${took[$name]}" "$remark")")
done

{
  echo "# Proof, $(date -u '+%Y-%m-%d %H:%M UTC'), $(git describe --always --dirty 2> /dev/null || echo '?')"
  echo
  echo "$(nproc) cores, Linux $(uname -r), $SECONDS s in all"
  echo
  printf '| %-36s | %12s | %12s | %7s | %s |\n' measure aim reached took ""
  echo "|---|---:|---:|---:|---|"
  printf '%s\n' "${rows[@]}"
  for name in "${stages[@]}"; do
    details=$(grep -aE '^(end to end: |  SKIPPED: |FIGURE )' "$output/$name.log" 2> /dev/null | sort -u || true)
    if [ -n "$details" ]; then printf '\n%s:\n\n%s\n' "$name" "$details"; fi
  done
} > "$report"
cat "$report"
echo
if [ "$missed" -gt 0 ]; then
  echo "proof: $missed of ${#stages[@]} figures missed; the report is $report"
  exit 1
fi
echo "proof: all ${#stages[@]} figures reached; the report is $report"
