# Everything here sets itself up: Python 3.11+ with pip and make are enough.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
.DEFAULT_GOAL := help
export GX_ANALYTICS_ENABLED := False
export DO_NOT_TRACK := 1
# A refresh imports thousands of modules: where Python is told not to keep what it compiled, each start costs seconds.
export PYTHONDONTWRITEBYTECODE :=

.PHONY: help demo refresh ui test lint check slow bench compat lock clean

help: ## this list
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/' | expand -t 12

$(BIN)/uv:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed: make PYTHON=python3.12 ..."; exit 1; }
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check uv

$(VENV)/.run: requirements.lock pyproject.toml | $(BIN)/uv
	@echo "Installing Product Lens into $(VENV)/ ..."
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --require-hashes -r requirements.lock
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --editable .
	@touch $@

$(VENV)/.dev: requirements-dev.lock $(VENV)/.run
	@echo "Installing the test tools into $(VENV)/ ..."
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --require-hashes -r requirements-dev.lock
	@touch $@

demo: $(VENV)/.run ## the whole line on the embedded sandbox company, ending with what it found
	@$(BIN)/lens refresh
	@$(BIN)/lens show

refresh: $(VENV)/.run ## refresh the company named by LENS_COMPANY
	@$(BIN)/lens refresh

ui: $(VENV)/.run ## the Dagster UI on 127.0.0.1
	@$(BIN)/lens ui

test: lint ## ruff, types, import contracts and every fast test
	@$(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder

lint: $(VENV)/.dev ## ruff, types, import contracts
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-cache

slow: $(VENV)/.dev ## big faults: kill -9 at seeded points
	@$(BIN)/python -m pytest -m slow -n 2 --dist loadfile

compat: $(VENV)/.dev ## published files open in older and newer DuckDB
	@$(BIN)/python -m pytest -m compat

bench: $(VENV)/.dev ## speed and memory, as ratios
	@$(BIN)/python benchmarks/ingest.py
	@$(BIN)/python -m benchmarks.extract
	@$(BIN)/python benchmarks/refresh.py
	@$(BIN)/python -m benchmarks.money
	@$(BIN)/python -m benchmarks.usage

lock: $(BIN)/uv ## resolve the pins again
	@$(BIN)/uv pip compile --upgrade --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header -q pyproject.toml -o requirements.lock
	@$(BIN)/uv pip compile --upgrade --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header -q --extra dev -c requirements.lock pyproject.toml -o requirements-dev.lock

clean: ## remove .lens/ and .venv/
	rm -rf .lens $(VENV)
