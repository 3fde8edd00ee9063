# The project's commands. The first one makes .venv (about 3 minutes, 3 GB); the others find it there.
#
#   make demo        fine-tune a real BERT on real movie reviews and look at what comes out
#   make test        the quick tests
#   make test-slow   the tests that take longer; with these CI is done
#   make test-all    all of them, with every variation of the longest too (more than an hour on two cores)
#   make check       lint, formatting and types
#   make benchmark   speed beside the model garden (and Hugging Face, see benchmarks/README.md)
#   make clean       remove .venv and demo_output

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.PHONY: help environment demo test test-slow test-all check benchmark clean

PYTHON ?= python3
# A Python that was named is the only one that will do.
CANDIDATES := $(if $(filter file,$(origin PYTHON)),python3 python3.12 python3.11 python3.10,$(PYTHON))
BIN := .venv/bin
INSTALLED := .venv/installed
PIP_INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-input
# Every process loads TensorFlow, which takes 2 GB and more.
IN_PARALLEL := --numprocesses=auto --maxprocesses=4 --dist=worksteal
# Of the benchmarks, that all names of the package which they use are there, and are called as they are to be called.
NAMES_ONLY := --explicit-package-bases --ignore-missing-imports --disable-error-code=no-untyped-def --disable-error-code=misc \
    --disable-error-code=arg-type --disable-error-code=assignment --disable-error-code=index \
    --disable-error-code=method-assign --disable-error-code=func-returns-value \
    --no-warn-unused-ignores
RIGHT_VERSION := import sys; sys.exit(not (3, 10) <= sys.version_info < (3, 13))

help:
	@sed -n 's/^#   //p' Makefile

environment: $(INSTALLED)

$(INSTALLED): setup.py pyproject.toml
	@python=; \
	for candidate in $(CANDIDATES); do \
	    if "$$candidate" -c '$(RIGHT_VERSION)' 2>/dev/null; then python=$$candidate; break; fi; \
	done; \
	if [ -z "$$python" ]; then \
	    found=$$($(PYTHON) --version 2>/dev/null) || found="not there"; \
	    echo "ERROR: needs Python 3.10, 3.11 or 3.12; $(PYTHON) is $$found. Name one: make PYTHON=/path/to/python3.12" >&2; exit 2; \
	fi; \
	if ! $(BIN)/python -c '$(RIGHT_VERSION)' 2>/dev/null; then "$$python" -m venv --clear .venv; fi
	@echo "Installing bert_tf2 and its dependencies into .venv with $$($(BIN)/python --version) (about 3 minutes, once)"
	@$(PIP_INSTALL) --upgrade pip
	@PYTHONWARNINGS=ignore $(PIP_INSTALL) --editable '.[test]'
	@touch $@

demo: environment
	@$(BIN)/python -m bert_tf2.demo

test: environment
	@$(BIN)/python -m pytest $(IN_PARALLEL)

test-slow: environment
	@$(BIN)/python -m pytest -m 'slow and not exhaustive' $(IN_PARALLEL)

test-all: environment
	@$(BIN)/python -m pytest -m '' $(IN_PARALLEL)

check: environment
	@$(BIN)/python -m ruff check .
	@$(BIN)/python -m ruff format --check .
	@$(BIN)/python -m mypy
	@MYPYPATH=benchmarks $(BIN)/python -m mypy $(NAMES_ONLY) benchmarks/*.py
	@MYPYPATH=benchmarks/peers $(BIN)/python -m mypy $(NAMES_ONLY) benchmarks/peers/*.py

benchmark: environment
	@$(BIN)/python benchmarks/classifier.py $(ARGS)

clean:
	rm -rf .venv demo_output
