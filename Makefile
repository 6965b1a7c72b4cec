# Every target does its own set-up and skips what is in place. Start with: make repro
#
#   EXTRAS=gpu,dev   CUDA build of vLLM and torch instead of the CPU one (default: cpu,dev)
#   PYTHON=...       the interpreter for .venv (default: the first Python of 3.11 or newer)
#   SANDBOX=runsc-direct   gVisor without a Docker daemon; set sandbox.runtime in params.yaml too
#   REQUIRE_CURRENT_GVISOR=1   refuse a gVisor below the minimum release, such as Debian's package, instead of warning
#   REQUIRE_HASHES=1   refuse packages whose SHA-256 is not in setup/hashes.txt, such as those of the extra gpu, instead of warning
#   GVISOR_URL=...   folder of a gVisor release or mirror, instead of its current release; empty: the distribution's package
#   ARGS=...         more arguments for dvc repro, or for pytest

SHELL := /bin/bash
EXTRAS ?= cpu,dev
SANDBOX ?= runsc
ARGS ?=
# Two processes, see tests/conftest.py: one for the tests that load a model, one for the rest.
LANES := -n 2 --dist loadfile --no-loadscope-reorder
REPORT := data/write_report/report.html

# Stages call `python -m stages.NAME`, tests call `dvc` and `selfcodealign`: all from .venv.
IN_VENV := PATH="$(CURDIR)/.venv/bin:$$PATH" VIRTUAL_ENV="$(CURDIR)/.venv"

.DEFAULT_GOAL := help
.PHONY: help setup sandbox repro test test-unit test-faults test-tools bench bench-sandbox bench-generation bench-journal bench-curation bench-training lint types format hooks doctor stop clean clean-all
.NOTPARALLEL:

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-14s %s\n", $$1, $$2}' Makefile

setup: ## Virtual environment .venv with the pinned packages
	@setup/python.sh "$(EXTRAS)"

sandbox: setup ## gVisor, a Docker daemon that has it, and the sandbox's image
	@setup/docker.sh $(if $(filter runsc-direct,$(SANDBOX)),runsc,start)
	@$(IN_VENV) python -m selfcodealign.sandbox.image build --runtime $(SANDBOX)
	@setup/owner.sh

repro: setup sandbox ## Run the whole pipeline, or what changed of it; says where the report is
	@$(IN_VENV) dvc repro $(ARGS)
	@printf '\nreport:  %s\nmetrics: dvc metrics show (after: . .venv/bin/activate)\n' "$(CURDIR)/$(REPORT)"

test: lint types sandbox test-tools ## Lint, types and all tests, with the real engine and sandbox
	@$(IN_VENV) python -m pytest -n auto tests/unit $(ARGS)
	@$(IN_VENV) python -m pytest $(LANES) --durations=30 --ignore=tests/unit $(ARGS)

test-unit: setup ## Tests that need neither engine nor sandbox (seconds)
	@$(IN_VENV) python -m pytest -n auto tests/unit $(ARGS)

test-faults: setup ## A fault at each file system call of a small pipeline (some minutes; docs/reruns.md)
	@$(IN_VENV) PYTHONPATH=tests OPENBLAS_NUM_THREADS=1 python -m faults $(ARGS)

test-tools:
	@setup/command.sh "the report's browser test" chromium chromium chromedriver chromium-driver

# Every bench-* target below.
BENCHES := $(shell awk -F ':' '/^bench-[a-z]+:/ {print $$1}' $(firstword $(MAKEFILE_LIST)))

bench: $(BENCHES) ## Measure everything against its peers

bench-sandbox: sandbox ## The sandbox, side by side with other ways of running programs (about 10 minutes)
	@$(IN_VENV) python -m benchmarks.sandbox $(ARGS)

bench-generation: sandbox ## The three steps, side by side with the reference's request layout; after `make repro` (about 45 minutes)
	@$(IN_VENV) python -m benchmarks.generation $(ARGS)

bench-journal: setup ## How soon a run resumes over a million finished answers (about 2 minutes)
	@$(IN_VENV) python -m benchmarks.journal $(ARGS)

bench-curation: setup ## Near-duplicates, decontamination, seed extraction and type checkers, side by side with others (about 15 minutes)
	@$(IN_VENV) python -m benchmarks.curation $(ARGS)

bench-training: setup ## Tokens per second of a training, side by side with the reference's padding; after `make repro` (the README has a variant of 5 minutes)
	@$(IN_VENV) python -m benchmarks.training $(ARGS)

lint: setup ## Ruff (rules and format) and shellcheck
	@$(IN_VENV) ruff check .
	@$(IN_VENV) ruff format --check .
	@$(IN_VENV) shellcheck -x setup/*.sh .ci/run

types: setup ## mypy, strict
	@$(IN_VENV) mypy

format: setup ## Format the code and fix what ruff can fix
	@$(IN_VENV) ruff check --fix .
	@$(IN_VENV) ruff format .

hooks: setup ## Run lint and types before each git commit
	@$(IN_VENV) pre-commit install

doctor: setup ## What the pipeline needs, and whether it is there
	@$(IN_VENV) selfcodealign doctor

stop: ## Stop the Docker daemon that `make sandbox` started
	@setup/docker.sh stop

clean: ## Remove caches of tools and byte code (results, models and .venv stay)
	@rm -rf .mypy_cache .ruff_cache .pytest_cache .hypothesis build ./*.egg-info
	@find selfcodealign stages benchmarks tests -name __pycache__ -type d -prune -exec rm -rf {} +

clean-all: clean ## Also take back the daemon, its images, .venv, .tools and .cache (data/, models/ and DVC's cache stay)
	@setup/docker.sh purge
	@rm -rf .venv .tools .cache
