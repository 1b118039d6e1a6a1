# flybill on one machine. `make demo` and `make test` need nothing but Python 3.11+, make and a package index.

PYTHON ?= python3
BIN := .venv/bin
INSTALLED := .venv/.installed

.PHONY: install demo up test quick check chaos bench lock clean

install: $(INSTALLED)

$(INSTALLED): requirements.lock pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --requirement requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --editable .
	touch $(INSTALLED)

demo: install   ## bill a month of 200 organizations end to end, with faults
	@$(BIN)/flybill demo

up: install     ## Dagster's UI on the same data, http://127.0.0.1:3000
	@$(BIN)/flybill up

test: install   ## every gate: format, lint, types, layers, tests, chaos and benchmarks in their short forms
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/python -m pytest --numprocesses 4 --dist loadfile --no-loadscope-reorder

quick: install  ## in a minute: format, lint, types, layers, and every test that needs no deployment
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m pytest --numprocesses 4 --dist loadfile --no-loadscope-reorder -m "not slow" --hypothesis-profile quick

check: install  ## what can be said without running anything: lint, types, layers, definitions
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m pytest flybill_pipeline_tests/test_architecture.py flybill_pipeline_tests/test_definitions.py

chaos: install  ## the sync under faults and kills, the long form
	$(BIN)/python -m flybill_pipeline_tests.chaos

bench: install  ## the numbers of the design, as ratios in one run
	$(BIN)/python -m flybill_pipeline_tests.bench

lock:           ## new exact pins, from a fresh environment
	rm -rf .lock-venv
	$(PYTHON) -m venv .lock-venv
	.lock-venv/bin/python -m pip install --quiet --disable-pip-version-check '.[test]'
	.lock-venv/bin/python -m pip freeze --exclude flybill-pipeline > requirements.lock
	rm -rf .lock-venv

clean:          ## forget everything: the environment, the data, the caches
	rm -rf .venv .flybill .pytest_cache .mypy_cache .ruff_cache .hypothesis build *.egg-info
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
