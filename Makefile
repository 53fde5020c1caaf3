# Everything below sets up .venv by itself; a second run finds it in place.
PYTHON ?= python3
# Where to look for torch besides PyPI, whose Linux wheels bring gigabytes of CUDA. For the CPU build:
#   make test TORCH_INDEX=https://download.pytorch.org/whl/cpu
TORCH_INDEX ?=

BIN := .venv/bin
INSTALL := $(BIN)/python -m pip --disable-pip-version-check install --quiet -c constraints.txt

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
# Goals share one virtual environment, in which two pips must not work at once.
.NOTPARALLEL:
.PHONY: help demo test test-thorough fuzz torture check format bench docs dist corpus train-adapter train-relatedness constraints clean

help: ## List the goals
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/\1|\2/p' $(MAKEFILE_LIST) | awk -F'|' '{ printf "make %-17s %s\n", $$1, $$2 }'
	@echo
	@echo "PYTHON=…       interpreter for .venv, 3.11 or newer (now: $(PYTHON))"
	@echo "TORCH_INDEX=…  package index to look for torch besides PyPI (now: $(or $(TORCH_INDEX),none))"

demo: .venv/.installed ## Find the relations in the bundled corpus
	$(BIN)/relscout demo

test: .venv/.installed-dev ## Run the tests
	$(BIN)/pytest --numprocesses auto --dist loadfile

test-thorough: .venv/.installed-dev ## Run the tests with 400 examples of each property in place of 20
	$(BIN)/pytest --numprocesses auto --dist loadfile --hypothesis-profile thorough

fuzz: .venv/.installed-dev ## Mutate RECORDS=1000000 records of all readers; SEED=0, a file of each fault goes to build/fuzz
	$(BIN)/python -m tests.readers.fuzzing --records $(or $(RECORDS),1000000) --seed $(or $(SEED),0) --keep build/fuzz

check: .venv/.installed-dev ## All that CI checks: style, types, tests
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy --num-workers auto
	$(MAKE) --no-print-directory test

torture: .venv/.installed-dev ## Kill every command that writes N=200 times, damage a run DAMAGES=1000 times; SEED=0
	$(BIN)/python -m benchmarks.torture --kills $(or $(N),200) --seed $(or $(SEED),0)
	$(BIN)/python -m benchmarks.damage --damages $(or $(DAMAGES),1000) --seed $(or $(SEED),0)

format: .venv/.installed-dev ## Format the code and mend what ruff can mend
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

bench: .venv/.installed-dev ## Measure quality, speed and memory; DATA=folder with fewrel/, wiki80/, nyt_fb/
	$(BIN)/python benchmarks/import_time.py
	$(BIN)/python benchmarks/demo_time.py
	$(BIN)/python benchmarks/metrics_speed.py
	$(BIN)/python benchmarks/export_speed.py
	$(BIN)/python -m benchmarks million
	$(BIN)/python -m benchmarks selfore-memory
	@test -n "$(DATA)" || { echo "for the rest: make bench DATA=folder with fewrel/, wiki80/ and nyt_fb/"; exit 2; }
	$(BIN)/python -m benchmarks encoding --data "$(DATA)"
	$(BIN)/python -m benchmarks dtypes --data "$(DATA)"
	$(BIN)/python -m benchmarks selfore-speed --data "$(DATA)"
	$(BIN)/python -m benchmarks rocore-speed --data "$(DATA)"
	$(BIN)/python -m benchmarks quality --data "$(DATA)"

docs: .venv/.installed-docs ## Build the documentation into site/
	$(BIN)/mkdocs build --strict

dist: ## Build wheel and source distribution into dist/ and try the wheel in a new environment
	PYTHON=$(PYTHON) TORCH_INDEX=$(TORCH_INDEX) .ci/distribution

corpus: .venv/.installed ## Build the bundled corpus from corpus/*.txt
	$(BIN)/python corpus/build.py

train-adapter: .venv/.installed-dev ## Train an encoder in the box; DATA=folder with its corpora, ADAPTER=relation-base
	@test -n "$(DATA)" || { echo "make train-adapter DATA=folder with wiki80/, redocred/, nyt_fb/, semeval/, chemprot/ and fewrel/"; exit 2; }
	$(BIN)/python -m adapter.train --data "$(DATA)" --adapter $(or $(ADAPTER),relation)

train-relatedness: .venv/.installed-dev ## Train the relatedness model in the box; DATA=folder with its corpora
	@test -n "$(DATA)" || { echo "make train-relatedness DATA=folder with redocred/, conll04/, wiki80/, nyt_fb/, semeval/ and fewrel/"; exit 2; }
	$(BIN)/python -m relatedness.train --data "$(DATA)"

constraints: .venv/bin/python ## Renew constraints.txt in a new environment; torch stays as it is
	rm -rf build/constraints
	$(BIN)/python -m venv build/constraints
	build/constraints/bin/pip install --quiet $(TORCH_OPTIONS) "$$(grep '^torch==' constraints.txt)" -e '.[dev,docs]'
	{ grep '^#' constraints.txt; \
	  build/constraints/bin/pip freeze --exclude-editable | sed '/^nvidia-/d; /^triton==/d; s/+.*//'; } > build/constraints.txt
	mv build/constraints.txt constraints.txt
	rm -rf build/constraints

clean: ## Remove caches and what was built (.venv stays)
	rm -rf build dist site demo-run .mypy_cache .pytest_cache .ruff_cache .hypothesis
	find benchmarks corpus src tests -name __pycache__ -type d -prune -exec rm -rf {} +

.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
	  echo "relscout needs Python 3.11 or newer, but PYTHON=$(PYTHON) is: $$($(PYTHON) --version 2>&1)." >&2; \
	  echo "Name another one, for example: make $(MAKECMDGOALS) PYTHON=python3.12" >&2; exit 1; }
	@$(PYTHON) -m venv --clear .venv || { rm -rf .venv; \
	  echo "$(PYTHON) cannot make a virtual environment; on Debian and Ubuntu install python3-venv." >&2; exit 1; }

# torch comes first and alone, so that the lines below find it in place, from whichever index it came.
TORCH_OPTIONS := $(if $(TORCH_INDEX),--extra-index-url $(TORCH_INDEX))
.venv/.torch: constraints.txt | .venv/bin/python
	@echo "Installing relscout into .venv; the first time takes a few minutes."
	$(INSTALL) $(TORCH_OPTIONS) torch
	@touch $@

.venv/.installed: .venv/.torch pyproject.toml
	$(INSTALL) -e .
	@touch $@

.venv/.installed-dev: .venv/.torch pyproject.toml
	$(INSTALL) -e '.[dev]'
	@touch .venv/.installed $@

.venv/.installed-docs: .venv/.torch pyproject.toml
	$(INSTALL) -e '.[docs]'
	@touch .venv/.installed $@
