# The only entry: each target is a line or two that calls the tool.
SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
LOCK := infra/locks/local.txt
# Byte-code is the biggest lever on start-up (ADR 0005): some environments switch it off.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help setup demo test tiers-beside tiers-in-turn tier-fast check format e2e test-faults golden bench-demo bench-ingest bench-near bench-overhead bench-pipeline bench-quality bench-judgement bench-step bench-feed bench-gate bench-workers bench-checkpoints bench-job-start bench-waiting lock clean

help:  ## list the targets
	@grep -hE '^[a-z0-9-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

setup: $(VENV)/.synced  ## one locked environment in .venv

$(VENV)/.synced: $(LOCK) pyproject.toml infra/bootstrap.sh
	@PYTHON="$(PYTHON)" bash infra/bootstrap.sh $(VENV) $(LOCK)
	@touch $@

demo: setup  ## the main job once, for real: SOURCE=... RECIPE=... KEEP=1 ARGS=...
	@$(BIN)/sortline demo $${SOURCE:+--source "$$SOURCE"} $${RECIPE:+--recipe "$$RECIPE"} $(if $(filter-out 0,$(KEEP)),--keep) $(ARGS)

test: setup  ## every tier but gpu
	@$(MAKE) --no-print-directory -j2 --output-sync=target tiers-beside tiers-in-turn

tiers-in-turn:
	@for tier in fast airflow e2e; do $(MAKE) --no-print-directory tier-$$tier || exit; done

# A tier that runs no test fails (pytest's exit 5).
tier-fast:
	@$(BIN)/pytest -q -p no:cacheprovider

# Where Linux can tell: on what the tiers in turn leave idle, so that no wait of theirs grows longer.
tiers-beside:
	@$(shell command -v chrt >/dev/null && echo chrt --idle 0) $(BIN)/pytest -q -p no:cacheprovider -m "(tf or simulation) and not faults"

tier-%:
	@$(BIN)/pytest -q -p no:cacheprovider -m "$* and not faults"

check: setup  ## format, lint, import contracts, types, fast tests
	@$(BIN)/ruff format --check . && $(BIN)/ruff check . && $(BIN)/lint-imports
	@$(BIN)/basedpyright
	@$(BIN)/pytest -q

format: setup  ## format the code
	@$(BIN)/ruff format . && $(BIN)/ruff check --fix .

e2e: setup  ## the tests that bring up the real stack
	@$(BIN)/pytest -m "e2e and not faults"

test-faults: setup  ## the table of faults on a real stack: an hour and a half; TABLE=... LOG=...
	@SORTLINE_FAULT_TABLE="$(TABLE)" SORTLINE_FAULT_LOG="$(LOG)" $(BIN)/pytest -m faults tests/e2e

golden: setup  ## write the golden files anew: read the diff before you commit it
	@SORTLINE_GOLDEN=write $(BIN)/pytest -q -m airflow tests/dags/test_golden.py

bench-demo: setup  ## time and memory of `make demo`, part by part
	@$(BIN)/python -m tests.bench.demo

bench-overhead: setup  ## the DAG beside a plain script of the same steps: PAIRS=2
	@$(BIN)/python -m tests.bench.overhead

bench-waiting: setup  ## a thousand waiting jobs in one event loop: JOBS=1000 INTERVAL_S=2
	@$(BIN)/python -m tests.bench.waiting

bench-near: setup  ## grouping of 1e4, 1e5 and 1e6 hashes: SIZES="10000 100000 1000000"
	@$(BIN)/python -m tests.bench.near

bench-pipeline: setup  ## the input pipeline beside the lesson's: IMAGE_PX=300, SORTLINE_TRASHNET=PATH
	@$(BIN)/python -m tests.bench.pipeline

bench-quality: setup  ## what a recipe reaches on real photos: SEED=1 RECIPE=lite0_finetune SORTLINE_TRASHNET=PATH
	@$(BIN)/python -m tests.bench.quality

bench-judgement: setup  ## a champion's life on real photos: promoted, replaced, defended, rolled back: SORTLINE_TRASHNET=PATH
	@$(BIN)/python -m tests.bench.judgement

bench-step: setup  ## our training step beside bare Keras's: ROUNDS=5
	@$(BIN)/python -m tests.bench.step

bench-feed: setup  ## a training fed from shards beside one fed from memory: ROUNDS=3, SORTLINE_TRASHNET=PATH
	@$(BIN)/python -m tests.bench.feed

bench-workers: setup  ## two workers of one thread beside one: ROUNDS=3
	@$(BIN)/python -m tests.bench.workers

bench-checkpoints: setup  ## what checkpoints cost a training: EPOCHS=2 EVERY_S=30 WORKERS=2, SORTLINE_TRASHNET=PATH
	@$(BIN)/python -m tests.bench.checkpoints

bench-job-start: setup  ## the start of a training job, taken apart: RUNS=5 WORKERS=2
	@$(BIN)/python -m tests.bench.job_start

bench-gate: setup  ## how often the gate promotes a model that is no better, and one that is
	@$(BIN)/python -m tests.bench.gate

bench-ingest: setup  ## an ingest beside raw puts, again, and with 1% more; SMALL="10000,100000" for memory
	@$(BIN)/python -m tests.bench.ingest

lock: setup  ## resolve every lock anew
	@bash infra/locks/make.sh

clean:  ## remove the environment
	@rm -rf $(VENV) .tools
