# Two commands on a fresh machine: `make run` and `make test`. Needs python 3.11+, its venv module and make.
.ONESHELL:
.DEFAULT_GOAL := help
SHELL := /bin/sh
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
export PYTHONWARNINGS ?=

.PHONY: help run serve check test golden bench study honesty markets docs screenshots pages site clean install install-dev install-bench install-docs

help:
	@echo "make run      install Assay and train on three simulated markets"
	@echo "make serve    install Assay and open the Strategy Studio in the browser"
	@echo "make test     install and run the tests"
	@echo "make check    lint, types and the import table"
	@echo "make golden   write the strategies' results on recorded bars anew; the diff says what changed"
	@echo "make bench    measure the speed against a dense loop, vectorbt and backtesting.py (a quarter of an hour)"
	@echo "make study    10^9 combinations, killed jobs, many workers, permutations, ideas for more power (hours; goes on where it was)"
	@echo "make honesty  how often simulated markets without an edge, and with one, are believed (hours; goes on)"
	@echo "make markets  train on ten recorded markets, three timeframes, two levels of costs (goes on)"
	@echo "make docs     write all that docs/ takes from the code and the recorded bars: tables, schema, strategies' pages"
	@echo "make screenshots  pictures of the Studio's pages for docs/studio.md, in Chromium"
	@echo "make site     build the documentation as a site with a search, in build/site"
	@echo "make clean    remove what was installed and built"

$(BIN)/python:
	@"$(PYTHON)" scripts/bootstrap.py "$(VENV)"

install: $(BIN)/python
	@"$(BIN)/python" scripts/install.py

install-dev: $(BIN)/python
	@"$(BIN)/python" scripts/install.py dev

install-bench: $(BIN)/python
	@"$(BIN)/python" scripts/install.py dev,bench

install-docs: $(BIN)/python
	@"$(BIN)/python" scripts/install.py docs

run: install
	@"$(BIN)/assay" demo

serve: install
	@"$(BIN)/assay" studio

check: install-dev
	@set -e
	"$(BIN)/ruff" check .
	"$(BIN)/ruff" format --check .
	"$(BIN)/mypy"
	"$(BIN)/python" -m pytest -q tests/test_import_table.py

# by file, since the fixtures of a file are made once; in the written order, which leaves no long file for the end
test: install-dev
	@"$(BIN)/python" -m pytest --numprocesses 3 --dist loadfile --no-loadscope-reorder

golden: install-dev
	@"$(BIN)/python" -m pytest -q tests/strategies/test_golden.py --renew-golden

bench: install-bench
	@"$(BIN)/python" benchmarks/run.py --json build/benchmarks.json --markdown build/benchmarks.md

study: install-dev
	@"$(BIN)/python" -m studies.streaming --markdown docs/streaming.md
	@"$(BIN)/python" -m studies.kills --markdown docs/kills.md
	@"$(BIN)/python" -m studies.queue --markdown docs/scale.md
	@"$(BIN)/python" -m studies.server_load --markdown docs/deploy.md
	@"$(BIN)/python" -m studies.api_fuzz --markdown docs/api.md
	@"$(BIN)/python" -m studies.studio_load --markdown docs/studio.md
	@"$(BIN)/python" -m studies.nulls --markdown docs/permutations.md
	@"$(BIN)/python" -m studies.power --markdown docs/power.md

honesty: install-dev
	@"$(BIN)/python" -m studies.honesty --markdown docs/honesty.md --power-table src/assay/reports/power_table.py
	@"$(BIN)/python" -m studies.null_markets --markdown docs/honesty.md
	@"$(BIN)/python" -m studies.campaigns --markdown docs/honesty.md

markets: install-dev
	@"$(BIN)/python" -m studies.markets --markdown docs/markets.md

docs: install-dev
	@"$(BIN)/python" -m documentation
	@"$(BIN)/python" -m documentation.agents

screenshots: install-dev
	@"$(BIN)/python" -m documentation.screenshots

pages: docs

# strict: a link or an anchor that leads nowhere fails the build
site: install-docs
	@NO_MKDOCS_2_WARNING=1 "$(BIN)/mkdocs" build --strict --quiet
	@echo "build/site/index.html; the search works where a server gives it: $(BIN)/python -m http.server -d build/site"

clean:
	@rm -rf "$(VENV)" .mypy_cache .ruff_cache .pytest_cache .hypothesis build dist
