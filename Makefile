# `make help` lists the targets. Each installs what it needs first; only Python 3.11, make and a
# compiler have to be there.

PYTHON ?= $(shell python3.11 --version >/dev/null 2>&1 && echo python3.11 || echo python3)
VENV := .venv
RUN := $(VENV)/bin/python -m
INSTALLED := $(VENV)/.installed
# Other RL libraries, whose pins are not ours; see docs/clients.md.
CLIENTS := .venv-clients
CLIENTS_INSTALLED := $(CLIENTS)/.installed
PACKAGES := gqn_rl envs agents experiments
# Passed on to the command, for example: make train ARGS="--seed 1"
ARGS ?=

.DEFAULT_GOAL := help
.PHONY: help install train test test-slow test-clients lint format clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
	@echo 'ARGS="..." passes flags to train and the tests; PYTHON=... chooses the interpreter.'

# $(call install-into,FOLDER,CONSTRAINTS,EXTRA)
define install-into
	@$(PYTHON) -c 'import sys; v = sys.version_info[:2]; \
		sys.exit(0 if v == (3, 11) else \
		"error: Python %d.%d found, 3.11 needed; name one with PYTHON=..." % v)'
	test -x $(1)/bin/python || $(PYTHON) -m venv $(1)
	$(1)/bin/python -m pip install --quiet --disable-pip-version-check -c $(2) -e '.[$(3)]'
	@touch $(1)/.installed
endef

$(INSTALLED): pyproject.toml constraints.txt
	$(call install-into,$(VENV),constraints.txt,dev)

$(CLIENTS_INSTALLED): pyproject.toml constraints-clients.txt
	$(call install-into,$(CLIENTS),constraints-clients.txt,clients)

install: $(INSTALLED) ## make .venv with the tested versions

train: $(INSTALLED) ## train an agent with the defaults and evaluate it
	$(RUN) experiments.train_agent $(ARGS)

test: $(INSTALLED) ## run the tests, save those that take minutes
	$(RUN) pytest -m "not slow and not client" $(ARGS)

test-slow: $(INSTALLED) ## run the tests that take minutes
	$(RUN) pytest -m slow $(ARGS)

test-clients: $(CLIENTS_INSTALLED) ## make .venv-clients, run the tests of other RL libraries
	$(CLIENTS)/bin/python -m pytest -m client --require-clients tests/clients $(ARGS)

lint: $(INSTALLED) ## check style, layers and types
	$(RUN) ruff check $(PACKAGES) tests
	$(RUN) ruff format --check $(PACKAGES) tests
	$(VENV)/bin/lint-imports
	$(RUN) mypy

format: $(INSTALLED) ## format the code and sort the imports
	$(RUN) ruff check --fix $(PACKAGES) tests
	$(RUN) ruff format $(PACKAGES) tests

clean: ## remove .venv, .venv-clients, caches and build leftovers; runs/ stays
	rm -rf $(VENV) $(CLIENTS) build dist *.egg-info .pytest_cache .ruff_cache .mypy_cache .import_linter_cache
	find $(PACKAGES) tests -name __pycache__ -type d -prune -exec rm -rf {} +
