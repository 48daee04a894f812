#!/usr/bin/env bash
# Compiles our own C for arm64 and armhf, without a warning, and runs there what has a path of its own
# per processor, by emulation. No Swift: its compiler for those machines would be needed.
#
#   scripts/cross-c.sh      needs gcc-aarch64-linux-gnu, gcc-arm-linux-gnueabihf, qemu-user
#
# Ends with 0 where they are missing, and says "SKIPPED".
set -euo pipefail
cd "$(dirname "$0")/.."

skip() {
  echo "cross-c: SKIPPED: $*"
  exit 0
}
command -v qemu-arm > /dev/null || skip "no qemu-user"
work=$(mktemp -d /var/tmp/holdfast-cross.XXXXXX)
trap 'rm -rf "$work"' EXIT

# name, compiler, emulator, more flags of the compiler
try() {
  local name=$1 compiler=$2 emulator=$3 source
  command -v "$compiler-gcc" > /dev/null || skip "no $compiler-gcc"
  mkdir -p "$work/include"
  # OpenSSL's headers are the same for all, but for one that says what this machine is.
  ln -sfn /usr/include/openssl "$work/include/openssl"
  for source in Sources/C*/*.c; do
    "$compiler-gcc" -std=gnu11 -O2 -Wall -Wextra -Werror "${@:4}" -I"$(dirname "$source")/include" \
      -isystem "$work/include" -idirafter "/usr/include/$(gcc -dumpmachine)" \
      -c -o "$work/object.o" "$source"
  done
  "$compiler-gcc" -std=gnu11 -O2 -Wall -Wextra -Werror "${@:4}" -ISources/CCRC32C/include \
    -ISources/CProgramPages/include -o "$work/program" \
    Tests/Shims/portable_c.c Sources/CCRC32C/*.c Sources/CProgramPages/*.c
  echo "cross-c: $name: $("$emulator" -L "/usr/$compiler" "$work/program")"
}
try arm64 aarch64-linux-gnu qemu-aarch64
try 'arm64 with its CRC instructions' aarch64-linux-gnu qemu-aarch64 -march=armv8-a+crc
try armhf arm-linux-gnueabihf qemu-arm
