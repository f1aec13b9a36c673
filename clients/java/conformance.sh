#!/usr/bin/env bash
# Builds the client and runs the conformance program against the service that
# clients/conformance/README.md describes. With all packages in Maven's cache it needs no network.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")"
build=(mvn -q -pl "grps-client,conformance" -Dmaven.javadoc.skip=true package)
"${build[@]}" -o 2>/dev/null || "${build[@]}"
java -jar conformance/target/grps-conformance.jar
