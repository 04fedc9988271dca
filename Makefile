# Each target sets up what it needs in .venv, once, and again when requirements.txt, its lock or pyproject.toml changes.
# With PYTHON=... it uses that interpreter as it is and installs nothing.
NVIDIA := $(shell command -v nvidia-smi)
BASE_PYTHON ?= $(shell command -v python3.11 || command -v python3)
ifdef PYTHON
READY :=
WANTED := $(or $(FRAMEWORK),all)
python_of = $(PYTHON)
BARE := $(PYTHON)
else
PYTHON := .venv/bin/python
BARE := $(BASE_PYTHON)
READY := .venv/ready
# Each framework beside MXNet has an environment of its own, .venv-torch and so on, so that no installation changes another's versions.
EXTRAS := $(shell sed -n '/^\[project.optional-dependencies\]/,/^\[tool/s/^\([a-z0-9-]*\) = .*/\1/p' pyproject.toml)
FRAMEWORKS := $(filter-out parquet %-gpu,$(EXTRAS))
# Without FRAMEWORK all that are installed are measured. MXNet as it comes here runs on CPUs: where NVIDIA's driver is, PyTorch comes, too.
INSTALLED := $(patsubst .venv-%/ready,%,$(wildcard $(FRAMEWORKS:%=.venv-%/ready)))
WANTED := $(or $(FRAMEWORK),mxnet $(sort $(INSTALLED) $(if $(NVIDIA),$(if $(filter cpu,$(DEVICE)),,torch))))
python_of = $(if $(filter $1,$(FRAMEWORKS)),.venv-$1/bin/python,$(PYTHON))
MEASURE_READY := $(foreach framework,$(WANTED),$(if $(filter $(framework),$(FRAMEWORKS)),.venv-$(framework)/ready,$(READY)))
BESIDE := $(if $(FRAMEWORK),,$(filter-out $(READY),$(MEASURE_READY)))
endif
PORT ?= 8000

# AGAIN=0 and the like mean no.
yes = $(filter-out 0 no false,$($1))
# Where pip.conf says that packages go to the user's own folder, as on many clusters, it refuses in an environment.
export PIP_USER := 0

PIP := -m pip install --quiet --disable-pip-version-check
# uv, where it is, takes seconds; where it can't reach what pip is set up for, pip does it.
UV := $(shell command -v uv)
install = $(if $(UV),{ '$(UV)' pip install --quiet --python $1/bin/python $2 2>/dev/null || )$1/bin/python $(PIP) $2$(if $(UV),; })
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
	@echo "make results FRAMEWORK=torch, onnxruntime, openvino or jax installs that one first, into .venv-torch and so on."
	@echo "make results takes BENCH, FRAMEWORK, PRECISION, MODE, MODELS, BATCH_SIZES, SIZE, SIZES, DEVICE, THREADS, ROUNDS, SECONDS,"
	@echo "BUDGET=25m, WAIT=10m, PRESET=quick|full, AGAIN=1, DRY_RUN=1 and PYTHON."
	@echo "make door FILES='results/a.json …' looks at these, without FILES at what differs from the branch that git knows as origin's, or from BASE=…"
	@echo "make html WHEELS=folder installs from a folder that make wheels has filled, and asks no registry. make lock UPGRADE=1 takes the newest versions."
	@echo "DLMARK_RESULTS=folder reads and writes the results there; for make html it has to hold a copy of results/ too."

html: $(READY)  ## build the site into _build/html
	@'$(PYTHON)' -m sphinx -b html -W --keep-going -j auto . _build/html
	@echo "Look at it: make serve, or open _build/html/index.html"

serve: html  ## build the site and serve it on localhost, PORT=8000
	@echo "http://localhost:$(PORT)/ (Ctrl-C ends it)"
	@'$(PYTHON)' -m http.server $(PORT) --bind 127.0.0.1 --directory _build/html

lab: $(READY)  ## open the notebooks in Jupyter
	@'$(PYTHON)' -m jupyter lab notebooks

lint: $(READY)  ## look for mistakes in the code, and at its form; FIX=1 mends what can be mended
	@'$(PYTHON)' -m ruff check --quiet $(if $(call yes,FIX),--fix) .
	@'$(PYTHON)' -m ruff format --quiet $(if $(call yes,FIX),,--check) .
	@'$(PYTHON)' .ci/types

test: $(READY)  ## run the tests, except the slow ones
	@'$(PYTHON)' -m pytest -n 2 --dist loadfile

test-all: $(READY)  ## run all tests
	@'$(PYTHON)' -m pytest -n 2 --dist loadfile -m "slow or not slow"

reliability: $(READY)  ## try what docs/reliability.md promises, 20 minutes; SHORT=1 two
	@'$(PYTHON)' tests/reliability $(if $(call yes,SHORT),--short,--table docs/reliability.md) $(if $(ONLY),--only '$(ONLY)') $(if $(SEED),--seed '$(SEED)')

# One list over all frameworks that are installed, each measured with the Python of its environment. An environment that can't be set up
# keeps none of the others from being measured, unless it is the one that was asked for.
results: $(if $(FRAMEWORK),$(MEASURE_READY),$(READY))  ## measure this machine and write into results/
	$(if $(BESIDE),+@$(set_up_beside))
	@'$(if $(FRAMEWORK),$(call python_of,$(FRAMEWORK)),$(PYTHON))' -m bench $(if $(FRAMEWORK),--framework='$(FRAMEWORK)') $(CHOICE)

define set_up_beside
for ready in $(BESIDE); do $(MAKE) --no-print-directory $$ready || \
	  echo "$${ready%/ready} could not be set up, so it is left out: the reason stands above, and the same command tries again." >&2; done
endef

CHOICE = $(if $(BENCH),--bench='$(BENCH)') $(if $(MODELS),--models='$(MODELS)') $(if $(BATCH_SIZES),--batch-sizes='$(BATCH_SIZES)') \
  $(if $(PRECISION),--precision='$(PRECISION)') $(if $(MODE),--mode='$(MODE)') $(if $(DEVICE),--device='$(DEVICE)') $(if $(PRESET),--preset='$(PRESET)') $(if $(call yes,SIZE),--size='$(SIZE)') $(if $(call yes,THREADS),--threads='$(THREADS)') \
  $(if $(call yes,ROUNDS),--rounds='$(ROUNDS)') $(if $(call yes,SECONDS),--seconds='$(SECONDS)') $(if $(call yes,SIZES),--sizes='$(SIZES)') $(if $(call yes,BUDGET),--budget='$(BUDGET)') $(if $(call yes,WAIT),--wait='$(WAIT)') $(if $(call yes,AGAIN),--again) $(if $(call yes,DRY_RUN),--dry-run)

check: $(READY)  ## check the result files
	@'$(PYTHON)' -m dlmark check '$(or $(DLMARK_RESULTS),results)'/*.json

door:  ## what a pull request with results is told; FILES=, BASE=, HEAD=
	@'$(BARE)' -m dlmark door$(if $(BASE), --base '$(BASE)')$(if $(HEAD), --head '$(HEAD)') $(FILES)

lock: .venv-tools/ready  ## write requirements.lock anew out of requirements.txt; UPGRADE=1
	@$(COMPILE) requirements.txt --output-file requirements.lock
	@$(COMPILE) .ci/tools.txt --output-file .ci/tools.lock

COMPILE = .venv-tools/bin/uv pip compile --quiet --generate-hashes --only-binary :all: --python-version 3.11 --python-platform x86_64-manylinux_2_28 \
  --no-emit-package dlmark --no-config --custom-compile-command 'make lock' $(if $(call yes,UPGRADE),--upgrade)

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
	rm -rf _build .cache .venv .venv-*/

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

# For the tests, which compare frameworks with each other: with the requirements again, so that nothing that one wants changes their versions.
.venv/%-ready: .venv/ready
	@echo "Installing $* into .venv, once."
	@.venv/bin/python $(PIP) -r requirements.txt -e '.[$(if $(NVIDIA),$(patsubst onnxruntime,onnxruntime-gpu,$*),$*)]' $(PYTORCH)
	@touch $@

# ONNX Runtime and OpenVINO run what MXNet and PyTorch export, so their environments hold both.
.venv-%/ready: pyproject.toml
	$(call new_environment,.venv-$*,about a minute)
	@$(call install,.venv-$*,$(if $(filter onnxruntime openvino,$*),-r requirements.txt) -e '.[$(if $(NVIDIA),$(or $(filter $*-gpu,$(EXTRAS)),$*),$*)]' $(if $(filter jax,$*),,$(PYTORCH)))
	@touch $@

define new_environment
	@'$(BASE_PYTHON)' -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || \
	  { echo "Python 3.11 or newer is needed, got '$(BASE_PYTHON)': set BASE_PYTHON to one."; exit 1; }
	@echo "Setting up $(1) with $(BASE_PYTHON): $(2), once."
	@'$(BASE_PYTHON)' -m venv $(1)
endef
