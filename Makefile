# Carelake: `make` lists what can be made. Every goal does its own set-up first.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-print-directory

UV_VERSION := 0.13.9
BIN := .venv/bin
# Done once, and again after a change of UV_VERSION, uv.lock or pyproject.toml.
UV_STAMP := .venv/.uv-$(UV_VERSION)
STAMP := .venv/.synced
# Two test processes, each with a Spark of its own: more helps only where there are more than two cores.
WORKERS ?= 2
PATIENTS ?=
SERVICE ?=
FOLLOW ?=
UNTIL ?=
CONFIRM ?=
PYTEST := $(BIN)/pytest -n $(WORKERS) --dist loadfile
CODE := catalog lakehouse dash_app spark_jobs tests infra

# What a virtual environment that happens to be active says must not lead uv or pip elsewhere.
unexport VIRTUAL_ENV PYTHONHOME PYTHONPATH
export UV_PROJECT_ENVIRONMENT := .venv
# Never a Python that uv fetches itself: the one that is there, or a message.
export UV_PYTHON_DOWNLOADS := never

.PHONY: help setup demo test test-slow test-browser test-all coverage lint format bench bench-dashboard bench-stack \
  screenshots docs lock clean \
  stack-fetch stack-up stack-status stack-logs stack-down stack-reset test-stack test-stack-jobs

help: ## List what can be made.
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-16s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: $(STAMP) ## Install Python packages into .venv, by the lock file.

demo: $(STAMP) ## Build a small lakehouse in .lake; PATIENTS=1000 generates that many people first.
	@$(BIN)/lake demo $(if $(PATIENTS),--patients $(PATIENTS))

test: $(STAMP) ## Run the quick tests with coverage: some 13 minutes on two cores.
	@COVERAGE_FILE=.cov-quick $(PYTEST) -m "not slow and not browser and not stack" --cov --cov-report=term --cov-fail-under=90

test-browser: $(STAMP) ## Open each page of the dashboard over the demo's lake in Chromium.
	@$(BIN)/pytest -n $(WORKERS) -m browser tests/browser

# Exit code 5 says that no test is marked slow, which is fine. By the test and not by the file: some take minutes.
test-slow: $(STAMP) ## Run the tests that take minutes; UNTIL=TIME, in seconds since 1970, begins none after that.
	@COVERAGE_FILE=.cov-slow $(PYTEST) --dist worksteal -m "slow and not stack" --durations=15 --cov --cov-report= --cov-fail-under=0 \
	  $(if $(UNTIL),--until $(UNTIL) --left .slow-left) || [ $$? -eq 5 ]

coverage: $(STAMP) ## Hold the lines that all runs of tests reached against the floor.
	@$(BIN)/coverage combine --keep --quiet .cov-quick .cov-slow .cov-stack .cov-faults
	@$(BIN)/python infra/coverage_floor.py

test-all: $(STAMP) ## Run every test with coverage.
	@$(PYTEST) -m "not browser and not stack" --cov --cov-report=term
	@$(BIN)/python infra/coverage_floor.py

test-stack: $(STAMP) ## Run the tests that need the servers of the stack, over the demo's lake; starts them on ports of their own.
	@COVERAGE_FILE=.cov-stack $(BIN)/pytest -m stack tests/stack --durations=15 --cov --cov-report= --cov-fail-under=0

test-stack-jobs: $(STAMP) ## Run the tests of the write path once more, on PostgreSQL and MinIO.
	@COVERAGE_FILE=.cov-faults PYTHONPATH=. $(BIN)/python tests/stack/run.py

stack-fetch: $(STAMP) ## Fetch Trino and build MinIO ahead, or SERVICE=trino alone; the first start does it otherwise.
	@$(BIN)/python -m infra.native fetch $(SERVICE)

stack-up: $(STAMP) ## Start MinIO, PostgreSQL, Trino and Spark as processes; SERVICE=trino: that one and what it needs.
	@$(BIN)/python -m infra.native up $(SERVICE)

stack-status: $(STAMP) ## Show each server of the stack; fails when one is not ready.
	@$(BIN)/python -m infra.native status

stack-logs: $(STAMP) ## Show what the servers say; SERVICE=trino, FOLLOW=yes.
	@$(BIN)/python -m infra.native logs $(SERVICE) $(if $(FOLLOW),--follow)

stack-down: $(STAMP) ## Stop the servers, their data stays; SERVICE=trino: that one alone.
	@$(BIN)/python -m infra.native down $(SERVICE)

stack-reset: $(STAMP) ## Stop the servers and delete all that they hold; needs CONFIRM=yes.
	@$(BIN)/python -m infra.native reset $(if $(filter yes,$(CONFIRM)),--yes)

lint: $(STAMP) ## Check style, types and the direction of imports.
	@$(BIN)/ruff check $(CODE)
	@$(BIN)/ruff format --check $(CODE)
	@$(BIN)/mypy
	@$(BIN)/mypy infra
	@$(BIN)/lint-imports --no-logo

format: $(STAMP) ## Put the code into its usual form.
	@$(BIN)/ruff check --fix-only $(CODE)
	@$(BIN)/ruff format $(CODE)

bench: $(STAMP) ## Measure throughput and memory; BENCH=--everything loads all types, to gold. Prints a table and writes JSON.
	@$(BIN)/python tests/bench/bench.py $(BENCH)

bench-dashboard: $(STAMP) ## Measure the dashboard with 500 users and a browser; prints a table and writes JSON.
	@PYTHONPATH=. $(BIN)/python tests/bench/dashboard.py

bench-stack: $(STAMP) ## Measure the stack beside the embedded lake: load, queries, start; BENCH=--load-only. Prints a table, writes JSON.
	@PYTHONPATH=. $(BIN)/python tests/bench/stack.py $(BENCH)

screenshots: $(STAMP) ## Take the pictures of the dashboard's pages again, over the demo's lake.
	@$(BIN)/python -m infra.make_screenshots

docs: $(STAMP) ## Write the pages of all tables again from their declarations.
	@$(BIN)/python infra/make_docs.py

lock: $(UV_STAMP) ## Resolve the Python packages again after a change of pyproject.toml.
	@$(BIN)/uv lock
	@$(MAKE) setup

clean: ## Remove everything that was made here: .venv, .lake and caches.
	rm -rf .slow-left .venv .lake .cache build dist .coverage .coverage.* .pytest_cache .mypy_cache .ruff_cache \
	  .import_linter_cache .hypothesis derby.log metastore_db spark-warehouse
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(STAMP): uv.lock pyproject.toml $(UV_STAMP)
	@echo "Installing the Python packages of uv.lock into .venv"
	@$(BIN)/uv sync --frozen --quiet
	@touch $@

$(UV_STAMP):
	@for python in python3.11 python3 python; do \
	  if "$$python" -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' >/dev/null 2>&1; then \
	    "$$python" -c 'import ensurepip' >/dev/null 2>&1 || { \
	      echo "$$python lacks the module ensurepip: install it (Debian, Ubuntu: apt install python3.11-venv)." >&2; \
	      exit 1; }; \
	    echo "Making .venv with $$("$$python" --version)"; \
	    "$$python" -m venv .venv; \
	    $(BIN)/python -m pip install --quiet --disable-pip-version-check "uv==$(UV_VERSION)"; \
	    touch $@; \
	    exit 0; \
	  fi; \
	done; \
	echo "Python 3.11 was not found as python3.11, python3 or python: install it and run make again." >&2; \
	exit 1
