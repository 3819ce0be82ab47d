# make run    set up, load the bundled evening and two simulated months, show what comes out, serve the page until Ctrl-C
#             (RUN=--demo keeps a few made-up events a second coming; RUN=--empty loads nothing; RUN="-- --port 8081" another port)
# make test   set up, run every test
# make cost   the same, and then what tests cost in seconds of CPU: by package, by module, and the twenty dearest
# make quick  the tests that need no server
# make check  ruff and mypy --strict
# make bench  figures of speed and memory
# make pictures  the pictures of the page in README and guide, into deploy/pictures
# make sbom   what an installation consists of, with hashes, into build/*.cdx.json (CycloneDX)
# make audit  known vulnerabilities of everything that is locked, by an advisory service on the network
# make soak   the same tests with large counts (SOAK=100); what each went through is told at the end

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
DATA ?= .journey
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check
# What is downloaded, a line each, as it comes: silence for minutes looks like a hang.
LOUD := $(BIN)/python -m pip install --disable-pip-version-check --progress-bar off
SHOWN := | sed -unE 's/^ *(Downloading|Using cached) ([^ ]*\/)?([^ ]+)(-(py|cp)[^ ]*\.whl)( .*)?$$/  \3\6/p'
SOURCES := $(wildcard journey/*.py journey/*/*.py schemas/*.py streams/*.py streams/*/*.py streams/*/*/*.py)

# Each test process would compile all modules, and rewrite all assertions, once more.
unexport PYTHONDONTWRITEBYTECODE

SHELL := bash
.DEFAULT_GOAL := help
.PHONY: help run test cost quick check bench pictures sbom audit soak lock clean

help:
	@sed -n '/^$$/q; s/^# //p' Makefile

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed; try make PYTHON=python3.12")'
	$(PYTHON) -m venv $(VENV)

$(VENV)/.run: $(BIN)/python pyproject.toml requirements/run.txt
	@echo "Installing into $(VENV): about 250 MB to download (ClickHouse's engine is half of it), 1.1 GB on disk"
	@set -o pipefail; $(LOUD) --require-hashes -r requirements/run.txt $(SHOWN)
	@echo "Installing the product itself"
	@$(PIP) --no-build-isolation --no-deps -e .
	@touch $@

$(VENV)/.test: $(VENV)/.run requirements/dev.txt
	@echo "Installing what the tests need"
	@set -o pipefail; $(LOUD) --require-hashes -r requirements/dev.txt $(SHOWN)
	@touch $@

run: $(VENV)/.run
	@$(BIN)/python deploy/demo.py --data $(DATA) $(RUN)

# Figures of time, by themselves. What was not kept while the machine had other work is asked once more.
ALONE = $(shell grep -rl --include='*.py' 'mark\.alone' tests)
TIMED = $(BIN)/python -m pytest -m "alone and not soak" $(ALONE)
test: $(VENV)/.test
	$(BIN)/python -m pytest -n 3 --dist worksteal -m "not soak and not alone" tests
	$(TIMED) || $(TIMED) --last-failed

COST ?= .journey-cost.ndjson
cost: export JOURNEY_TEST_COST := $(abspath $(COST))
cost: $(VENV)/.test
	@rm -f $(COST)
	$(MAKE) test; $(BIN)/python -m tests.cost $(COST)

# The domain, the edge, the engine over a store in memory, adapters, contracts, and what is read from the code itself; without the
# simulation of workers, which takes a minute.
QUICK := $(wildcard tests/test_*.py) $(addprefix tests/,journey edge engine http inputs log process workers laws collector/adapters) \
  tests/schemas/test_contract.py tests/schemas/test_model_file.py --ignore=tests/laws/test_workers.py
quick: $(VENV)/.test
	$(BIN)/python -m pytest -n 2 --dist worksteal -m "not soak and not alone" $(QUICK)

check: $(VENV)/.test
	$(BIN)/ruff check journey schemas streams tests deploy
	$(BIN)/ruff format --check journey schemas streams tests deploy
	$(BIN)/mypy --strict

bench: $(VENV)/.test
	$(BIN)/python -m tests.benchmarks

pictures: $(VENV)/.test
	$(BIN)/python -m tests.page.pictures deploy/pictures

# Of a data directory, and of a server's programs: the lock as a list, which the tool validates; the same lock, the same bytes.
BUILD ?= build
SBOM := $(BIN)/python -W ignore::UserWarning -m cyclonedx_py requirements --pyproject pyproject.toml --output-reproducible --validate
sbom: $(VENV)/.test
	@mkdir -p $(BUILD)
	$(SBOM) -o $(BUILD)/journey.cdx.json requirements/run.txt
	$(SBOM) -o $(BUILD)/journey-server.cdx.json requirements/server.txt

# What the service does not know is no pass: a mirror without advisories knows nothing. AUDIT is more options.
audit: $(VENV)/.test
	@$(BIN)/pip-audit --strict --require-hashes --disable-pip --progress-spinner off $(AUDIT) -r requirements/dev.txt || \
	  { echo "make audit: a package is vulnerable, or the advisory service cannot be asked from here: see above" >&2; exit 1; }

SOAK ?= 100
soak: $(VENV)/.test
	JOURNEY_SOAK=$(SOAK) $(BIN)/python -m pytest -n 2 --dist worksteal -m soak --timeout 0 -rP --show-capture stdout tests

# Locked with hashes, for every platform, the tests' first: what they need must agree with what runs. Run after a change of dependencies.
LOCKED := --quiet --universal --generate-hashes --python-version 3.11 --no-emit-index-url --no-header --no-annotate
lock:
	uv pip compile $(LOCKED) --extra embedded --extra collector --extra kafka --extra alerts --extra listen --extra readable --extra sentiment --group dev pyproject.toml requirements/build.in \
	  -o requirements/dev.txt
	uv pip compile $(LOCKED) --extra embedded --extra collector --extra kafka --extra alerts --extra listen --extra readable --extra sentiment pyproject.toml requirements/build.in \
	  -c requirements/dev.txt -o requirements/run.txt
	uv pip compile $(LOCKED) --extra collector --extra kafka --extra alerts --extra listen --extra readable --extra sentiment pyproject.toml -c requirements/dev.txt -o requirements/server.txt
	uv pip compile $(LOCKED) requirements/build.in -c requirements/dev.txt -o requirements/build.txt
	uv pip compile $(LOCKED) --group sbom -c requirements/dev.txt -o requirements/sbom.txt

clean:
	rm -rf $(VENV) $(DATA) $(BUILD) $(COST) .pytest_cache .mypy_cache .ruff_cache .hypothesis
