# Everything sets itself up: `make run` and `make test` are all a fresh machine needs.
SHELL := /bin/bash
.DEFAULT_GOAL := help
PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
export HOST ?= 127.0.0.1
export PORT ?= 8000
# Compiled modules are kept, whatever the shell says: without them each process takes a second longer to start.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help
help:  ## List the targets
	@awk -F':.*## ' '/^[a-z-]+:.*## /{printf "  make %-16s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

# The stamps hold the hashes' sources: a changed requirements file installs again, an unchanged one costs nothing.
$(VENV)/.site: requirements.txt vendor/dlib/pyproject.toml
	@bash bin/setup site
	@touch $@

$(VENV)/.training: $(VENV)/.site requirements-training.txt
	@bash bin/setup training
	@touch $@

# One install of all that the tests need, the site's and the training's requirements among it.
$(VENV)/.dev: requirements.txt requirements-dev.txt requirements-training.txt requirements-s3.txt vendor/dlib/pyproject.toml
	@bash bin/setup dev
	@touch $(VENV)/.site $(VENV)/.training $@

.PHONY: system
system:
	@bash bin/setup system

.PHONY: setup
setup: $(VENV)/.site  ## Prepare the environment in .venv, nothing else

.PHONY: training
training: $(VENV)/.training  ## Install what only training uses: TensorBoard, timm, notebooks

.PHONY: run
run: setup  ## Start the site: web server, worker and sweeper (HOST, PORT)
	@exec $(BIN)/python manage.py run

# Whole files of tests are handed to so many processes; with JOBS= they run one after the other. Those that start servers
# and workers come first and often wait for them, so there are more processes than two cores.
JOBS ?= 3
SIDE_BY_SIDE = $(if $(JOBS),-n $(JOBS) --dist loadfile --no-loadscope-reorder)
SLOWEST = --durations=40  # what to make faster when the suite grows

.PHONY: test
test:  ## Run all checks and all tests, three files of them at a time (JOBS=); installs what they need
	@$(MAKE) --no-print-directory -j 2 system $(VENV)/.dev
	@$(MAKE) --no-print-directory check
	$(BIN)/python -m pytest -p tests.on_postgresql $(SIDE_BY_SIDE) $(SLOWEST)
	$(BIN)/python -m pytest $(SIDE_BY_SIDE) $(SLOWEST) --cov --cov-report=term --cov-fail-under=90

.PHONY: bench
bench: $(VENV)/.dev  ## Measure speed and memory (PARTS="compare frames length resolution people parts again", WRITE=1 for the docs)
	$(BIN)/python -m benchmarks $(PARTS) $(if $(WRITE),--write)

.PHONY: test-containers
test-containers: $(VENV)/.dev system  ## Build and test the containers; needs a Docker engine
	$(BIN)/python -m pytest --containers -m containers tests/containers

.PHONY: test-webkit
test-webkit: $(VENV)/.dev system  ## The way from upload to verdict in WebKit, the engine of Safari; installs it
	@bash bin/setup webkit
	xvfb-run --auto-servernum --server-args='-screen 0 1280x900x24' $(BIN)/python -m pytest --webkit tests/webkit

.PHONY: check
check: $(VENV)/.dev  ## Formatting, types, import contracts, migrations, templates
	@$(MAKE) --no-print-directory -j 2 types rules

.PHONY: types
types:
	$(BIN)/mypy

.PHONY: rules
rules:
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports
	$(BIN)/python manage.py makemigrations --check --dry-run
	git ls-files -z 'ml_app/templates/*.html' | xargs -0 -r $(BIN)/djade --target-version 5.2 --check

.PHONY: format
format: $(VENV)/.dev  ## Format code and templates
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	git ls-files -z 'ml_app/templates/*.html' | xargs -0 -r $(BIN)/djade --target-version 5.2

.PHONY: messages
messages: $(VENV)/.dev  ## Gather what is to be translated, and compile the translations
	$(BIN)/python -m tests.project.catalogues

.PHONY: clean
clean:  ## Remove the environment and caches; keeps var/ and media/
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .import_linter_cache staticfiles
