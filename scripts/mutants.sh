#!/usr/bin/env bash
# Shows that the proof can fail: builds every seeded fault of Tests/Mutants/table.txt into a copy of
# the sources, then runs each mutant's suite, which must fail.
#
#   scripts/mutants.sh           all mutants
#   scripts/mutants.sh --quick   those of the ordinary test run
#   scripts/mutants.sh NAME...   these
#
# Exits 0 when the copy passes with no mutant switched on and every mutant is killed.
set -euo pipefail
cd "$(dirname "$0")/.."
export SWIFT_BACKTRACE=enable=no
# A mutant that is noticed is noticed early.
export HOLDFAST_SEEDS="${HOLDFAST_SEEDS:-40}"
export HOLDFAST_STATES="${HOLDFAST_STATES:-150000}" HOLDFAST_FAULTS="${HOLDFAST_FAULTS:-4000}"
copy=.build-mutants/copy
logs=.build-mutants/logs
time_limit_s="${MUTANT_TIME_LIMIT_S:-300}"
flags=(-c release -Xswiftc -enable-testing ${SWIFT_FLAGS:-})
test_flags=(-c release --scratch-path .build-tests -Xswiftc -enable-testing ${SWIFT_FLAGS:-})

swift build "${test_flags[@]}" --product proof > /dev/null
proof="$(swift build "${test_flags[@]}" --show-bin-path)/proof"

select=()
names=()
for argument in "$@"; do
  if [ "$argument" = --quick ]; then select+=(--quick); else names+=("$argument"); fi
done

mkdir -p "$copy" "$logs"
# Only what differs is written, so that a second run builds little.
for folder in Sources Tests Tools; do rm -rf "${copy:?}/$folder"; done
tar -cf - --exclude='./.build*' --exclude=./.git . | tar -xf - -C "$copy"
"$proof" mutate --copy "$copy"
echo "mutants: building the copy"
(cd "$copy" && swift build --build-tests "${flags[@]}") > "$logs/build" 2>&1 || {
  grep -E "error:" "$logs/build" | head -n 20 >&2 || tail -n 20 "$logs/build" >&2
  echo "mutants: the copy does not build; $logs/build" >&2
  exit 1
}

# run NAME SUITE: the suite in the copy with that mutant switched on; 0: it passed.
run() {
  local limit_s=$time_limit_s
  # All suites in one go, and none of them cut short by a failure.
  [ -n "$1" ] || limit_s=$((4 * time_limit_s))
  (cd "$copy" && HOLDFAST_MUTANT="$1" timeout -k 10 "$limit_s" \
    swift test --skip-build "${flags[@]}" --filter "$2") > "$logs/${1:-none}" 2>&1
}

table=$("$proof" mutate --list "${select[@]}")
if [ "${#names[@]}" -gt 0 ]; then
  table=$(awk -F'\t' -v names="${names[*]}" \
    'BEGIN { split(names, n, " "); for (i in n) want[n[i]] } $1 in want' <<< "$table")
fi
[ -n "$table" ] || { echo "mutants: none of that name" >&2; exit 1; }

suites=$(cut -f 2 <<< "$table" | sort -u | paste -sd '|')
if ! run "" "$suites" || ! grep -q "Test run with [1-9]" "$logs/none"; then
  grep -E "✘|error:" "$logs/none" | head -n 20 >&2 || true
  echo "mutants: the copy fails with no mutant switched on; $logs/none" >&2
  exit 1
fi

killed=0
survivors=()
printf '%-40s %-24s %s\n' MUTANT SUITE RESULT
while IFS=$'\t' read -r name suite fault; do
  status=0
  run "$name" "$suite" || status=$?
  failures=$(grep -c "recorded an issue" "$logs/$name" || true)
  if [ "$status" = 0 ]; then
    result="SURVIVED: $fault"
    survivors+=("$name")
  else
    killed=$((killed + 1))
    if [ "$status" = 124 ] || [ "$status" = 137 ]; then result="killed: never ends"
    elif [ "$failures" = 0 ]; then result="killed: crashed"
    else result="killed: $failures failures"; fi
  fi
  printf '%-40s %-24s %s\n' "$name" "$suite" "$result"
done <<< "$table"
echo "mutants: $killed killed, ${#survivors[@]} survived"
[ "${#survivors[@]}" = 0 ]
