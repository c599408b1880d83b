# Everything sets itself up: a machine needs make and Python, and no more.
#
#   make demo                     the product at work, on a control plane of its own
#   make test                     everything that must hold
#   make unit ARGS="-k quota"     options go to the tool behind a target

# Where it is not said which, the first of these that is new enough.
PYTHON ?=
ARGS ?=

VENV := .venv
PY := $(VENV)/bin/python
# Names the folder it was made in: a copy or a move of the project is set up anew.
STAMP := $(VENV)/.ready-$(shell pwd | cksum | cut -d' ' -f1)
# A stamp is worth nothing without the interpreter that it speaks of.
$(shell test -x $(PY) || rm -f $(VENV)/.ready-*)

# The second lock is the part of the first that the image holds.
RESOLVE := uv pip compile -q --universal --generate-hashes --no-emit-index-url \
  --no-emit-find-links --no-annotate --python-version 3.11 pyproject.toml \
  --custom-compile-command "make lock"

PIP := $(PY) -m pip --disable-pip-version-check --no-input --quiet

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.NOTPARALLEL:
.PHONY: help demo test unit e2e e2e-node lint generate check-generated bench lock clean binaries .venv

help: ## this list
	@awk 'BEGIN {FS = ":.*## "} /^[a-z0-9-]+:.*## / {printf "  make %-16s %s\n", $$1, $$2}' Makefile

demo: $(STAMP) ## the whole story on a real API server; KEEP=1 leaves it up, KUBECONFIG=... uses yours
	@$(PY) -m e2e.demo $(ARGS)

test: lint binaries ## lint, unit and end-to-end tests
	@$(PY) -m pytest -n 2 --dist loadfile $(ARGS)

unit: $(STAMP) ## tests that need no cluster
	@$(PY) -m pytest tests $(ARGS)

e2e: binaries ## tests on a real control plane, built from source the first time
	@$(PY) -m pytest -n 2 --dist loadfile e2e $(ARGS)

e2e-node: binaries ## of these, the tests on a real node: needs root on Linux
	@$(PY) -m pytest -n 2 --dist loadfile e2e/node $(ARGS)

lint: $(STAMP) check-generated ## format, style, types, direction of imports, generated files
	@$(PY) -m ruff format --check --quiet . || { echo "Run: $(PY) -m ruff format ." >&2; exit 1; }
	@$(PY) -m ruff check --quiet .
	@$(PY) -m mypy
	@$(VENV)/bin/lint-imports

generate: $(STAMP) ## CRDs from the models; admission policies and docs/rules.md from the rulebook
	@$(PY) -m phiwarden.generate

check-generated: $(STAMP) ## whether those are up to date
	@$(PY) -m phiwarden.generate --check

bench: $(STAMP) ## what enforcement costs a request, and how fast boundaries come up
	@$(PY) -m e2e.bench $(ARGS)

lock: ## resolve the dependencies anew (needs uv)
	@command -v uv >/dev/null || { echo "make lock needs uv: python3 -m pip install uv" >&2; exit 1; }
	$(RESOLVE) --group dev -o requirements.lock
	$(RESOLVE) --constraints requirements.lock -o requirements-runtime.lock

clean: ## remove what was installed and cached here; built binaries stay in ~/.cache/phiwarden
	rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis dist build
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

.venv: $(STAMP)

# Here, where its progress can be watched; otherwise each test process would wait in silence.
binaries: $(STAMP)
	@$(PY) -m e2e.controlplane build >/dev/null
	@$(PY) -m e2e.node build
	@$(PY) -m e2e.parties build

# The stamp goes first and comes last, so an interrupted set-up is begun anew.
$(STAMP): requirements.lock pyproject.toml
	@set -eu; \
	chosen='$(PYTHON)'; \
	new_enough='import sys; sys.exit(sys.version_info < (3, 11))'; \
	for each in $${chosen:-python3 python3.14 python3.13 python3.12 python3.11}; do \
	  if "$$each" -c "$$new_enough" 2>/dev/null; then found=$$each; break; fi; \
	done; \
	if [ -z "$${found:-}" ]; then \
	  said=$$("$${chosen:-python3}" --version 2>&1) || said="no $${chosen:-python3}"; \
	  echo "Python 3.11 or newer is needed, and here is $$said." >&2; \
	  echo "Install one, and name it if it is not on PATH: make PYTHON=/path/to/python3.12 ..." >&2; \
	  exit 1; \
	fi; \
	if ! "$$found" -c 'import venv, ensurepip' 2>/dev/null; then \
	  version=$$("$$found" -c 'import sys; print("%d.%d" % sys.version_info[:2])'); \
	  echo "$$found has no venv with pip: on Debian and Ubuntu, apt-get install python$$version-venv" >&2; \
	  exit 1; \
	fi; \
	echo "Setting up $(VENV), once: about a minute" >&2; \
	if [ -n "$$(ls $(VENV)/.ready-* 2>/dev/null)" ] && [ -e $(STAMP) ]; then \
	  rm -f $(VENV)/.ready-*; \
	else \
	  rm -rf $(VENV); \
	  "$$found" -m venv $(VENV); \
	fi; \
	$(PIP) install --no-compile --no-deps --require-hashes --only-binary :all: -r requirements.lock; \
	$(PIP) install --no-compile --no-deps --no-build-isolation -e .; \
	touch $@
