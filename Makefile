# Taktboard: install, run, test. `make demo` and `make test` are all a newcomer needs.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
PIP    := $(BIN)/python -m pip --disable-pip-version-check
ARGS   ?=
WORKERS ?= logical

.PHONY: help install install-dev demo test peers truth lint bench lock clean

help:
	@echo "make demo     install, then run a simulated plant with every board on it"
	@echo "make install  make the virtual environment with the pinned packages"
	@echo "make test     lint and the whole suite, browser and protocol peers included"
	@echo "              (WORKERS=0: one after the other; else a worker a core, four at most, each with a database server of its own)"
	@echo "make truth    a simulated month with every kind of trouble: what is derived is what happened"
	@echo "make lint     ruff, mypy, import contracts, declared packages"
	@echo "make bench    measure what the design promises; bench/results.json"
	@echo "make clean    forget the virtual environment and what the tools keep"
	@echo "              (ARGS=\"…\" goes on to demo, test, truth and bench: make test ARGS=tests/plant)"
	@echo "make lock     resolve pyproject.toml's ranges into the lock files anew"

$(VENV)/.made:
	@command -v $(PYTHON) >/dev/null || { echo "taktboard: there is no $(PYTHON): install Python 3.11 to 3.13, or name one: make PYTHON=python3.12" >&2; exit 1; }
	@$(PYTHON) deploy/preflight.py
	@$(PYTHON) -m venv $(VENV)
	@touch $@

$(VENV)/.installed: $(VENV)/.made requirements.lock
	$(PIP) install --quiet --require-hashes --only-binary :all: -r requirements.lock
	@touch $@

$(VENV)/.installed-dev: $(VENV)/.installed requirements-dev.lock
	$(PIP) install --quiet --require-hashes --only-binary :all: -r requirements-dev.lock
	@touch $@

install: $(VENV)/.installed
install-dev: $(VENV)/.installed-dev

demo: install
	@exec $(BIN)/python app.py demo $(ARGS)

lint: install-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/deptry .

peers:
	@sh tests/peers/install.sh

# Types are checked on one core; what the peers need comes over the network meanwhile.
test: install-dev
	@$(MAKE) --no-print-directory --jobs 2 lint peers
	$(BIN)/python -m pytest -n $(WORKERS) --maxprocesses 4 $(ARGS)

truth: install-dev
	TAKTBOARD_TRUTH_DAYS=31 $(BIN)/python -m pytest tests/simulator/test_month.py -o log_cli=true -o log_cli_level=WARNING $(ARGS)

bench: install-dev
	@exec $(BIN)/python -m bench $(ARGS)

lock:
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --no-annotate --extra demo pyproject.toml -o requirements.lock
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --no-annotate --extra demo --extra dev -c requirements.lock pyproject.toml -o requirements-dev.lock

clean:
	rm -rf $(VENV) build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
