#!/usr/bin/env bash
# Builds the client, runs its unit tests, and runs the conformance program against the service that
# clients/conformance/README.md describes.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")"
./build.sh
node --test build/test/
exec node --expose-gc build/conformance/main.js
