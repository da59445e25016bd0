# Needs Python 3.11 or newer, make and git. Everything else comes as wheels into .venv.
PYTHON ?= python3
BIN := .venv/bin
TOUR ?=
# To rewrite 6,000 assertions takes pytest ten seconds, so what it wrote is kept.
PYTEST := PYTHONDONTWRITEBYTECODE= $(BIN)/pytest
# The unit tests make 30,000 small files: in memory, where it has room and lets programs run (a container's may not).
MEMORY := $(shell df -Pk /dev/shm 2>/dev/null | awk 'END {exit !($$4 > 1000000)}' && ! grep -q ' /dev/shm .*noexec' /proc/mounts && echo /dev/shm)
UNIT := $(if $(MEMORY),export TMPDIR=$$(mktemp -d -p $(MEMORY)) && trap 'rm -rf "$$TMPDIR"' EXIT INT TERM;) $(PYTEST) --hypothesis-profile few -m "not integration"

.PHONY: demo unit unit-commands unit-engines unit-bot test lint format bench clean

demo: .venv/ready
	@TOUR=$(TOUR) $(BIN)/innkeeper demo

# What needs no program of others, of the packages alone: three parts at once, as each worker of xdist would collect all.
unit: .venv/ready
	@$(MAKE) --no-print-directory --jobs 3 $(if $(filter output-sync,$(.FEATURES)),--output-sync) unit-commands unit-engines unit-bot

unit-commands:
	@$(UNIT) $(filter-out %/engines/ %/__pycache__/,$(wildcard tests/commands/*/))

unit-engines:
	@$(UNIT) tests/commands/test_*.py tests/commands/engines tests/labs tests/state

unit-bot:
	@$(UNIT) tests/bot

# Three at once on two cores, as tests with real parts mostly wait; the tests of one file stay together. A few that fail
# are judged once more, alone.
test: .venv/ready
	PYTHONDONTWRITEBYTECODE= $(BIN)/python -m tests.alone -n 3 --dist loadfile

lint: .venv/ready
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: .venv/ready
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: .venv/ready
	$(BIN)/python -m bench

clean:
	rm -rf .venv .innkeeper build *.egg-info

.venv/ready: pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "This needs Python 3.11 or newer: name one, as in `make demo PYTHON=python3.12`.")'
	@echo "Setting up .venv, which takes about a minute the first time …"
	@$(PYTHON) -m venv .venv
	@$(BIN)/pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@touch $@
