#!/usr/bin/env bash
# Generates internal/pb from proto/grps.proto, by generators of fixed versions. With --check, it
# writes nothing and fails if the generated code differs from what is committed.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
proto=$(cd "$here/../../../proto" && pwd)
package=github.com/NetEase-Media/grps/clients/go/internal/pb
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

GOBIN=$work go install google.golang.org/protobuf/cmd/protoc-gen-go@v1.34.2
GOBIN=$work go install google.golang.org/grpc/cmd/protoc-gen-go-grpc@v1.4.0
mkdir "$work/pb"
# The version of protoc in the heads would differ from machine to machine.
PATH=$work:$PATH protoc --proto_path="$proto" \
  --go_out="$work/pb" --go_opt="paths=source_relative,Mgrps.proto=$package" \
  --go-grpc_out="$work/pb" --go-grpc_opt="paths=source_relative,Mgrps.proto=$package" \
  grps.proto
sed -i '/^\/\/.*protoc  *v/d' "$work"/pb/*.go
if [ "${1:-}" = --check ]; then
  diff -r "$work/pb" "$here/pb" || {
    echo "internal/pb is not what proto/ makes; run: go generate ./..." >&2
    exit 1
  }
else
  cp "$work"/pb/*.go "$here/pb/"
fi
