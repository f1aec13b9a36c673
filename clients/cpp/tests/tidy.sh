#!/usr/bin/env bash
# Checks the client with clang-tidy, as one unit, so that the headers of gRPC are read once.
# BUILD_DIR is where build.sh has built; default: build.
set -euo pipefail

client=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
build=${BUILD_DIR:-$client/build}
unit=$build/tidy/client.cxx
mkdir -p "$build/tidy"
printf '#include "%s"\n' "$client"/src/*.cc "$client"/src/*/*.cc >"$unit"
# The unit lies outside the folder of the settings, and is made of files that end with .cc.
exec clang-tidy -quiet --config-file="$client/.clang-tidy" \
  --checks=-bugprone-suspicious-include "$unit" -- -std=c++17 \
  -DGRPS_CLIENT_GRPC -DGRPS_CLIENT_HTTP -DGRPS_CLIENT_VERSION='"0"' \
  -I"$client/include" -I"$client/src" -isystem "$build/apis"
