#!/usr/bin/env bash
# One locked environment: infra/bootstrap.sh VENV LOCK. Brings uv where it is missing.
set -euo pipefail
venv=$1 lock=$2 python=${PYTHON:-python3}

"$python" - <<'PY' || exit 2
import sys
if not (3, 11) <= sys.version_info[:2] <= (3, 13):
    sys.exit(f"{sys.executable} is Python {sys.version.split()[0]}; expected 3.11 to 3.13. "
             "Name another: make PYTHON=python3.12 ...")
PY

if command -v uv >/dev/null; then
  uv=uv
else
  uv=.tools/bin/uv
  if [ ! -x "$uv" ]; then
    echo "Fetching uv ..."
    locked=(--quiet --require-hashes -r "$(dirname "$0")/locks/uv.txt")
    "$python" -m venv .tools >/dev/null 2>&1 && .tools/bin/python -m pip install "${locked[@]}" \
      || { rm -rf .tools; "$python" -m pip install --target .tools "${locked[@]}"; }
  fi
fi

[ -x "$venv/bin/python" ] || "$uv" venv --quiet --python "$python" "$venv"
echo "Syncing $venv with $lock (about 3 GB at the first time) ..."
"$uv" pip sync --quiet --python "$venv/bin/python" --require-hashes --compile-bytecode "$lock"
"$uv" pip install --quiet --python "$venv/bin/python" --no-deps --no-build-isolation --editable .
