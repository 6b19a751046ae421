# `make help` lists the targets. Each installs what it needs first; only Python 3.11, make and a
# compiler have to be there.

PYTHON ?= $(shell python3.11 --version >/dev/null 2>&1 && echo python3.11 || echo python3)
VENV := .venv
RUN := $(VENV)/bin/python -m
INSTALLED := $(VENV)/.installed
# Other RL libraries, whose pins are not ours; see docs/clients.md.
CLIENTS := .venv-clients
CLIENTS_INSTALLED := $(CLIENTS)/.installed
# Hub, ONNX, loggers and ap_gym; see docs/interchange.md.
INTERCHANGE := .venv-interchange
INTERCHANGE_INSTALLED := $(INTERCHANGE)/.installed
# The explorer and the browser that tests it; see docs/explorer.md.
EXPLORER := .venv-explorer
EXPLORER_INSTALLED := $(EXPLORER)/.installed
# Builds wheel and sdist; knows nothing of the project.
RELEASE := .venv-release
RELEASE_INSTALLED := $(RELEASE)/.installed
PACKAGES := gqn_rl envs agents experiments
# Builds the documentation.
DOCS := .venv-docs
DOCS_INSTALLED := $(DOCS)/.installed
# The tests that take seconds and need no more than .venv; a process for each core, a thread in each.
FAST := not slow and not client and not interchange and not explorer and not dist
# Passed on to the command, for example: make train ARGS="--seed 1"
ARGS ?=

.DEFAULT_GOAL := help
.PHONY: help install train test test-slow test-clients test-interchange test-explorer test-dist \
	coverage dist docs lint format clean card

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-17s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
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

$(INTERCHANGE_INSTALLED): pyproject.toml constraints-interchange.txt
	$(call install-into,$(INTERCHANGE),constraints-interchange.txt,interchange)

$(EXPLORER_INSTALLED): pyproject.toml constraints-explorer.txt
	$(call install-into,$(EXPLORER),constraints-explorer.txt,browser)

$(DOCS_INSTALLED): pyproject.toml constraints-docs.txt constraints.txt
	$(call install-into,$(DOCS),constraints-docs.txt,docs)

$(RELEASE_INSTALLED): requirements-release.txt
	test -x $(RELEASE)/bin/python || $(PYTHON) -m venv $(RELEASE)
	$(RELEASE)/bin/python -m pip install --quiet --disable-pip-version-check -r $<
	@touch $@

install: $(INSTALLED) ## make .venv with the tested versions

train: $(INSTALLED) ## train an agent with the defaults and evaluate it
	$(RUN) experiments.train_agent $(ARGS)

test: $(INSTALLED) ## run the tests, save those that take minutes
	OMP_NUM_THREADS=1 $(RUN) pytest -n auto --maxprocesses 8 --dist loadfile -m "$(FAST)" $(ARGS)

test-slow: $(INSTALLED) ## run the tests that take minutes
	$(RUN) pytest -m slow $(ARGS)

test-clients: $(CLIENTS_INSTALLED) ## make .venv-clients, run the tests of other RL libraries
	$(CLIENTS)/bin/python -m pytest -m client --require-clients tests/clients $(ARGS)

test-interchange: $(INTERCHANGE_INSTALLED) ## make .venv-interchange, test hub, ONNX, loggers, ap_gym
	$(INTERCHANGE)/bin/python -m pytest -m interchange --require-interchange tests/interchange $(ARGS)

test-explorer: $(EXPLORER_INSTALLED) ## make .venv-explorer, test the explorer in Chromium
	$(EXPLORER)/bin/python -m pytest -m explorer --require-explorer tests/explorer_browser $(ARGS)

test-dist: $(INSTALLED) dist ## install the wheel into an empty environment and run it there
	$(RUN) pytest -m dist tests/distribution $(ARGS)

coverage: $(INSTALLED) ## run the tests of `make test`, list the branches that none of them takes
	$(RUN) pytest -m "$(FAST)" --cov --cov-report term:skip-covered --cov-report html $(ARGS)

dist: $(RELEASE_INSTALLED) ## build wheel and sdist into dist/ and check what they say of themselves
	rm -rf dist
	$(RELEASE)/bin/python -m build --outdir dist .
	$(RELEASE)/bin/python -m twine check --strict dist/*
	$(RELEASE)/bin/cffconvert --validate

docs: $(DOCS_INSTALLED) ## make .venv-docs, build the documentation into site/; a warning is an error
	rm -rf site
	$(DOCS)/bin/python -m sphinx -b html -W --keep-going -q -E -d build/doctrees docs site $(ARGS)

lint: $(INSTALLED) ## check style, layers and types
	$(RUN) ruff check $(PACKAGES) tests docs
	$(RUN) ruff format --check $(PACKAGES) tests docs
	$(VENV)/bin/lint-imports
	$(RUN) mypy

format: $(INSTALLED) ## format the code and sort the imports
	$(RUN) ruff check --fix $(PACKAGES) tests docs
	$(RUN) ruff format $(PACKAGES) tests docs

card: $(INSTALLED) ## measure what docs/weights.md says of base; takes hours
	$(RUN) experiments.evaluate_gqn --weights base --scenes 1000 --views 1 2 3 5 10 \
		--probes shape --probe-scenes 20000 --probe-test-scenes 5000 --probe-views 1 3 5 \
		--probe-orientations grid free --turning-pairs 1000 $(ARGS)

clean: ## remove .venv, .venv-*, caches and build leftovers; runs/ stays
	rm -rf $(VENV) .venv-* .coverage* htmlcov site build dist *.egg-info .pytest_cache .ruff_cache .mypy_cache .import_linter_cache
	find $(PACKAGES) tests -name __pycache__ -type d -prune -exec rm -rf {} +
