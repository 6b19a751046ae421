# `make help` lists the targets. Each installs what it needs first; only Python, make and a compiler
# have to be there.

PYTHON ?= $(shell python3.11 --version >/dev/null 2>&1 && echo python3.11 || echo python3)
VERSION := $(shell $(PYTHON) -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null)
# An environment for each Python: .venv is that of 3.11, on which CI runs.
VENV := .venv$(if $(filter 3.11,$(VERSION)),,-$(VERSION))
# The pins are of releases that came after 3.10.
PINS := $(if $(filter 3.10,$(VERSION)),/dev/null,constraints.txt)
SUPPORTED := 3.10 3.11 3.12 3.13 3.14
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
# The renderer whose letters and poses we read, which needs a newer Python; see docs/shapes.md.
STIMULI := .venv-stimuli
STIMULI_INSTALLED := $(STIMULI)/.installed
# Builds wheel and sdist; knows nothing of the project.
RELEASE := .venv-release
RELEASE_INSTALLED := $(RELEASE)/.installed
PACKAGES := gqn_rl envs agents experiments
# The lowest versions that pyproject.toml allows, without the linters, which want newer ones.
LOWEST := .venv-lowest
LOWEST_INSTALLED := $(LOWEST)/.installed
# Builds the documentation.
DOCS := .venv-docs
DOCS_INSTALLED := $(DOCS)/.installed
# The tests that take seconds and need no more than .venv; a process for each core, a thread in each.
FAST := not slow and not client and not interchange and not explorer and not stimuli and not dist
# Passed on to the command, for example: make train ARGS="--seed 1"
ARGS ?=

.DEFAULT_GOAL := help
.PHONY: help install train test test-lowest test-slow test-clients test-interchange \
	test-explorer test-stimuli test-dist coverage dist docs lint format clean card results

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-17s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
	@echo 'ARGS="..." passes flags to train and the tests; PYTHON=... chooses the interpreter.'

# $(call install-into,FOLDER,CONSTRAINTS,EXTRA,PYTHONS)
define install-into
	@$(if $(filter $(VERSION),$(4)),,echo 'error: $(if $(VERSION),Python $(VERSION),no such Python)' \
		'found, one of $(4) needed; name one with PYTHON=...' >&2; exit 2)
	test -x $(1)/bin/python || $(PYTHON) -m venv $(1)
	$(1)/bin/python -m pip install --quiet --disable-pip-version-check -c $(2) -e '.[$(3)]'
	@touch $(1)/.installed
endef

$(INSTALLED): pyproject.toml constraints.txt
	$(call install-into,$(VENV),$(PINS),dev,$(SUPPORTED))

$(LOWEST_INSTALLED): pyproject.toml constraints-lowest.txt
	$(call install-into,$(LOWEST),constraints-lowest.txt,test,3.11)

$(CLIENTS_INSTALLED): pyproject.toml constraints-clients.txt
	$(call install-into,$(CLIENTS),constraints-clients.txt,clients,3.11)

$(INTERCHANGE_INSTALLED): pyproject.toml constraints-interchange.txt
	$(call install-into,$(INTERCHANGE),constraints-interchange.txt,interchange,3.11)

$(EXPLORER_INSTALLED): pyproject.toml constraints-explorer.txt
	$(call install-into,$(EXPLORER),constraints-explorer.txt,browser,3.11)

$(DOCS_INSTALLED): pyproject.toml constraints-docs.txt constraints.txt
	$(call install-into,$(DOCS),constraints-docs.txt,docs,3.11)

$(RELEASE_INSTALLED): requirements-release.txt
	test -x $(RELEASE)/bin/python || $(PYTHON) -m venv $(RELEASE)
	$(RELEASE)/bin/python -m pip install --quiet --disable-pip-version-check -r $<
	@touch $@

$(STIMULI_INSTALLED): requirements-stimuli.txt
	@$(if $(filter 3.12 3.13 3.14,$(VERSION)),,echo 'error: $(if $(VERSION),Python $(VERSION),no such Python)' \
		'found, 3.12 or newer needed; name one with PYTHON=...' >&2; exit 2)
	test -x $(STIMULI)/bin/python || $(PYTHON) -m venv $(STIMULI)
	$(STIMULI)/bin/python -m pip install --quiet --disable-pip-version-check -r $<
	@touch $@

install: $(INSTALLED) ## make .venv with the tested versions

train: $(INSTALLED) ## train an agent with the defaults and evaluate it
	$(RUN) experiments.train_agent $(ARGS)

test: $(INSTALLED) ## run the tests, save those that take minutes
	OMP_NUM_THREADS=1 $(RUN) pytest -n auto --maxprocesses 8 --dist loadfile -m "$(FAST)" $(ARGS)

test-lowest: $(LOWEST_INSTALLED) ## make .venv-lowest with the lowest versions, run the tests there
	OMP_NUM_THREADS=1 $(LOWEST)/bin/python -m pytest -n auto --maxprocesses 8 --dist loadfile \
		-m "$(FAST)" $(ARGS)

test-slow: $(INSTALLED) ## run the tests that take minutes
	$(RUN) pytest -m slow $(ARGS)

test-clients: $(CLIENTS_INSTALLED) ## make .venv-clients, run the tests of other RL libraries
	$(CLIENTS)/bin/python -m pytest -m client --require-clients tests/clients $(ARGS)

test-interchange: $(INTERCHANGE_INSTALLED) ## make .venv-interchange, test hub, ONNX, loggers, ap_gym
	$(INTERCHANGE)/bin/python -m pytest -m interchange --require-interchange tests/interchange $(ARGS)

test-explorer: $(EXPLORER_INSTALLED) ## make .venv-explorer, test the explorer in Chromium
	$(EXPLORER)/bin/python -m pytest -m explorer --require-explorer tests/explorer_browser $(ARGS)

test-stimuli: $(STIMULI_INSTALLED) ## make .venv-stimuli, compare with shepard-metzler-shape-renderer
	$(STIMULI)/bin/python -m pytest -m stimuli --require-stimuli tests/stimuli $(ARGS)

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

results: $(INSTALLED) ## measure the figures of README and docs again; takes hours
	$(RUN) experiments.results $(ARGS)

card: $(INSTALLED) ## measure the figures of docs/weights.md again; takes an hour
	$(RUN) experiments.results --names small small_card base_card $(ARGS)

clean: ## remove .venv, .venv-*, caches and build leftovers; runs/ stays
	rm -rf $(VENV) .venv-* .coverage* htmlcov site build dist *.egg-info .pytest_cache .ruff_cache .mypy_cache .import_linter_cache
	find $(PACKAGES) tests -name __pycache__ -type d -prune -exec rm -rf {} +
