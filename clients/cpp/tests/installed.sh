#!/usr/bin/env bash
# Installs a build into a folder, builds what a user would build against it, and runs that against
# the service of clients/conformance/README.md: the program of the README, the code of the cookbook,
# and the sample for GRPS 1.1. BUILD_DIR is where build.sh has built; default: build.
set -euo pipefail

client=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
build=${BUILD_DIR:-$client/build}
work=$build/installed
prefix=$work/prefix
rm -rf "$work"
mkdir -p "$work/hello"
cmake --install "$build" --prefix "$prefix" >/dev/null

# Prints each block of a language in a Markdown file, with what the service here has instead of the
# names that the text uses.
blocks() {
  awk -v language="$1" -v before="${3:-}" -v after="${4:-}" '
    $0 == "```" language { inside = 1; print before; next }
    $0 == "```" && inside { inside = 0; print after; next }
    inside { print }' "$2" |
    sed "s|localhost:7080|$GRPS_HTTP|; s|localhost:7081|$GRPS_GRPC|; s|localhost:7443|$GRPS_TLS_HTTP|
         s|ca\.pem|$GRPS_CA|; s|\"KEY\"|\"$GRPS_KEY\"|; s|image\.png|$GRPS_CA|"
}

blocks cpp "$client/README.md" >"$work/hello/hello.cc"
blocks cmake "$client/README.md" >"$work/hello/CMakeLists.txt"
{
  printf '#include <grps/client.h>\n#include <future>\n#include <iostream>\n#include <thread>\n'
  echo 'int main() {'
  blocks cpp "$client/../../docs/clients/cpp.md" '{' '}'
  echo '}'
} >"$work/hello/cookbook.cc"
cat >>"$work/hello/CMakeLists.txt" <<'END'
add_executable(cookbook cookbook.cc)
target_link_libraries(cookbook grps::client)
add_subdirectory(SAMPLE sample)
END
sed -i "s|SAMPLE|$client/compat/sample|" "$work/hello/CMakeLists.txt"

LDFLAGS=-Wl,--copy-dt-needed-entries cmake -S "$work/hello" -B "$work/build" \
  -DCMAKE_PREFIX_PATH="$prefix" -DGRPS_PREFIX="$prefix" -DCMAKE_CXX_FLAGS=-O0 >/dev/null
cmake --build "$work/build" --parallel "$(nproc)" >/dev/null

[ "$("$work/build/hello")" = hello ]
"$work/build/cookbook" >"$work/cookbook.txt"
grep -q '^404: ' "$work/cookbook.txt"
grep -q '^cancelled$' "$work/cookbook.txt"
"$work/build/sample/grpc_sample" "$GRPS_GRPC" >/dev/null
