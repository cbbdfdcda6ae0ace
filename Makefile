# Two commands matter: `make demo` and `make test`. `make help` lists the rest.
.DEFAULT_GOAL := help
SHELL := /bin/bash
PYTHON ?= python3
BIN := .venv/bin
PACKAGES := instrumentation services simulators stack
EDITABLE := $(foreach package,$(PACKAGES),-e ./$(package))
export PATH := $(CURDIR)/$(BIN):$(PATH)

.PHONY: help
help: ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | sort | column -t -s $$'\t'

.venv/.stamp: requirements/lock.txt requirements/bootstrap.txt $(PACKAGES:%=%/pyproject.toml)
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo 'error: Pitboss needs Python 3.11 or newer, and $(PYTHON) is not: name one, such as make PYTHON=python3.12'; exit 1; } >&2
	@test -x $(BIN)/pip || { rm -rf .venv; $(PYTHON) -m venv .venv; } || { rm -rf .venv; \
	  echo 'error: no virtual environment can be made; on Debian: sudo apt-get install python3-venv'; exit 1; } >&2
	@echo 'installing Python packages into .venv'
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/bootstrap.txt
	@VIRTUAL_ENV=.venv $(BIN)/uv pip sync --quiet --require-hashes requirements/bootstrap.txt requirements/lock.txt
	@VIRTUAL_ENV=.venv $(BIN)/uv pip install --quiet --no-deps --no-build-isolation $(EDITABLE)
	@touch $@

.PHONY: setup
setup: .venv/.stamp ## install everything that Python needs into .venv

.PHONY: lock
lock: .venv/.stamp ## renew requirements/ from the pyproject files
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header requirements/bootstrap.in -o requirements/bootstrap.txt
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header $(foreach name,pitboss pitboss-services pitboss-simulators pitboss-stack,--no-emit-package $(name)) --group dev pyproject.toml -o requirements/lock.txt

.PHONY: demo
demo: setup ## start the casino and its observability stack, with players; Ctrl-C stops it
	@stack demo $(if $(ENGINE),--engine $(ENGINE))

.PHONY: build
build: setup ## build the native programs into the cache (half an hour when it is empty)
	@stack build

.PHONY: lint
lint: setup ## formatting, lint rules, types
	ruff format --check .
	ruff check .
	pyright

.PHONY: unit
unit: setup ## tests that need no server (seconds)
	pytest -m 'not server and not stack'

.PHONY: browser
browser: setup
	@stack require chromium

.PHONY: test
test: browser lint unit build ## everything that CI runs: unit tests, real servers, the whole stack
	pytest -m 'server or stack'

.PHONY: test-long
test-long: browser lint unit build ## the same assertions with outages at full length
	PITBOSS_LONG=1 pytest -m 'server or stack'

.PHONY: bench
bench: build ## side-by-side measurements: ratios as JSON and as a table
	python -m benchmarks

.PHONY: generate
generate: setup ## renew generated files: dashboards, alert rules, collector sources
	python -m dashboards
	python -m alerts
	$(MAKE) -C collector generate

.PHONY: format
format: setup ## format the Python code and sort its imports
	ruff format .
	ruff check --fix .

.PHONY: clean
clean: ## stop the stack and remove .venv and its volumes; the cache of built programs stays
	@if test -x $(BIN)/stack; then $(BIN)/stack reset --yes; fi
	rm -rf .venv .stack
