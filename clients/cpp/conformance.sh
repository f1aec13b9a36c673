#!/usr/bin/env bash
# Builds the client, runs its unit tests, and runs the conformance program against the service that
# clients/conformance/README.md describes. BUILD_DIR is where it builds; default: build, here.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
build=${BUILD_DIR:-$here/build}
generator=()
if command -v ninja >/dev/null; then
  generator=(-G Ninja)
fi
if command -v ccache >/dev/null; then
  export CMAKE_CXX_COMPILER_LAUNCHER=ccache
fi
# -O1 halves the time of the compiler; the checks do not measure speed.
cmake -S "$here" -B "$build" "${generator[@]}" -DCMAKE_BUILD_TYPE=None -DCMAKE_CXX_FLAGS=-O1 \
  -DGRPS_CLIENT_TESTS=ON >/dev/null
cmake --build "$build" --parallel "$(nproc)"
"$build/tests/grps_client_tests" --gtest_brief=1
"$build/conformance/grps_conformance"
