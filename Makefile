# `make demo` and `make test` need nothing but Python 3.11+ and a package index.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
DEMO_READY := $(VENV)/.demo_ready
REAL ?= $(wildcard ../shared/real)

# An accelerator's ten minutes; wants nothing but a Python that JAX runs in there.
accelerator:
	$(PYTHON) -m experiments.check_accelerator --output_dir=accelerator

.PHONY: accelerator test-hostile test-kills docs demo test test-slow test-optimized test-wheel test-real test-torch test-align test-browser lint format clean

demo: $(DEMO_READY)
	$(BIN)/python -m experiments.demo --output_dir=demo_output

test: $(READY)
	JAX_ENCODER_REAL_DATA=$(REAL) $(BIN)/pytest -q -n 2 --dist=loadfile \
	  --no-loadscope-reorder --durations=15 \
	  -m "not slow and not torch and not align and not browser $(if $(REAL),,and not real)"

test-slow: $(READY)
	XLA_FLAGS= $(BIN)/pytest -q -m "slow and not corpus" --durations=15

test-corpus: $(READY)
	$(BIN)/pip install -q -e '.[cluster]'
	XLA_FLAGS= nice -n 10 $(BIN)/pytest -q -s -m corpus tests/experiments/corpus

# The tests of `make test`, compiled as people compile.
test-optimized: $(READY)
	XLA_FLAGS= JAX_ENCODER_REAL_DATA=$(REAL) $(BIN)/pytest -q -n 2 --dist=loadfile \
	  --no-loadscope-reorder -m "not slow and not torch and not align $(if $(REAL),,and not real)"

test-wheel: $(READY)
	$(BIN)/pytest -q -m slow tests/wheel_test.py

test-real: $(READY)
	JAX_ENCODER_REAL_DATA=$(REAL) $(BIN)/pytest -q -m real

test-torch: $(READY)
	$(BIN)/pip install -q torch
	$(BIN)/pytest -q -m torch

test-align: $(READY)
	$(BIN)/pip install -q -e '.[align]' scikit-image
	$(BIN)/pytest -q -m align

test-hostile: $(READY)
	$(BIN)/pytest -q -m "slow or not slow" tests/fuzz tests/io/hostile_bundles_test.py \
	  tests/converters/findings_test.py tests/converters/hostile_test.py

# Goes on where it stopped: counts and wrong results lie in runs/kills.
test-kills: $(READY)
	for name in encode_image train_gan tune_generator latent_statistics build_demo; do \
	  $(BIN)/python -m fuzz.kills --scenario=$$name --folder=runs/kills --num=60; \
	done
	for name in encode_image train_gan tune_generator; do \
	  $(BIN)/python -m fuzz.kills --scenario=$$name --folder=runs/kills --num=20 \
	    --signals; \
	done

docs: $(READY)
	$(BIN)/pip install -q -e '.[docs]'
	$(BIN)/sphinx-build -W --keep-going -q -b html docs docs/_build

# Chromium comes from the system's packages where we may install them.
test-browser: $(READY)
	$(BIN)/pip install -q -e '.[ui,video]' playwright
	command -v chromium || { test "$$(id -u)" = 0 && apt-get update -qq \
	  && apt-get install -y -qq chromium; } || $(BIN)/playwright install chromium
	XLA_FLAGS= $(BIN)/pytest -q -m browser --durations=15

lint: $(READY)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/pyright

format: $(READY)
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

# Less than the tests need, so that the first pictures do not wait for the rest.
$(DEMO_READY): setup.cfg pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet --editable '.[plot,video]'
	touch $@

$(READY): $(DEMO_READY)
	$(BIN)/python -m pip install --quiet --editable '.[dev]'
	touch $@

clean:
	rm -rf $(VENV) build dist *.egg-info demo_output
