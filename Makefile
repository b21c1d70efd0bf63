# Every target first sees to the virtual environment that it needs; the rest is one command.
#
#   make test PYTHON=python3.13             another interpreter for a new environment
#   make test ARGS="tests/test_layering.py -k order"

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check

# Two workers with one thread each: more threads only slow down networks as small as the tests'.
WORKERS ?= 2
export OMP_NUM_THREADS ?= 1
export MPLBACKEND ?= Agg
QUICK_NEEDS := plot,pandas

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.NOTPARALLEL:
.PHONY: help demo test lint docs bench bench-accuracy bench-sharing clean

help:  ## show this text
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: $(VENV)/.with-plot,pandas  ## fit, compare, search and plot on real data, in under a minute
	$(BIN)/python examples/demo.py $(ARGS)

test: $(VENV)/.with-test  ## run the tests, the docstrings' examples and every code block of the docs
	$(BIN)/python -m pytest -n $(WORKERS) --dist worksteal $(ARGS)

lint: $(VENV)/.with-lint  ## check style, format and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

docs: $(VENV)/.with-docs  ## build the site, gallery included, into docs/_build/html
	$(BIN)/python -m sphinx -q -W --keep-going -d docs/_build/doctrees docs docs/_build/html $(ARGS)
	@echo "The site is in docs/_build/html/index.html"

bench: $(VENV)/.with-bench  ## measure speed and memory against the alternatives
	$(BIN)/python benchmarks/run.py $(ARGS)

# A quick look takes no more than scikit-learn's methods, so none of the other libraries is installed for it.
bench-accuracy: $(VENV)/.with-$(if $(QUICK),$(QUICK_NEEDS),bench-accuracy)  ## score it beside other libraries on real data (QUICK=1: minutes)
	$(BIN)/python -m benchmarks.accuracy $(if $(QUICK),--quick) $(ARGS)

bench-sharing: $(VENV)/.with-$(QUICK_NEEDS)  ## find out on real data which tasks should share (ARGS=--quick: a minute)
	$(BIN)/python -m benchmarks.sharing $(ARGS)

clean:  ## remove what was built, all but the environment
	rm -rf build dist docs/_build docs/api/generated docs/auto_examples
	rm -rf .mypy_cache .pytest_cache .ruff_cache
	find skmtl tests benchmarks docs examples -name __pycache__ -type d -prune -exec rm -rf {} + 2>/dev/null || true

# One stamp for each set of extras: nothing is installed twice, until what is asked for changes. LibMTL, which tests and
# benchmarks compare with, is there without what it asks for: a torchvision, which its weightings do not use.
$(VENV)/.with-%: pyproject.toml constraints.txt | $(BIN)/python
	@echo "Installing skmtl[$*] into $(VENV); the first time takes a few minutes."
	$(PIP) install --quiet --constraint constraints.txt --editable ".[$*]"
	$(if $(findstring $*,test bench),$(PIP) install --quiet --no-deps LibMTL==1.1.5)
	@touch $@

.PRECIOUS: $(VENV)/.with-%

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "skmtl needs Python 3.11 or newer: make PYTHON=/path/to/python3.11 ..." >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)
