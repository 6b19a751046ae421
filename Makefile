# `make help` lists the targets. Each installs what it needs first; only Python 3.11, make and a
# compiler have to be there.

PYTHON ?= $(shell python3.11 --version >/dev/null 2>&1 && echo python3.11 || echo python3)
VENV := .venv
RUN := $(VENV)/bin/python -m
INSTALLED := $(VENV)/.installed
PACKAGES := gqn_rl envs agents experiments
# Passed on to the command, for example: make train ARGS="--seed 1"
ARGS ?=

.DEFAULT_GOAL := help
.PHONY: help install train test test-slow lint format clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
	@echo 'ARGS="..." passes flags to train, test and test-slow; PYTHON=... chooses the interpreter.'

$(INSTALLED): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; v = sys.version_info[:2]; \
		sys.exit(0 if v == (3, 11) else \
		"error: Python %d.%d found, 3.11 needed; name one with PYTHON=..." % v)'
	test -x $(VENV)/bin/python || $(PYTHON) -m venv $(VENV)
	$(RUN) pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	@touch $@

install: $(INSTALLED) ## make .venv with the tested versions

train: $(INSTALLED) ## train an agent with the defaults and evaluate it
	$(RUN) experiments.train_agent $(ARGS)

test: $(INSTALLED) ## run the tests, save those that take minutes
	$(RUN) pytest -m "not slow" $(ARGS)

test-slow: $(INSTALLED) ## run the tests that take minutes
	$(RUN) pytest -m slow $(ARGS)

lint: $(INSTALLED) ## check style, layers and types
	$(RUN) ruff check $(PACKAGES) tests
	$(RUN) ruff format --check $(PACKAGES) tests
	$(VENV)/bin/lint-imports
	$(RUN) mypy

format: $(INSTALLED) ## format the code and sort the imports
	$(RUN) ruff check --fix $(PACKAGES) tests
	$(RUN) ruff format $(PACKAGES) tests

clean: ## remove .venv, caches and build leftovers; runs/ stays
	rm -rf $(VENV) build dist *.egg-info .pytest_cache .ruff_cache .mypy_cache .import_linter_cache
	find $(PACKAGES) tests -name __pycache__ -type d -prune -exec rm -rf {} +
