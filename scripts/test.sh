#!/usr/bin/env bash
# Runs the tests that `make test` built: first what waits for brokers, then what computes, which
# would starve the first, then a few mutants, each of which must be noticed, then the Debian package
# in a system of its own. What failed is said once more at the end, below thousands of lines.
#
#   scripts/test.sh FLAG...   the flags of `swift test`
set -uo pipefail
cd "$(dirname "$0")/.."
log=.build-tests/test.log
: > "$log"
status=0
tunables=glibc.malloc.mmap_threshold=67108864:glibc.malloc.trim_threshold=536870912
tunables+=:glibc.malloc.top_pad=4194304
# What these see depends on how fast things go: a failing disk, a clock that jumps, bytes a second. They run
# when the rest is done, and before them what takes much of the machine.
readonly alone='EndToEndTests.*(failing system calls|wall clock that jumps|Budgets)'
readonly heavy='EndToEndTests.*(BrowserTests|ProgressTests|ReplayTests|FailOver|Rounds/Matrix)'
# One that fails does not hide what the others have to say.
run() { swift test --skip-build "${flags[@]}" "$@" 2>&1 | tee -a "$log" || status=1; }
readonly flags=("$@")
run --filter EndToEndTests --skip "$alone" --skip "$heavy"
run --filter "$heavy"
run --filter "$alone"
# Memory that is freed stays with the process: the simulation asks for it by the million. The programs
# that the rounds start measure their own.
export GLIBC_TUNABLES=$tunables
run --skip EndToEndTests
scripts/mutants.sh --quick 2>&1 | tee -a "$log" || status=1
{ scripts/deb.sh && scripts/package-test.sh; } 2>&1 | tee -a "$log" || status=1
[ "$status" = 0 ] && exit
echo
echo "What failed; all of it is in $log:"
# A failed expectation is told with what it compared, at any length.
grep -aE -A 3 '^✘|^error:|[Ff]atal error|SURVIVED|^mutants: the copy|^[EW]: |^package: (FAILED|SKIPPED)' "$log" | cut -c 1-1500 | head -n 80
exit 1
