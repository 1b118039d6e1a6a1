# flybill on one machine. `make demo` and `make test` need nothing but Python 3.11+, make and a package index.

PYTHON ?= python3
BIN := .venv/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check
INSTALLED := .venv/.installed
TOOLS := .venv/.tools
# uv unpacks and compiles on every core. pip does the same, slower, where uv cannot reach the index that pip knows.
UNPACK = $(BIN)/uv pip install --python $(BIN)/python --system-certs --compile-bytecode --require-hashes $(1) \
	|| $(PIP) install --require-hashes $(1)
LOCK := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate \
	--no-strip-extras
TESTS ?=
WORKERS ?= 4
BENCH ?=
# Without it each process would compile the whole of us anew, and each worker of pytest rewrite every assertion.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: install tools demo up test quick tests lint types check chaos bench texts lock clean

install: $(INSTALLED)  ## what runs

$(INSTALLED): requirements.lock requirements-uv.lock pyproject.toml
	@echo "Installing what flybill needs to run, once: each package is named as it comes."
	$(PYTHON) -m venv .venv
	-$(PIP) install --quiet --require-hashes --requirement requirements-uv.lock
	$(call UNPACK,--requirement requirements.lock)
	$(PIP) install --quiet --no-deps --editable .
	touch $(INSTALLED)

tools: $(TOOLS)  ## what runs, and what formats, lints, types and tests it

$(TOOLS): $(INSTALLED) requirements-test.lock
	$(call UNPACK,--requirement requirements.lock --requirement requirements-test.lock)
	touch $(TOOLS)

demo: install   ## bill a month of 200 organizations end to end, with faults
	@$(BIN)/flybill demo

up: install     ## Dagster's UI on the same data, http://127.0.0.1:3000
	@FLYBILL_HOME="$${FLYBILL_HOME:-.flybill-demo}" $(BIN)/flybill up

test: lint      ## every gate: format, lint, types, layers, tests, chaos and benchmarks in their short forms
	@$(MAKE) --no-print-directory --jobs 2 types tests

quick: lint     ## in a minute: every gate, but only the tests that need no database and no lake, with fewer examples
	@$(MAKE) --no-print-directory --jobs 2 types tests \
		TESTS='-m "not slow and not database and not lake" --hypothesis-profile quick'

tests: tools    ## pytest alone: TESTS says which, and how
	$(BIN)/python -m pytest --numprocesses $(WORKERS) --dist loadfile --no-loadscope-reorder $(TESTS)

lint: tools     ## format and lint
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .

types: tools    ## mypy --strict
	$(BIN)/mypy

check: lint types  ## what can be said without running anything: format, lint, types, layers, definitions
	$(BIN)/lint-imports
	$(BIN)/python -m pytest flybill_pipeline_tests/test_architecture.py flybill_pipeline_tests/test_definitions.py

chaos: tools    ## the sync under faults and kills, and each property with all its examples: the long form
	$(BIN)/python -m flybill_pipeline_tests.chaos
	@$(MAKE) --no-print-directory tests TESTS='-m hypothesis --hypothesis-profile long'

bench: tools    ## in about ten minutes one table of what each stage takes, beside its bar; BENCH says what, and how much
	$(BIN)/python -m flybill_pipeline_tests.bench $(BENCH)

texts: tools    ## bring each catalog of a language to the texts of today: new ones wait for a translation
	$(BIN)/python -m flybill_pipeline_tests.languages.texts

lock: install   ## exact pins with hashes, for every Python and platform; UPGRADE=--upgrade takes newer versions
	$(LOCK) $(UPGRADE) pyproject.toml --output-file requirements.lock
	$(LOCK) $(UPGRADE) pyproject.toml --extra test --constraint requirements.lock --output-file requirements-test.lock \
		$$(sed -n 's|^\([a-z0-9-]*\)[^ ]*==.*|--no-emit-package \1|p' requirements.lock)
	echo uv | $(LOCK) $(UPGRADE) - --output-file requirements-uv.lock

clean:          ## forget everything: the environment, the data, the caches
	rm -rf .venv .flybill .flybill-demo .pytest_cache .mypy_cache .ruff_cache .hypothesis build *.egg-info
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
