#!/usr/bin/env bash
# Checks the format, vets the code, looks for mistakes, and runs all tests; those of the cookbook need the service of
# clients/conformance/README.md.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")"
PATH=$(go env GOROOT)/bin:$PATH
unformatted=$(find . -name '*.go' -not -path './build/*' -exec gofmt -l {} +)
if [ -n "$unformatted" ]; then
  echo "run gofmt -w on: $unformatted" >&2
  exit 1
fi
go vet -tags service ./...
go run honnef.co/go/tools/cmd/staticcheck@v0.8.2 -tags service ./...
go test -count=1 -tags service ./...
