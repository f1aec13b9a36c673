#!/usr/bin/env bash
# Builds the client, runs all its tests, and its conformance program against the service that
# clients/conformance/README.md describes. BUILD_DIR is where it builds; default: build, here.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
export BUILD_DIR=${BUILD_DIR:-$here/build}
"$here/build.sh"
"$BUILD_DIR/conformance/grps_conformance"
"$here/tests/installed.sh"
