#!/usr/bin/env bash
# Every tier but bench, faults and gpu, one after the other; a tier that runs no test fails (pytest's exit 5).
set -euo pipefail
cd "$(dirname "$0")/.."
unset PYTHONDONTWRITEBYTECODE
pytest=.venv/bin/pytest

"$pytest" -q
"$pytest" -q -m tf
"$pytest" -q -m airflow
"$pytest" -q -m e2e
