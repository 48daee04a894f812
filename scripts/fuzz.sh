#!/bin/sh
# Fuzzes the code that reads outside bytes, with libFuzzer and the address sanitizer.
#
#   scripts/fuzz.sh                     every target, its share of FUZZ_RUNS runs
#   scripts/fuzz.sh NAME 60             one target for 60 seconds
#   scripts/fuzz.sh NAME -runs=100000   one target so many times
#   scripts/fuzz.sh NAME FILE           one target on one input, such as a crash that was found
#   scripts/fuzz.sh minimize            keeps only inputs of the corpus that reach something new
#   scripts/fuzz.sh build               only builds the program
#
# Targets are listed in Tests/HoldfastFuzzTests/Targets/FuzzTarget.swift; their inputs lie in
# Tests/HoldfastFuzzTests/Corpus/NAME. New inputs go to .build-fuzz/corpus/NAME, and an input that
# failed to .build-fuzz/findings/NAME-…: `minimize` moves the former into the corpus, and the
# latter belongs there under a name that says what it is.
#
# FUZZ_RUNS     runs over all targets (default 12,000,000)
# FUZZ_LEAST    no target gets fewer runs than this (default 2,000; only `ring` would)
# FUZZ_SECONDS  after so many seconds in all it ends, done or not (default 720)
#
# Prints a line per target: runs, seconds, runs per second, edges reached, verdict. Ends with
#   0   every target ran as often as asked, and nothing was found
#   1   something was found; its input is named
#   2   the time was up before the runs were
#   64  wrong arguments
#   70  the program can't be built
set -eu
cd "$(dirname "$0")/.."
root=Tests/HoldfastFuzzTests/Corpus
work=.build-fuzz
program=$work/release/fuzz
runs=${FUZZ_RUNS:-12000000}
least=${FUZZ_LEAST:-2000}
seconds=${FUZZ_SECONDS:-720}
# The backtracer can hang a pipeline, and libFuzzer prints its own.
export SWIFT_BACKTRACE=enable=no
export ASAN_OPTIONS=${ASAN_OPTIONS:-detect_leaks=0:allocator_may_return_null=1}

build() {
  HOLDFAST_FUZZ=1 swift build -c release --product fuzz --scratch-path $work \
    --sanitize=fuzzer -Xswiftc -enable-testing -Xswiftc -sanitize=fuzzer,address \
    -Xcc -fsanitize=fuzzer-no-link,address >$work.log 2>&1 || {
    tail -n 30 $work.log >&2
    exit 70
  }
  mkdir -p $work/corpus $work/findings $work/logs
}

targets() {
  sed -n 's/^  FuzzTarget("\([a-z0-9-]*\)".*/\1/p' \
    Tests/HoldfastFuzzTests/Targets/FuzzTarget.swift
}

# How much of all runs a target gets: the fast ones most, so that all take about the same time.
share() {
  case $1 in
    ring) echo 3 ;;
    zstd | blocks | segment-damage | batch-format | configuration) echo 40 ;;
    event-object) echo 60 ;;
    tag-table | gap-format | event-format) echo 100 ;;
    words) echo 200 ;;
    gap-list | mqtt-callbacks | record-file | dead-letter | row-encoder | segment-file) echo 300 ;;
    clock | text | link) echo 400 ;;
    topic-template | key-positions) echo 600 ;;
    units | broker-address | topic-filter) echo 900 ;;
    payload-*) echo 600 ;;
    state-file | event-properties | field-path) echo 1200 ;;
    block-header | rows) echo 1500 ;;
    *) echo 100 ;;
  esac
}

# fuzz NAME FLAGS...: prints the target's line; 1 when something was found.
fuzz() {
  name=$1
  shift
  mkdir -p $work/corpus/$name $root/$name
  log=$work/logs/$name
  status=0
  start=$(date +%s)
  HOLDFAST_FUZZ_TARGET=$name $program $work/corpus/$name $root/$name "$@" \
    -max_len=${FUZZ_LENGTH:-4096} -timeout=20 -rss_limit_mb=2048 -print_final_stats=1 \
    -artifact_prefix=$work/findings/$name- >$log 2>&1 || status=$?
  took=$(($(date +%s) - start))
  count=$(sed -n 's/^stat::number_of_executed_units: //p' $log)
  edges=$(grep -o 'cov: [0-9]*' $log | tail -n 1 | cut -c6-)
  verdict=good
  [ $status -eq 0 ] || verdict="FOUND: $(sed -n 's/.*Test unit written to //p' $log | head -n 1)"
  count=${count:-0}
  printf '%-18s %10s runs %5s s %8s /s %6s edges  %s\n' "$name" "$count" $took \
    $((count / (took > 0 ? took : 1))) "${edges:-?}" "$verdict"
  echo "$count" >$work/logs/$name.count
  [ $status -eq 0 ] || { grep -m 3 -e '^finding' -e 'Fatal error' -e 'ERROR' $log >&2 || true; }
  return $status
}

# Every target, two at a time, slow ones first.
all() {
  total=0
  for name in $(targets); do total=$((total + $(share $name))); done
  began=$(date +%s)
  rm -rf $work/logs/*.count $work/logs/failed $work/claimed
  mkdir -p $work/claimed
  for name in $(targets); do
    own=$((runs * $(share $name) / total + 1))
    [ $own -ge $least ] || own=$least
    echo "$name $own"
  done | sort -k2 -n >$work/logs/plan
  worker() {
    while read -r name own; do
      # The other worker has it, or has had it.
      mkdir $work/claimed/$name 2>/dev/null || continue
      left=$((seconds - ($(date +%s) - began)))
      [ $left -gt 0 ] || return 0
      fuzz $name -runs=$own -max_total_time=$left || echo $name >>$work/logs/failed
    done
  }
  worker <$work/logs/plan &
  first=$!
  worker <$work/logs/plan &
  wait $first $!
  sum=0
  for file in $work/logs/*.count; do [ ! -f "$file" ] || sum=$((sum + $(cat "$file"))); done
  printf '%-18s %10s runs %5s s  of %s\n' "all targets" $sum $(($(date +%s) - began)) $runs
  [ ! -f $work/logs/failed ] || return 1
  [ $sum -ge $runs ] || return 2
}

# The least set of inputs that reaches what all of them reach.
minimize() {
  for name in $(targets); do
    mkdir -p $work/corpus/$name $root/$name $work/least/$name
    rm -f $work/least/$name/*
    HOLDFAST_FUZZ_TARGET=$name $program -merge=1 -max_len=${FUZZ_LENGTH:-4096} \
      $work/least/$name $root/$name $work/corpus/$name >$work/logs/$name.merge 2>&1 || {
      echo "$name: can't be merged, see $work/logs/$name.merge" >&2
      exit 1
    }
    # Inputs with a name of their own were findings once, and stay.
    for file in $root/$name/*; do
      case ${file##*/} in
        *[!0-9a-f]*) ;;
        *) rm -f "$file" ;;
      esac
    done
    # The small ones first, up to a bound per target.
    room=65536
    ls -Sr $work/least/$name | while read -r file; do
      size=$(wc -c <$work/least/$name/$file)
      room=$((room - size))
      [ $room -gt 0 ] || break
      cp $work/least/$name/$file $root/$name/
    done
    echo "$name: $(ls $root/$name | wc -l) inputs"
  done
}

mkdir -p $work
case ${1:-all} in
  build) build ;;
  all) build && all ;;
  minimize) build && minimize ;;
  *)
    targets | grep -qx -e "$1" || {
      echo "fuzz.sh: no target \"$1\"; there are: $(targets | tr '\n' ' ')" >&2
      exit 64
    }
    build
    case ${2:-60} in
      -*) fuzz "$@" ;;
      *[!0-9]*) HOLDFAST_FUZZ_TARGET=$1 exec $program "$2" ;;
      *) fuzz "$1" -max_total_time="${2:-60}" ;;
    esac
    ;;
esac
