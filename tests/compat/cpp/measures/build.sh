#!/usr/bin/env bash
# Builds the project as its archive is made: into build/RelWithDebInfo_install.
set -euo pipefail

build=$PWD/build
options=()
while IFS='=' read -r key value; do
  case "$key" in
  torch_enable) options+=("-DTORCH_ENABLE=$value") ;;
  libtorch_path) options+=("-DLIBTORCH_PATH=$value") ;;
  esac
done <.config

cmake -S "$PWD" -B "$build" -DCMAKE_BUILD_TYPE=RelWithDebInfo \
  -DCMAKE_INSTALL_PREFIX="$build/RelWithDebInfo_install" "${options[@]}"
cmake --build "$build" --parallel 2
cmake --build "$build" --target install
