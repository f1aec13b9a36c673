#!/usr/bin/env bash
# Installs the development packages unless they are there, then builds dist/ and build/.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")"
if ! cmp --silent package-lock.json node_modules/.installed; then
  npm ci --no-progress
  cp package-lock.json node_modules/.installed
fi
npm run --silent build
npm run --silent build:tests
