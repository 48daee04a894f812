#!/usr/bin/env bash
# Shows that the proof can fail: builds every seeded fault of Tests/Mutants/table.txt into a copy of
# the sources, then runs each mutant's suite, which must fail. A suite is ended as soon as it has
# noticed something: it can't pass any more.
#
#   scripts/mutants.sh           all mutants
#   scripts/mutants.sh NAME...   these
#   scripts/mutants.sh --quick   those of the ordinary test run: only `proof` is built, and must
#                                notice each
#
# Exits 0 when the copy passes with no mutant switched on and every mutant is killed.
set -euo pipefail
cd "$(dirname "$0")/.."
export SWIFT_BACKTRACE=enable=no
# A mutant that is noticed is noticed early.
export HOLDFAST_SEEDS="${HOLDFAST_SEEDS:-40}"
export HOLDFAST_STATES="${HOLDFAST_STATES:-150000}" HOLDFAST_FAULTS="${HOLDFAST_FAULTS:-4000}"
copy=.build-mutants/copy
fresh=.build-mutants/fresh
logs=.build-mutants/logs
time_limit_s="${MUTANT_TIME_LIMIT_S:-300}"
flags=(-c release -Xswiftc -enable-testing ${SWIFT_FLAGS:-})
tests=.build/release/holdfastPackageTests.xctest
test_flags=(-c release --scratch-path .build-tests -Xswiftc -enable-testing ${SWIFT_FLAGS:-})

is_quick=
names=()
for argument in "$@"; do
  if [ "$argument" = --quick ]; then is_quick=1; else names+=("$argument"); fi
done

swift build "${test_flags[@]}" --product proof > /dev/null
proof="$(swift build "${test_flags[@]}" --show-bin-path)/proof"

mkdir -p "$copy" "$logs"
rm -rf "$fresh"
mkdir "$fresh"
tar -cf - --exclude='./.build*' --exclude=./.git . | tar -xf - -C "$fresh"
"$proof" mutate --copy "$fresh"
# Tests that no mutant needs are not built.
if [ -z "$is_quick" ]; then
  words=$("$proof" mutate --list | cut -f 2 | grep -oE '[A-Za-z]*Tests' | sort -u | paste -sd '|')
  unneeded=
  for folder in "$fresh"/Tests/*Tests; do
    name=${folder##*/}
    [[ $name =~ ^($words)$ ]] || grep -rqE "(struct|class|enum) ($words)\b" "$folder" ||
      unneeded="$unneeded\"$name\", "
  done
  echo "package.targets.removeAll { [$unneeded].contains(\$0.name) }" >> "$fresh/Package.swift"
fi
# Only what differs is written, so that a second run builds little.
for folder in Sources Tests Tools; do
  [ ! -d "$copy/$folder" ] || (cd "$copy" && find "$folder" -type f) | while read -r file; do
    [ -e "$fresh/$file" ] || rm "$copy/$file"
  done
done
(cd "$fresh" && find . -type f) | while read -r file; do
  cmp -s "$fresh/$file" "$copy/$file" && continue
  mkdir -p "$copy/$(dirname "$file")"
  cp -p "$fresh/$file" "$copy/$file"
done
rm -rf "$fresh"

what=(--build-tests)
[ -z "$is_quick" ] || what=(--product proof)
echo "mutants: building the copy"
(cd "$copy" && swift build "${what[@]}" "${flags[@]}") > "$logs/build" 2>&1 || {
  grep -E "error:" "$logs/build" | head -n 20 >&2 || tail -n 20 "$logs/build" >&2
  echo "mutants: the copy does not build; $logs/build" >&2
  exit 1
}

# run NAME SUITE: the suite in the copy with that mutant switched on; 0: it passed.
run() {
  local limit_s=$time_limit_s status=0
  if [ -n "$is_quick" ]; then
    # shellcheck disable=SC2086
    HOLDFAST_MUTANT="$1" timeout -k 10 "$limit_s" \
      "$copy/.build/release/proof" $2 > "$logs/${1:-none}" 2>&1 || status=$?
    # 2: nothing failed. So little of a search does not reach everything.
    [ "$status" != 2 ] || status=0
    return "$status"
  fi
  # All suites in one go, and none of them cut short by a failure.
  [ -n "$1" ] || limit_s=$((4 * time_limit_s))
  # Nothing of an earlier run may be taken for this one's.
  : > "$logs/${1:-none}"
  # Line by line, so that what is noticed shows at once.
  (cd "$copy" && HOLDFAST_MUTANT="$1" exec timeout -k 10 "$limit_s" \
    stdbuf -oL "$tests" --testing-library swift-testing --filter "$2") > "$logs/${1:-none}" 2>&1 &
  local pid=$!
  # Rounds with brokers stop by themselves what they started.
  if [ -n "$1" ] && [[ $2 != EndToEndTests* ]]; then
    while kill -0 "$pid" 2> /dev/null; do
      if grep -aq "recorded an issue" "$logs/$1"; then
        # `timeout` leads a process group.
        kill -KILL -- "-$pid" 2> /dev/null || true
        break
      fi
      sleep 0.2
    done
  fi
  # Without the shell's word on what was ended.
  wait "$pid" 2> /dev/null || status=$?
  return "$status"
}

table=$("$proof" mutate --list ${is_quick:+--quick})
if [ "${#names[@]}" -gt 0 ]; then
  table=$(awk -F'\t' -v names="${names[*]}" \
    'BEGIN { split(names, n, " "); for (i in n) want[n[i]] } $1 in want' <<< "$table")
fi
[ -n "$table" ] || { echo "mutants: none of that name" >&2; exit 1; }

# The copy passes with no mutant switched on, and does something.
passes() { # suite
  run "" "$1" && grep -qE "Test run with [1-9]|failures \.+ 0$|^seeds that failed +0$" "$logs/none"
}
suites=$(cut -f 2 <<< "$table" | sort -u)
[ -n "$is_quick" ] || suites=$(paste -sd '|' <<< "$suites")
while read -r suite; do
  passes "$suite" && continue
  grep -E "✘|error:|NOT GOOD|^seed" "$logs/none" | head -n 20 >&2 || true
  echo "mutants: the copy fails with no mutant switched on; $logs/none" >&2
  exit 1
done <<< "$suites"

killed=0
survivors=()
printf '%-48s %-32s %5s  %s\n' MUTANT SUITE TOOK RESULT
while IFS=$'\t' read -r name suite fault; do
  status=0
  began=$SECONDS
  run "$name" "$suite" || status=$?
  failures=$(grep -cE "recorded an issue" "$logs/$name" || true)
  if [ "$status" = 0 ]; then
    result="SURVIVED: $fault"
    survivors+=("$name")
  else
    killed=$((killed + 1))
    if [ "$failures" -gt 0 ] || [ -n "$is_quick" ] && [ "$status" = 1 ]; then result="killed"
    elif [ "$status" = 124 ] || [ "$status" = 137 ]; then result="killed: never ends"
    else result="killed: crashed"; fi
  fi
  printf '%-48s %-32s %3d s  %s\n' "$name" "$suite" $((SECONDS - began)) "$result"
done <<< "$table"
echo "mutants: $killed killed, ${#survivors[@]} survived"
[ "${#survivors[@]}" = 0 ]
