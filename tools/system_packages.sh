#!/usr/bin/env bash
# Installs the programs that checks and tests use and Debian has: load generators, a browser …
# As root it installs what is missing; otherwise it prints the line to run and fails.
set -euo pipefail

declare -A package_of=(
  [curl]=curl
  [wrk]=wrk
  [h2load]=nghttp2-client
  [openssl]=openssl
  [chromium]=chromium
  [g++]=g++
  [cmake]=cmake
  [shellcheck]=shellcheck
  [valgrind]=valgrind
  [promtool]=prometheus
  [javac]=default-jdk-headless
  [mvn]=maven
  [protoc]=protobuf-compiler
)

missing=()
for program in "${!package_of[@]}"; do
  command -v "$program" >/dev/null || missing+=("${package_of[$program]}")
done
if [ "${#missing[@]}" -eq 0 ]; then
  exit 0
fi
if [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null; then
  echo "Tests need these programs. On Debian or Ubuntu run:" >&2
  echo "  sudo apt-get install --no-install-recommends ${missing[*]}" >&2
  exit 1
fi
echo "Installing ${missing[*]}"
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq
apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
