# Each target sets up what it needs in .venv, once, and again when requirements.txt, its lock or pyproject.toml changes.
# With PYTHON=... it uses that interpreter as it is and installs nothing.
BASE_PYTHON ?= $(shell command -v python3.11 || command -v python3)
ifdef PYTHON
READY :=
MEASURE := $(PYTHON)
BARE := $(PYTHON)
else
PYTHON := .venv/bin/python
BARE := $(BASE_PYTHON)
READY := .venv/ready
# The frameworks beside MXNet come into .venv when they are asked for; JAX wants NumPy 2 and MXNet NumPy 1, so it has .venv-jax.
ifeq ($(FRAMEWORK),jax)
MEASURE := .venv-jax/bin/python
MEASURE_READY := .venv-jax/ready
else
MEASURE := $(PYTHON)
MEASURE_READY := $(READY) $(patsubst %,.venv/%-ready,$(filter torch onnxruntime openvino,$(FRAMEWORK)))
THEN_JAX := $(if $(FRAMEWORK),,$(wildcard .venv-jax/ready))
endif
endif
PORT ?= 8000

PIP := -m pip install --quiet --disable-pip-version-check
NVIDIA := $(shell command -v nvidia-smi)
# Without NVIDIA's driver: the newest PyTorch with a build for CPUs, and its torchvision. Others bring gigabytes of CUDA along.
PYTORCH := $(if $(NVIDIA),,torch==2.13.0 torchvision==0.28.0)

# What requirements.lock was made for; elsewhere requirements.txt says what is installed.
LOCK_FITS := import platform as p, sys; sys.exit((sys.version_info[:2], sys.platform, p.machine(), p.libc_ver()[0]) != ((3, 11), 'linux', 'x86_64', 'glibc'))
LOCKED := --require-hashes --no-deps --only-binary :all:
OFFLINE := $(if $(WHEELS),--no-index --find-links '$(WHEELS)')

.DEFAULT_GOAL := help
.PHONY: help html serve lab lint test test-all reliability results check door lock wheels audit sbom clean

help:  ## this list
	@echo "dlmark, the open deep-learning benchmark. Targets:"
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## */\1|/' | awk -F'|' '{printf "  make %-11s %s\n", $$1, $$2}'
	@echo "make results FRAMEWORK=torch, onnxruntime, openvino or jax installs that one first, JAX into .venv-jax, the others into .venv."
	@echo "make results takes BENCH, FRAMEWORK, PRECISION, MODE, MODELS, BATCH_SIZES, DEVICE, PRESET=quick|full, AGAIN=1, DRY_RUN=1 and PYTHON."
	@echo "make door FILES='results/a.json …' looks at these, without FILES at what differs from the branch that git knows as origin's, or from BASE=…"
	@echo "make html WHEELS=folder installs from a folder that make wheels has filled, and asks no registry. make lock UPGRADE=1 takes the newest versions."
	@echo "DLMARK_RESULTS=folder reads and writes the results there; for make html it has to hold a copy of results/ too."

html: $(READY)  ## build the site into _build/html
	@$(PYTHON) -m sphinx -b html -W --keep-going -j auto . _build/html
	@echo "Look at it: make serve, or open _build/html/index.html"

serve: html  ## build the site and serve it on localhost, PORT=8000
	@echo "http://localhost:$(PORT)/ (Ctrl-C ends it)"
	@$(PYTHON) -m http.server $(PORT) --bind 127.0.0.1 --directory _build/html

lab: $(READY)  ## open the notebooks in Jupyter
	@$(PYTHON) -m jupyter lab notebooks

lint: $(READY)  ## look for mistakes in the code, and at its form; FIX=1 mends what can be mended
	@$(PYTHON) -m ruff check --quiet $(if $(FIX),--fix) .
	@$(PYTHON) -m ruff format --quiet $(if $(FIX),,--check) .

test: $(READY)  ## run the tests, except the slow ones
	@$(PYTHON) -m pytest

test-all: $(READY)  ## run all tests
	@$(PYTHON) -m pytest -m "slow or not slow"

reliability: $(READY)  ## try what docs/reliability.md promises, 20 minutes; SHORT=1 two
	@$(PYTHON) tests/reliability $(if $(SHORT),--short,--table docs/reliability.md) $(if $(ONLY),--only '$(ONLY)') $(if $(SEED),--seed '$(SEED)')

results: $(MEASURE_READY)  ## measure this machine and write into results/
	@$(MEASURE) -m bench $(if $(FRAMEWORK),--framework='$(FRAMEWORK)') $(CHOICE)
	@$(if $(THEN_JAX),.venv-jax/bin/python -m bench --framework=jax $(CHOICE))

CHOICE = $(if $(BENCH),--bench='$(BENCH)') $(if $(MODELS),--models='$(MODELS)') $(if $(BATCH_SIZES),--batch-sizes='$(BATCH_SIZES)') \
  $(if $(PRECISION),--precision='$(PRECISION)') $(if $(MODE),--mode='$(MODE)') $(if $(DEVICE),--device='$(DEVICE)') $(if $(PRESET),--preset='$(PRESET)') $(if $(AGAIN),--again) $(if $(DRY_RUN),--dry-run)

check: $(READY)  ## check the result files
	@$(PYTHON) -m dlmark check $(or $(DLMARK_RESULTS),results)/*.json

door:  ## what a pull request with results is told; FILES=, BASE=, HEAD=
	@$(BARE) -m dlmark door$(if $(BASE), --base '$(BASE)')$(if $(HEAD), --head '$(HEAD)') $(FILES)

lock: .venv-tools/ready  ## write requirements.lock anew out of requirements.txt; UPGRADE=1
	@$(COMPILE) requirements.txt --output-file requirements.lock
	@$(COMPILE) .ci/tools.txt --output-file .ci/tools.lock

COMPILE = .venv-tools/bin/uv pip compile --quiet --generate-hashes --only-binary :all: --python-version 3.11 --python-platform x86_64-manylinux_2_28 \
  --no-emit-package dlmark --no-config --custom-compile-command 'make lock' $(if $(UPGRADE),--upgrade)

wheels: .venv-tools/ready  ## fetch all that make html needs into a folder, WHEELS=wheels
	@.venv-tools/bin/python -m pip download --quiet --disable-pip-version-check $(LOCKED) --dest '$(or $(WHEELS),wheels)' -r requirements.lock
	@echo "$(or $(WHEELS),wheels) holds what requirements.lock names: make html WHEELS=$(or $(WHEELS),wheels) needs no network."

audit: .venv-tools/ready  ## look the locked packages up among the known vulnerabilities
	@.ci/audit .venv-tools/bin/pip-audit requirements.lock .ci/tools.lock

sbom: .venv-tools/ready  ## list the locked packages as CycloneDX, in _build/sbom.json
	@mkdir -p _build
	@.venv-tools/bin/python -W ignore -m cyclonedx_py requirements requirements.lock --pyproject pyproject.toml --output-reproducible -o _build/sbom.json
	@echo "_build/sbom.json"

clean:  ## remove the site, caches and the environments
	rm -rf _build .cache .venv .venv-jax .venv-tools

# dlmark itself is built with the locked setuptools, since a build environment of its own would fetch another.
.venv/ready: requirements.txt requirements.lock pyproject.toml
	$(if $(WHEELS),$(if $(wildcard $(WHEELS)/*.whl),,$(error WHEELS=$(WHEELS) holds no wheels: fill it with `make wheels WHEELS=$(WHEELS)`)))
	$(call new_environment,.venv,about two minutes)
	@if .venv/bin/python -c "$(LOCK_FITS)"; then \
	  .venv/bin/python $(PIP) $(LOCKED) $(OFFLINE) -r requirements.lock && .venv/bin/python $(PIP) --no-index --no-deps --no-build-isolation -e .; \
	else .venv/bin/python $(PIP) $(OFFLINE) -r requirements.txt; fi
	@touch $@

# What maintainers use beside the site. It is made for the platform of the lock.
.venv-tools/ready: .ci/tools.lock
	$(call new_environment,.venv-tools,a few seconds)
	@.venv-tools/bin/python -c "$(LOCK_FITS)" || { echo "This needs Python 3.11 on x86-64 Linux, which the lock is made for."; exit 1; }
	@.venv-tools/bin/python $(PIP) $(LOCKED) -r .ci/tools.lock
	@touch $@

# With the requirements again, so that nothing that a framework wants changes their versions.
.venv/%-ready: .venv/ready
	@echo "Installing $* into .venv, once."
	@.venv/bin/python $(PIP) -r requirements.txt -e '.[$(if $(NVIDIA),$(patsubst onnxruntime,onnxruntime-gpu,$*),$*)]' $(PYTORCH)
	@touch $@

.venv-jax/ready: pyproject.toml
	$(call new_environment,.venv-jax,about a minute)
	@.venv-jax/bin/python $(PIP) -e '.[$(if $(NVIDIA),jax-gpu,jax)]'
	@touch $@

define new_environment
	@$(BASE_PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || \
	  { echo "Python 3.11 or newer is needed, got '$(BASE_PYTHON)': set BASE_PYTHON to one."; exit 1; }
	@echo "Setting up $(1) with $(BASE_PYTHON): $(2), once."
	@$(BASE_PYTHON) -m venv $(1)
endef
