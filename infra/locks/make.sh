#!/usr/bin/env bash
# Every lock anew: names, versions, hashes; no index address, so that uv and pip install from any.
set -euo pipefail
cd "$(dirname "$0")/../.."
uv=$(command -v uv || echo .tools/bin/uv)

lock() {
  local out=infra/locks/$1
  shift
  "$uv" pip compile --quiet --universal --generate-hashes --no-annotate --no-header \
    "$@" --output-file "$out"
}

lock local.txt pyproject.toml --extra airflow --extra ray --extra cpu --extra local --group dev
lock airflow.txt pyproject.toml --extra airflow
lock ray-cpu.txt pyproject.toml --extra ray --extra cpu
lock ray-gpu.txt pyproject.toml --extra ray --extra gpu
# What installs the others, where it is missing.
echo uv | lock uv.txt -
