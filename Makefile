# What there is to do here. Every target installs what it needs into .venv, once.
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help demo up down check scan audit test e2e bench format clean

PYTHON ?= python3
BIN := .venv/bin
INSTALLED := .venv/.installed
SCANNER := .local/scanner
SCANNER_INSTALLED := $(SCANNER)/.installed

# Two processes share the tests; those of one file, and all on the deployed stack, stay together.
AT_ONCE := --numprocesses 2

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z0-9]+:.*## / {printf "  make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: $(INSTALLED) ## Play the main job on a stack of its own (KEEP=1 leaves it running)
	@$(BIN)/python -m infra demo $(if $(KEEP),--keep)

up: $(INSTALLED) ## Start the stack on http://localhost:4005/api, or deploy to it again
	@$(BIN)/python -m infra up

down: $(INSTALLED) ## End that stack
	@$(BIN)/python -m infra down

check: $(INSTALLED) scan ## The fast gate: format, lint, types, imports, the template, secrets, costs, advisories
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m pytest -q tests/infra/test_template.py tests/infra/test_resilience.py tests/infra/test_alarms.py tests/infra/test_costs.py
	git ls-files -z | xargs -0 $(BIN)/detect-secrets-hook --no-verify --exclude-files '$(NO_PLACE_FOR_SECRETS)' \
	  --disable-plugin KeywordDetector
	@$(BIN)/python -m infra.advisories $(PINS)

# Made by code out of made-up ids; what Swagger released. Names of secrets in our code are ruff's matter.
NO_PLACE_FOR_SECRETS := ^events/|/docs_page/

scan: $(INSTALLED) $(SCANNER_INSTALLED) ## Look the template over for what is not secure (checkov)
	@$(BIN)/python -m infra.scan build/scan/template.json
	$(SCANNER)/bin/checkov --config-file infra/scanner.yaml --file build/scan/template.json

audit: $(INSTALLED) $(SCANNER_INSTALLED) ## Ask PyPI for known vulnerabilities of what we pin; fails where it cannot
	@$(BIN)/python -m infra.advisories --strict $(PINS)

PINS := $(SCANNER)/bin/pip-audit requirements.txt requirements-dev.txt $(wildcard infra/*-requirements.txt)

test: $(INSTALLED) ## Everything that guards the code
	$(BIN)/python -m pytest $(AT_ONCE)

e2e: $(INSTALLED) ## The tests on the deployed stack (ENDPOINT=http://localhost:4566: there)
	E2E_ENDPOINT="$(ENDPOINT)" $(BIN)/python -m pytest -m e2e $(if $(ENDPOINT),tests/e2e)

bench: $(INSTALLED) ## The figures: latency, round trips, cost
	@$(BIN)/python -m bench

format: $(INSTALLED) ## Put the code in the form that check asks for
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

clean: ## End the local stacks and remove all that was installed or built
	@if [ -x $(BIN)/python ]; then $(BIN)/python -m infra down --all || true; fi
	rm -rf .venv .local build .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(INSTALLED): requirements.txt requirements-dev.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
	  echo "Python 3.11 or newer is needed; '$(PYTHON)' is: $$($(PYTHON) --version 2>&1 | head -n 1)." >&2; \
	  echo "Name another one with: make PYTHON=python3.12 …" >&2; exit 1; }
	@echo "Installing what the project needs into .venv (once) …"
	@$(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	@touch $@

$(SCANNER_INSTALLED): infra/scanner-requirements.txt
	@echo "Installing the scanner into $(SCANNER) (once) …"
	@$(PYTHON) -m venv --clear $(SCANNER)
	@$(SCANNER)/bin/python -m pip install --quiet --disable-pip-version-check --no-deps -r $<
	@touch $@
