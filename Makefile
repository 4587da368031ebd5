# Two commands: make demo, make test. Everything else is for those who change the code.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
.DEFAULT_GOAL := help
.PHONY: help install demo test check format bench docs constraints clean

help:  ## what there is
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/'

install: $(STAMP)  ## the virtual environment, from constraints.txt with hashes

# The package itself is installed editable and without dependencies: those come from constraints.txt alone.
$(STAMP): constraints.txt pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "continuity needs Python 3.11 or newer")'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --requirement constraints.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $(STAMP)

demo: $(STAMP)  ## the whole job on synthetic data; prints where the report is
	$(BIN)/continuity demo --output demo

test: $(STAMP)  ## every test
	$(BIN)/python -m pytest --numprocesses auto

check: $(STAMP)  ## lint, format, types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(STAMP)  ## put the code in its form
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(STAMP)  ## speed and memory beside the peers, as ratios
	$(BIN)/python benchmarks/indices.py
	$(BIN)/python benchmarks/quality.py
	$(BIN)/python benchmarks/sources.py
	$(BIN)/python benchmarks/assignment.py

docs: $(STAMP)  ## the generated pages of docs/, and site/: all pages and notebooks, to be read offline
	$(BIN)/python docs/generate.py
	$(BIN)/python docs/build_site.py

constraints:  ## choose newer versions (needs uv)
	uv pip compile pyproject.toml --extra dev --universal --python-version 3.11 --generate-hashes \
	  --no-annotate --no-header --quiet --upgrade --output-file constraints.txt

clean:  ## what the commands above made
	rm -rf $(VENV) demo site .pytest_cache .mypy_cache .ruff_cache .hypothesis dist
