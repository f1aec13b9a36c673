#!/usr/bin/env bash
# Builds the client and its conformance program, and runs its unit tests. BUILD_DIR is where it
# builds; default: build, here.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
build=${BUILD_DIR:-$here/build}
generator=()
if [ ! -e "$build/CMakeCache.txt" ] && command -v ninja >/dev/null; then
  generator=(-G Ninja)
fi
if command -v ccache >/dev/null; then
  export CMAKE_CXX_COMPILER_LAUNCHER=ccache
fi
# These three make the compiler need a third of its time; the checks do not measure speed.
cmake -S "$here" -B "$build" "${generator[@]}" -DCMAKE_BUILD_TYPE=None -DCMAKE_CXX_FLAGS=-O1 \
  -DCMAKE_UNITY_BUILD=ON -DCMAKE_UNITY_BUILD_BATCH_SIZE=9 -DGRPS_CLIENT_TESTS=ON
cmake --build "$build" --parallel "$(nproc)"
"$build/tests/grps_client_tests" --gtest_brief=1
