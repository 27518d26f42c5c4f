# childview. The two commands a newcomer needs are `make demo` and `make test`.
SHELL := /bin/bash
.DELETE_ON_ERROR:

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

.PHONY: demo test check bench bench-families bench-linkage soak lock signatures api docs audit clean

demo: $(READY) ## six agencies, one portal, one child's view; serves until Ctrl-C (ONCE=1 stops after the view, PORT=0 takes a free port)
	@$(BIN)/childview demo $(if $(ONCE),--once) $(if $(PORT),--port $(PORT))

test: $(READY) ## the whole test suite
	$(BIN)/python -m pytest

check: $(READY) ## format, lint, types, layers
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: $(READY) ## speed, as ratios measured side by side in one run
	$(BIN)/python -m tests.bench

bench-families: $(READY) ## false links, links and choices on generated families (QUERIES=30000, SEED=2026, MODE=plain, rich, numbers or full)
	$(BIN)/python -m tests.bench.families --queries $(or $(QUERIES),30000) --seed $(or $(SEED),2026) --mode $(or $(MODE),plain) --jobs 2 --show-errors 20

bench-linkage: $(READY) ## models trained with Splink 5 and 4 on FEBRL, read and scored by us; beside them the shipped weights (about five minutes)
	test -x .venv-bench/bin/python || { $(PYTHON) -m venv .venv-bench && .venv-bench/bin/pip install --quiet --require-hashes -r tests/bench/febrl/requirements.lock; }
	test -x .venv-bench-4/bin/python || { $(PYTHON) -m venv .venv-bench-4 && .venv-bench-4/bin/pip install --quiet --require-hashes -r tests/bench/febrl/requirements-v4.lock; }
	.venv-bench/bin/python -m tests.bench.febrl.train build/febrl
	.venv-bench-4/bin/python -m tests.bench.febrl.train build/febrl
	for what in equal recall shipped; do $(BIN)/python -m tests.bench.febrl $$what build/febrl; done

soak: $(READY) ## ten clients for FOR=60 seconds, with cancelled and failing questions, then the log is verified
	$(BIN)/python -m tests.bench.soak $(or $(FOR),60)

lock: ## renew requirements.lock from pyproject.toml (needs uv)
	uv pip compile --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --all-extras --group dev pyproject.toml -o requirements.lock

signatures: $(READY) ## sign the demo's agreements anew, after their text or the standard has changed
	$(BIN)/python -m portal.demo.sign

api: $(READY) ## publish the composed API as schema/api.graphql
	$(BIN)/python -m portal.api.publish

docs: $(READY) ## write anew the pages that are made from the code
	$(BIN)/python -m tests.made

audit: $(READY) ## the official GraphQL-over-HTTP audit (needs node and npm)
	tests/audit/run.sh

$(READY): requirements.lock pyproject.toml
	@command -v $(PYTHON) >/dev/null || { echo "childview needs python3 (3.11 or newer). On Debian: apt-get install python3 python3-venv"; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "childview needs Python 3.11 or newer; $(PYTHON) is older. Set PYTHON=..."; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { echo "childview needs Python's venv. On Debian: apt-get install python3-venv"; exit 1; }
	@echo "Preparing $(VENV) (about a minute, once) ..."
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $(READY)

clean:
	rm -rf $(VENV) build dist
