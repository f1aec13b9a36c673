# `make` alone runs what CI runs; `make help` lists the targets.
PYTHON ?= python3
ARGS ?=
VENV_PYTHON := .venv/bin/python

# A folder with a CPU wheel of torch spares the download of its CUDA libraries.
LOCAL_WHEELS := $(abspath $(wildcard ../shared/wheels))
ifneq ($(LOCAL_WHEELS),)
export PIP_FIND_LINKS := $(strip $(PIP_FIND_LINKS) $(LOCAL_WHEELS))
endif

.DEFAULT_GOAL := all
.PHONY: all help setup build release demo test lint format generate docs docs-serve bench clean

all: setup lint test ## Everything CI checks (default)
	@$(VENV_PYTHON) -m tools.release --check
	@$(VENV_PYTHON) -m tools.demo --stop

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: ## Make .venv with all packages and the native module (first time 10 to 20 minutes)
	@$(PYTHON) -m tools.setup

build: setup ## Build a wheel for this machine into dist/
	@$(VENV_PYTHON) -m maturin build --release --strip --out dist

release: setup ## Make and test all of a release but its upload, in dist/ (ARGS=--check is the short form of CI)
	@$(VENV_PYTHON) -m tools.release $(ARGS)

demo: setup ## Serve a real model and ask it about files (ARGS=--stop to end at once)
	@$(VENV_PYTHON) -m tools.demo $(ARGS)

test: setup ## Run the Rust and Python tests (ARGS=... for pytest only, e.g. ARGS='-k name')
	@tools/system_packages.sh
	@$(VENV_PYTHON) -m tools.test $(ARGS)

lint: setup ## Check format, types, layers, sizes, stub and generated code
	@$(VENV_PYTHON) -m tools.lint

format: setup ## Format Rust and Python code, sort imports
	@cargo fmt --all
	@.venv/bin/ruff check --quiet --fix-only .
	@.venv/bin/ruff format --quiet .

generate: setup ## Regenerate the protobuf code, the schema of the configuration and the references of the Python API and the plugin ABI
	@$(VENV_PYTHON) -m tools.generate
	@$(VENV_PYTHON) -m tools.api_reference
	@$(VENV_PYTHON) -m tools.abi_reference
	@$(VENV_PYTHON) -m tools.configuration.schema

docs: setup ## Build the site of the documentation in .site/ and check its links
	@$(VENV_PYTHON) -m tools.docs_site

docs-serve: setup ## Show the documentation at http://127.0.0.1:8000/ while you write it
	@$(VENV_PYTHON) -m tools.docs_site --serve

bench: setup ## Run the benchmarks (ARGS=... goes to them)
	@$(VENV_PYTHON) -m benchmarks $(ARGS)

clean: ## Remove everything that is built, .venv and target/ too
	rm -rf .venv .setup .demo .site .release target dist .mypy_cache .ruff_cache .pytest_cache .hypothesis \
	  .import_linter_cache grps/_core*.so grps/grps-server clients/*/build clients/*/dist clients/*/node_modules
	find clients -name target -type d -prune -exec rm -rf {} +
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
