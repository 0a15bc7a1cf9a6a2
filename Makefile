# Every target does its own set-up: it needs python3 (3.11 or newer) with venv, make and a route to PyPI, no more;
# `image`, and so `full`, needs docker or buildah besides.
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

VENV ?= .venv
BIN  := $(VENV)/bin
PIP  := $(BIN)/python -m pip --disable-pip-version-check -qq
# PYTHON: the first python that is new enough; `make PYTHON=/path/to/python3 …` picks another.
PYTHON ?= $(shell for p in python3 python3.14 python3.13 python3.12 python3.11; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && { echo $$p; break; }; done)
# BUILD_IMAGE: a program that builds an image from a folder where there is no docker: BUILD_IMAGE FOLDER NAME.
BUILD_IMAGE ?= ../shared/tools/build-image
PYTEST ?= $(BIN)/python -m pytest -n auto
LOCK   := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header \
	--no-emit-index-url --no-emit-find-links --no-annotate

##@ Run it
demo: $(VENV)/.runtime  ## a carrier, an MDM, a simulated iPhone: the whole loop, narrated
	@$(BIN)/smdp demo

serve: $(VENV)/.runtime  ## the carrier, until Ctrl-C
	@$(BIN)/smdp serve

##@ Work on it
test: $(VENV)/.test  ## the tests
	@$(PYTEST) $(ARGS)

check: $(VENV)/.dev  ## lint, types, architecture, dependencies, generated files
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache
	$(BIN)/deptry smdp
	$(BIN)/python docs/generate.py --check
	@rm -rf build/certs && mkdir -p build/certs
	$(BIN)/python -m smdp.pki.make build/certs && diff -r --exclude=README.md build/certs certs

full: check lowest mutation $(VENV)/.dev  ## check, every test with the long tier, coverage of the core, oldest dependencies, the image
	@rm -f .coverage .coverage.*
	$(BIN)/coverage run -m pytest -n 0 -m "full or not full" $(ARGS)
	@$(BIN)/coverage combine --quiet
	$(BIN)/coverage report
	$(BIN)/coverage report --include='smdp/rsp/*' --fail-under=100
	$(MAKE) image

lowest: $(VENV)/.dev  ## the tests with the oldest dependencies that pyproject.toml admits
	@rm -rf build/lowest && $(BIN)/uv venv --quiet --python $(BIN)/python build/lowest
	@$(BIN)/uv pip compile --quiet --resolution lowest-direct --python-version 3.11 pyproject.toml -o build/lowest/runtime.txt
	@$(BIN)/uv pip install --quiet --python build/lowest/bin/python -r build/lowest/runtime.txt -e '.[test]'
	build/lowest/bin/python -m pytest -n auto $(ARGS)

mutation: $(VENV)/.test  ## disable each check of the protocol in turn: exactly its own tests must fail
	$(BIN)/python -m tests.mutation $(ARGS)

bench: $(VENV)/.test  ## downloads a second and what they cost; the last line is the ratio to the crypto floor
	@$(BIN)/python -m tests.bench $(ARGS)

docs: $(VENV)/.test  ## write the generated pages again
	$(BIN)/python docs/generate.py

lock: $(VENV)/.dev  ## pin requirements/ again, to the newest versions that pyproject.toml admits
	@mkdir -p requirements
	$(LOCK) --upgrade --extra dev pyproject.toml -o requirements/dev.txt
	$(LOCK) --extra test -c requirements/dev.txt pyproject.toml -o requirements/test.txt
	$(LOCK) -c requirements/dev.txt pyproject.toml -o requirements/runtime.txt
	$(LOCK) --extra postgres -c requirements/dev.txt pyproject.toml -o requirements/image.txt
	@printf 'hatchling\neditables\n' | $(LOCK) -c requirements/dev.txt - -o requirements/build.txt

image:  ## the container image, as smdp:latest; needs docker or buildah
	@if docker info >/dev/null 2>&1; then docker build -t smdp .; \
	elif [ -x '$(BUILD_IMAGE)' ]; then '$(BUILD_IMAGE)' . smdp; \
	elif command -v buildah >/dev/null; then buildah bud --format docker -t smdp .; \
	else echo 'make image needs docker or buildah.' >&2; exit 1; fi

clean:  ## remove what make made, .venv included
	@rm -rf $(VENV) build dist .coverage .coverage.* .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache
	@find smdp tests docs certs -name __pycache__ -prune -exec rm -rf {} +

help:  ## this list
	@awk 'BEGIN {FS = ":.*## "} /^##@/ {print "\n" substr($$0, 5)} /^[a-z]+:.*## / {printf "  make %-8s %s\n", $$1, $$2}' Makefile

# ------------------------------------------------------------------------------------------------------------- set-up
# Each stamp says that the environment holds what a lock names, and smdp itself as an editable install.
$(VENV)/.runtime: requirements/runtime.txt
$(VENV)/.test: requirements/test.txt
$(VENV)/.dev: requirements/dev.txt
$(VENV)/.runtime $(VENV)/.test $(VENV)/.dev: $(BIN)/python requirements/build.txt pyproject.toml
	@echo 'Installing requirements/$(subst .,,$(@F)).txt into $(VENV)' >&2
	@$(PIP) install --require-hashes -r requirements/build.txt -r requirements/$(subst .,,$(@F)).txt
	@$(PIP) install --no-deps --no-build-isolation --editable .
	@touch $@

$(BIN)/python:
	@if [ -z "$(PYTHON)" ]; then \
		echo "smdp needs Python 3.11 or newer; found $$(python3 --version 2>/dev/null || echo none). Install one, or name it: make PYTHON=/path/to/python3 $(MAKECMDGOALS)" >&2; exit 1; fi
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and f"smdp needs Python 3.11 or newer; $(PYTHON) is {sys.version.split()[0]}.")'
	@$(PYTHON) -m venv --clear $(VENV) || { rm -rf $(VENV); \
		echo 'smdp needs the venv module of $(PYTHON) (on Debian and Ubuntu: apt-get install python3-venv).' >&2; exit 1; }

.PHONY: demo serve test check full lowest mutation bench docs lock image clean help
