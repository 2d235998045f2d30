# Everything sets itself up: `make demo` in a fresh clone is enough. `make` alone lists the targets.

# Tried in this order; the first that is Python 3.11 or newer makes the environment. The pins were made with 3.11.
PYTHON ?= python3.11 python3 python3.12 python3.13

BIN := .venv/bin
READY := .venv/ready
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
# No package is taken whose hash is not in the file, and none that the file does not name.
LOCKED := --no-deps --require-hashes --requirement

# One worker more than cores: tests of storage that fails wait for it (447 s instead of 486 s on two cores). Files go to
# one worker each: worksteal took longer.
WORKERS := --numprocesses $(shell expr $$(getconf _NPROCESSORS_ONLN) + 1) --dist loadfile

# Tests start many processes. With this variable each of them would compile every module anew.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help setup demo quick test soak lint bench docs notebook clean

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' Makefile

setup: $(READY) ## Make .venv and install the locked packages

# The environment is ready when the install has ended, not when its folder exists.
$(READY): pyproject.toml $(wildcard requirements/*.txt)
	@for python in $(PYTHON); do \
	  if $$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then \
	    echo "Setting up .venv with $$($$python --version)"; \
	    $$python -m venv .venv && exit 0; \
	    echo "$$python cannot make a virtual environment (on Debian and Ubuntu: apt install python3-venv)" >&2; \
	    exit 1; \
	  fi; \
	done; \
	echo "Encore needs Python 3.11 or newer; tried: $(PYTHON). Name one: make PYTHON=/path/to/python3.11 $(MAKECMDGOALS)" >&2; \
	exit 1
	$(PIP) install $(LOCKED) requirements/develop.txt
	@# The CPU build, where pip is told of a place that has it; else the package index's, on Linux with CUDA's libraries.
	@$(PIP) install $(LOCKED) requirements/torch-cpu.txt || \
	{ echo "No CPU build of torch here: the package index's is installed"; $(PIP) install $(LOCKED) requirements/torch.txt; }
	$(PIP) install --no-deps --no-build-isolation --editable .
	$(PIP) check
	@touch $(READY)

demo: $(READY) ## Run the whole loop on text that every machine has
	$(BIN)/encore demo

quick: $(READY) ## Check style, and run the tests that belong to what changed
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/python -m pytest -m "not soak" $(WORKERS) $$($(BIN)/python -m tests.changed)

test: $(READY) ## Run the tests
	$(BIN)/python -m pytest -m "not soak" $(WORKERS)

soak: $(READY) ## Run the long versions of the tests
	$(BIN)/python -m pytest -m soak $(WORKERS)

lint: $(READY) ## Check format, style, types and the direction of imports
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

# The first ones put their tables into docs/results/performance.md; all of them end in some 40 minutes on two quiet cores.
bench: $(READY) ## Run the benchmarks, one after the other, and publish their tables
	@for benchmark in startup quantize scan train backfill latency encode sync growth; do \
	  echo "== $$benchmark"; $(BIN)/python -m benchmarks.$$benchmark --publish || exit 1; \
	done
	@for benchmark in token_recovery store lookups scale; do \
	  echo "== $$benchmark"; $(BIN)/python -m benchmarks.$$benchmark || exit 1; \
	done

docs: $(READY) ## Build the documentation into site/
	$(BIN)/mkdocs build --strict

notebook: $(READY) ## Run the notebook of the documentation anew, and write its page
	$(BIN)/python docs/notebooks/run.py

clean: ## Remove the environment and everything that was built
	rm -rf .venv site build dist demo-output *.egg-info
	rm -rf .pytest_cache .hypothesis .mypy_cache .ruff_cache .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
