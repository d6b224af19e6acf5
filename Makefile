# Every target sets up its own .venv first; only python3 is needed to start.
#   make demo    ground a clip generated on the spot and print the true tube beside the answer
#   make test    run the tests
# PYTHON=3.12 make test    choose the interpreter of a new .venv
# PYTEST_ARGS="-k query" make test    pass options to pytest
# WORKERS=4 make test    processes that share the tests; 0 is none beside pytest's own

PYTHON ?= >=3.11,<3.14
PYTEST_ARGS ?=
WORKERS ?= 2
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
UV := .ci/uv
LOCK := $(UV) pip compile pyproject.toml --group dev --all-extras --universal --python-version 3.11 \
	--fork-strategy fewest --no-header --no-annotate --no-emit-index-url --no-emit-find-links \
	--quiet --output-file requirements.lock

.DEFAULT_GOAL := help
.PHONY: help setup demo test lint format bench lock upgrade clean

help:
	@sed -n 's/^# \{0,1\}//p' Makefile | head -4
	@echo "  make lint format bench lock upgrade clean"

setup: $(READY)

# Compiled once: torch and transformers are thousands of modules, which every process would compile
# anew where Python may not write what it compiled.
$(READY): pyproject.toml requirements.lock .ci/uv
	@test -x $(BIN)/python || $(UV) venv --quiet --python "$(PYTHON)" $(VENV)
	@$(UV) pip install --quiet --compile-bytecode --python $(BIN)/python \
		--requirement requirements.lock
	@$(UV) pip install --quiet --python $(BIN)/python --no-deps --editable .
	@touch $@

demo: $(READY)
	@$(BIN)/zerotube demo --out demo --overwrite

test: $(READY)
	@$(BIN)/python -m pytest --numprocesses $(WORKERS) --dist worksteal $(PYTEST_ARGS)

lint: $(READY)
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

format: $(READY)
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

bench: $(READY)
	@$(BIN)/python benchmarks/method.py

# Pins what is missing and keeps the rest; `make upgrade` moves every pin to the newest version.
lock:
	@$(LOCK)

upgrade:
	@$(LOCK) --upgrade

clean:
	rm -rf $(VENV) .cache .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache \
		build dist demo
