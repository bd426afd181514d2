# Everything a person does with this project, one line each. `make help` lists it.
SHELL := /bin/bash
PY := .venv/bin/python
export PYTHONPATH := $(CURDIR)

.PHONY: help setup dev-setup build run test check bench faults faults-short slow-clients stop-test fuzz engines week e2e demo translations migration feature freeze reference golden screenshots clean

help: ## list the targets
	@grep -hE '^[a-z0-9-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 16

setup: ## install what running needs and build the client
	@scripts/setup.sh run

dev-setup: ## install what testing needs, too
	@scripts/setup.sh dev

build: setup ## build the client and the translations
	@scripts/build.sh

run: setup ## migrate, fill an empty database with demo data, serve http://127.0.0.1:8000
	@$(PY) -m flask --app wsgi serve --demo

demo: setup ## fill an empty database with the demo data
	@$(PY) -m flask --app wsgi prepare --demo

test: dev-setup ## all tests: client, server on both databases, browser
	@scripts/test.sh

e2e: dev-setup ## only the browser tests
	@scripts/browser.sh && $(PY) -m pytest tests/e2e

faults: dev-setup ## break things on purpose, at the published sizes, and write docs/reliability.md (an hour or two)
	@scripts/browser.sh && $(PY) -m tests.faults --long --write

faults-short: dev-setup ## the same in the sizes of CI
	@scripts/browser.sh && $(PY) -m tests.faults

fuzz: dev-setup ## try nonsense in every route, command and sync endpoint for ten minutes on each database
	@PYTHONPATH=. FUZZ_SECONDS=$${FUZZ_SECONDS:-600} $(PY) -m pytest tests/fuzz

engines: dev-setup ## play the offline story in WebKit and Firefox and write the figures (15 minutes)
	@scripts/engines.sh && $(PY) -m tests.engines --write

week: dev-setup ## five people in real browsers at once, with cuts and kills at random (most of an hour; FIELDAPP_SEED repeats it)
	@scripts/browser.sh && $(PY) -m tests.week --write

slow-clients: dev-setup ## 50 held log-ins, 50 uploads at 2 kB/s and pages meanwhile, in figures
	@$(PY) -m tests.operations.slow

stop-test: dev-setup ## stop a server in every way and under every load, 15 times n: make stop-test n=20
	@$(PY) -m tests.operations.stop $(or $(n),20)

check: dev-setup ## format, lint, types, imports, templates
	@scripts/check.sh

bench: dev-setup ## measure the budgets of docs/performance.md
	@scripts/browser.sh && $(PY) -m benchmarks

translations: dev-setup ## collect the words of the source into fieldapp/translations
	@$(PY) scripts/translations.py

migration: dev-setup ## write the next migration for what changed in the models: make migration m="what changed"
	@$(PY) scripts/migration.py "$(m)"

feature: dev-setup ## make a new feature of the sample, with tests and migration: make feature n=money/cash_advance
	@$(PY) scripts/feature.py "$(n)"

freeze: dev-setup ## freeze an envelope of every command for a release: make freeze b=0.2.0
	@$(PY) -m tests.support.envelopes $(b)

reference: dev-setup ## write the generated pages of docs: commands, settings, error codes
	@$(PY) scripts/reference.py

golden: dev-setup ## write tests/golden anew after a change that is meant to be seen: make golden [pages=folder for whole pages]
	@$(PY) -m tests.support.golden $(pages)

screenshots: dev-setup ## take the pictures of the docs
	@scripts/browser.sh && $(PY) scripts/screenshots.py

clean: ## remove what setup and build made (never the data)
	@rm -rf .venv node_modules static/dist .pytest_cache .ruff_cache .mypy_cache
