#!/usr/bin/env bash
# Makes what a package has beside the program: manual pages and completions, from the program's own
# help and from the commented configuration, so that they can't differ from it.
#
#   scripts/package-files.sh PROGRAM DIRECTORY
set -euo pipefail
cd "$(dirname "$0")/.."
program=$1 out=$2

mkdir -p "$out"/{bash,zsh,fish}
# A completion is read by a shell, not run: no line that names an interpreter.
"$program" --generate-completion-script bash | sed '1{/^#!/d}' > "$out/bash/holdfast"
"$program" --generate-completion-script zsh > "$out/zsh/_holdfast"
"$program" --generate-completion-script fish > "$out/fish/holdfast.fish"
"$program" --experimental-dump-help > "$out/help.json"
version=$("$program" --version)
scripts/manual-pages.py command "$out/help.json" "$version" > "$out/holdfast.1"
scripts/manual-pages.py configuration config/holdfast.toml "$version" > "$out/holdfast.toml.5"
