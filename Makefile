# Each target sets up what it needs in .venv, once, and again when requirements.txt changes.
# With PYTHON=... it uses that interpreter as it is and installs nothing.
BASE_PYTHON ?= $(shell command -v python3.11 || command -v python3)
ifdef PYTHON
READY :=
else
PYTHON := .venv/bin/python
READY := .venv/ready
endif
PORT ?= 8000

.DEFAULT_GOAL := help
.PHONY: help html serve lab test test-all results check clean

help:  ## this list
	@echo "dlmark, the open deep-learning benchmark. Targets:"
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## */\1|/' | awk -F'|' '{printf "  make %-10s %s\n", $$1, $$2}'
	@echo "make results takes BENCH, FRAMEWORK, MODELS, BATCH_SIZES, DEVICE, PRESET=quick|full, AGAIN=1, DRY_RUN=1 and PYTHON."
	@echo "DLMARK_RESULTS=folder reads and writes the results there; for make html it has to hold a copy of results/ too."

html: $(READY)  ## build the site into _build/html
	@$(PYTHON) -m sphinx -b html -W --keep-going -j auto . _build/html
	@echo "Look at it: make serve, or open _build/html/index.html"

serve: html  ## build the site and serve it on localhost, PORT=8000
	@echo "http://localhost:$(PORT)/ (Ctrl-C ends it)"
	@$(PYTHON) -m http.server $(PORT) --bind 127.0.0.1 --directory _build/html

lab: $(READY)  ## open the notebooks in Jupyter
	@$(PYTHON) -m jupyter lab notebooks

test: $(READY)  ## run the tests, except the slow ones
	@$(PYTHON) -m pytest

test-all: $(READY)  ## run all tests
	@$(PYTHON) -m pytest -m "slow or not slow"

results: $(READY)  ## measure this machine and write into results/
	@$(PYTHON) -m bench $(if $(BENCH),--bench='$(BENCH)') $(if $(FRAMEWORK),--framework='$(FRAMEWORK)') \
	  $(if $(MODELS),--models='$(MODELS)') $(if $(BATCH_SIZES),--batch-sizes='$(BATCH_SIZES)') \
	  $(if $(DEVICE),--device='$(DEVICE)') $(if $(PRESET),--preset='$(PRESET)') $(if $(AGAIN),--again) \
	  $(if $(DRY_RUN),--dry-run)

check: $(READY)  ## check the result files
	@$(PYTHON) -m dlmark check $(or $(DLMARK_RESULTS),results)/*.json

clean:  ## remove the site, caches and the environment
	rm -rf _build .cache .venv

.venv/ready: requirements.txt pyproject.toml
	@$(BASE_PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || \
	  { echo "Python 3.11 or newer is needed, got '$(BASE_PYTHON)': set BASE_PYTHON to one."; exit 1; }
	@echo "Setting up .venv with $(BASE_PYTHON): about two minutes, once."
	@$(BASE_PYTHON) -m venv .venv
	@.venv/bin/python -m pip install --quiet --disable-pip-version-check -r requirements.txt
	@touch $@
