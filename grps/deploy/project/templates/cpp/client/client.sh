#!/usr/bin/env bash
# Calls the service over HTTP: bash client/client.sh [http://127.0.0.1:7080]
set -euo pipefail
base="${1:-http://127.0.0.1:7080}"
curl -sS --fail -H 'Content-Type: application/json' -d '{"ndarray": [[1, 2.5]]}' \
  "$base/grps/v1/infer/predict?return-ndarray=true"
