#!/usr/bin/env bash
# Installs the programs and libraries that checks and tests use and Debian has: load generators, a
# browser and a font for it, compilers of the clients …
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
  [ninja]=ninja-build
  [shellcheck]=shellcheck
  [valgrind]=valgrind
  [promtool]=prometheus
  [javac]=default-jdk-headless
  [mvn]=maven
  [protoc]=protobuf-compiler
  [grpc_cpp_plugin]=protobuf-compiler-grpc
  [clang-format]=clang-format
  [clang-tidy]=clang-tidy
  [node]=nodejs
  [npm]=npm
)
# Libraries have no program: the compiler finds their header or not.
declare -A package_of_header=(
  [grpcpp/grpcpp.h]=libgrpc++-dev
  [google/protobuf/message.h]=libprotobuf-dev
  [curl/curl.h]=libcurl4-openssl-dev
  [gtest/gtest.h]=libgtest-dev
  [nlohmann/json.hpp]=nlohmann-json3-dev
  [yaml-cpp/yaml.h]=libyaml-cpp-dev
  [eigen3/Eigen/Core]=libeigen3-dev
)

missing=()
for program in "${!package_of[@]}"; do
  command -v "$program" >/dev/null || missing+=("${package_of[$program]}")
done
for header in "${!package_of_header[@]}"; do
  g++ -E -x c++ - >/dev/null 2>&1 <<<"#include <$header>" ||
    missing+=("${package_of_header[$header]}")
done
# The pictures of the documentation show the page in Chinese too.
[ -n "$(fc-list :lang=zh 2>/dev/null)" ] || missing+=(fontconfig fonts-droid-fallback)
if [ "${#missing[@]}" -eq 0 ]; then
  exit 0
fi
if [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null; then
  echo "Tests need these packages. On Debian or Ubuntu run:" >&2
  echo "  sudo apt-get install --no-install-recommends ${missing[*]}" >&2
  exit 1
fi
echo "Installing ${missing[*]}"
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq
apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
