#!/usr/bin/env bash
# Every lock anew: names, versions, hashes; no index address, so that uv and pip install from any.
set -euo pipefail
cd "$(dirname "$0")/../.."
uv=$(command -v uv || echo .tools/bin/uv)

lock() {
  local out=infra/locks/$1
  shift
  "$uv" pip compile --quiet --universal --generate-hashes --no-annotate --no-header \
    pyproject.toml "$@" --output-file "$out"
}

lock local.txt --extra airflow --extra ray --extra cpu --extra local --group dev
lock airflow.txt --extra airflow
lock ray-cpu.txt --extra ray --extra cpu
lock ray-gpu.txt --extra ray --extra gpu
