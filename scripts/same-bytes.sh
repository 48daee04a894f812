#!/usr/bin/env bash
# Makes a stripped program the same, byte for byte, wherever it was built. Two of its sections know the
# directory: hashes of the compiler's intermediate code, which only an incremental build reads, and the
# build id, which was made of all the rest. The hashes become zeros, the id one of what remains.
#
#   scripts/same-bytes.sh PROGRAM
set -euo pipefail
program=$1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

objcopy --dump-section .swift_modhash="$work/hashes" \
  --dump-section .note.gnu.build-id="$work/note" "$program" "$work/copy"
head -c "$(stat -c %s "$work/hashes")" /dev/zero > "$work/zeros"
# The id's 20 bytes stand behind a header of 16.
{ head -c 16 "$work/note" && head -c 20 /dev/zero; } > "$work/id"
objcopy --update-section .swift_modhash="$work/zeros" \
  --update-section .note.gnu.build-id="$work/id" "$program"
id=$(sha1sum < "$program" | cut -c 1-40 | sed 's/../\\x&/g')
{ head -c 16 "$work/note" && printf '%b' "$id"; } > "$work/id"
objcopy --update-section .note.gnu.build-id="$work/id" "$program"
