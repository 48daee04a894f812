#!/usr/bin/env bash
# Says clearly what is wrong where there is no Swift 6.3.
set -euo pipefail

if ! command -v swift > /dev/null; then
  echo "Swift is not in PATH. Holdfast needs Swift 6.3 or newer: https://swift.org/install" >&2
  exit 1
fi
version=$(swift --version 2> /dev/null | sed -n 's/.*Swift version \([0-9]*\.[0-9]*\).*/\1/p' | head -n 1)
if [ "$(printf '%s\n6.3\n' "${version:-0}" | sort -V | head -n 1)" != 6.3 ]; then
  echo "This is Swift ${version:-of unknown version}; Holdfast needs 6.3 or newer: https://swift.org/install" >&2
  exit 1
fi
