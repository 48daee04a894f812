#!/usr/bin/env bash
# Writes what a built holdfast is made of, as SPDX 2.3 in JSON, to standard output.
#
#   scripts/sbom.sh .build/release/holdfast > holdfast.spdx.json
#
# Built in: the Swift packages with the versions that were resolved, what they vendor, and the Swift
# runtime. Linked: the libraries that the binary names, with the Debian packages and versions that
# are installed here. A part whose licence is not in the list below ends it with 1. The same inputs
# give the same bytes: the date is SOURCE_DATE_EPOCH or that of the last commit.
set -euo pipefail
binary=${1:?usage: scripts/sbom.sh BINARY}
root=$(cd "$(dirname "$0")/.." && pwd)

fail() {
  echo "sbom: $*" >&2
  exit 1
}

# Licences as SPDX expressions, read from each part's own licence file.
declare -A licences=(
  [swift]='Apache-2.0 WITH Swift-exception'
  [swift-argument-parser]='Apache-2.0 WITH Swift-exception'
  [swift-log]='Apache-2.0'
  [tomlkit]='MIT'
  [tomlplusplus]='MIT'
  [libmosquitto1]='EPL-2.0 OR BSD-3-Clause'
  [libzstd1]='BSD-3-Clause OR GPL-2.0-only'
  [zlib1g]='Zlib'
  [libssl3]='Apache-2.0'
  [libssl3t64]='Apache-2.0'
  [libc6]='LGPL-2.1-or-later'
  [libgcc-s1]='GPL-3.0-or-later WITH GCC-exception-3.1'
  [libstdc++6]='GPL-3.0-or-later WITH GCC-exception-3.1'
  [libmicrohttpd12]='LGPL-2.1-or-later'
  [librdkafka1]='BSD-2-Clause'
)

seconds=${SOURCE_DATE_EPOCH:-$(git -C "$root" log -1 --format=%ct 2> /dev/null || echo 0)}
created=$(date -u -d "@$seconds" +%Y-%m-%dT%H:%M:%SZ)
version=$("$binary" --version)

packages=()
relations=()
# name, version, how it is there (CONTAINS or DYNAMIC_LINK), package URL
add() {
  local licence=${licences[$1]:-}
  [ -n "$licence" ] || fail "no licence is known for $1; add it to scripts/sbom.sh"
  [ -n "$2" ] || fail "no version is known for $1"
  local id="SPDXRef-${1//[^A-Za-z0-9.-]/-}"
  packages+=("$(printf '{"SPDXID":"%s","name":"%s","versionInfo":"%s","licenseDeclared":"%s","licenseConcluded":"%s","copyrightText":"NOASSERTION","downloadLocation":"NOASSERTION","filesAnalyzed":false,"externalRefs":[{"referenceCategory":"PACKAGE-MANAGER","referenceType":"purl","referenceLocator":"%s"}]}' \
    "$id" "$1" "$2" "$licence" "$licence" "$4")")
  relations+=("$(printf '{"spdxElementId":"SPDXRef-holdfast","relationshipType":"%s","relatedSpdxElement":"%s"}' \
    "$3" "$id")")
}

# What is compiled in.
swift_version=$(swift --version 2> /dev/null | sed -n 's/.*Swift version \([0-9.]*\).*/\1/p' | head -n 1)
add swift "$swift_version" CONTAINS "pkg:github/swiftlang/swift@$swift_version"
resolved="$root/Package.resolved"
[ -e "$resolved" ] || fail "there is no Package.resolved; build first"
while IFS=$'\t' read -r name location pinned; do
  path=${location#https://github.com/}
  add "$name" "$pinned" CONTAINS "pkg:swift/github.com/${path%.git}@$pinned"
done < <(sed -n \
  -e 's/.*"identity" : "\([^"]*\)".*/N \1/p' -e 's/.*"location" : "\([^"]*\)".*/L \1/p' \
  -e 's/.*"version" : "\([^"]*\)".*/V \1/p' "$resolved" |
  awk '$1 == "N" { n = $2 } $1 == "L" { l = $2 } $1 == "V" { print n "\t" l "\t" $2 }' | sort)
header=$(find "$root" -path '*/checkouts/TOMLKit/*' -name toml.hpp 2> /dev/null | sort | head -n 1)
[ -n "$header" ] || fail "the checkout of TOMLKit is missing; build first"
toml=$(awk '/define TOML_LIB_(MAJOR|MINOR|PATCH) / { printf "%s%s", (n++ ? "." : ""), $3 }' "$header")
add tomlplusplus "$toml" CONTAINS "pkg:github/marzer/tomlplusplus@$toml"

# What is linked, by the binary's own word; Swift's libraries, where they are not linked statically,
# are the Swift runtime above.
libraries=$(readelf -d "$binary" | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p')
places=$(ldd "$binary" | awk '$2 == "=>" { print $1 "\t" $3 }')
names=()
for library in $libraries; do
  place=$(awk -v name="$library" '$1 == name { print $2 }' <<< "$places")
  case "$place" in
    */swift/*) continue ;;
    '') case "$library" in ld-linux*) place="/lib64/$library" ;; *) fail "$library is not found" ;; esac ;;
  esac
  owner=$(dpkg-query -S "$(realpath "$place")" "$place" "/usr$place" 2> /dev/null |
    sed 's/[:,].*//' | head -n 1) || true
  [ -n "$owner" ] || fail "no Debian package owns $place"
  names+=("$owner")
done
for name in $(printf '%s\n' "${names[@]}" | sort -u); do
  installed=$(dpkg-query -W -f '${Version}\n' "$name" | head -n 1)
  add "$name" "$installed" DYNAMIC_LINK "pkg:deb/debian/$name@$installed"
done

join() {
  local IFS=,
  echo "$*"
}
cat << END
{"spdxVersion":"SPDX-2.3","dataLicense":"CC0-1.0","SPDXID":"SPDXRef-DOCUMENT","name":"holdfast-$version",
"documentNamespace":"urn:holdfast:sbom:$version:$(sha256sum "$binary" | cut -c 1-32)",
"creationInfo":{"created":"$created","creators":["Tool: scripts/sbom.sh"]},
"packages":[
{"SPDXID":"SPDXRef-holdfast","name":"holdfast","versionInfo":"$version","licenseDeclared":"Apache-2.0","licenseConcluded":"Apache-2.0","copyrightText":"NOASSERTION","downloadLocation":"NOASSERTION","filesAnalyzed":false},
$(join "${packages[@]}" | sed 's/},{"SPDXID/},\n{"SPDXID/g')],
"relationships":[
{"spdxElementId":"SPDXRef-DOCUMENT","relationshipType":"DESCRIBES","relatedSpdxElement":"SPDXRef-holdfast"},
$(join "${relations[@]}" | sed 's/},{"spdx/},\n{"spdx/g')]}
END
