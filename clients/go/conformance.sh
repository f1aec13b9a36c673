#!/usr/bin/env bash
# Builds the conformance program and runs it against the service of clients/conformance/README.md.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")"
go build -o build/conformance ./internal/conformance
exec build/conformance
