# `make demo` and `make test` need Python >= 3.12, pip and make; they set up .venv themselves.

PYTHON := $(shell for p in python3.13 python3.12 python3.14 python3 python; do \
	$$p -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 12))' 2>/dev/null && { command -v $$p; break; }; done)
BIN := .venv/bin
READY := .venv/.installed

.PHONY: demo test test-versions bench fuzz check check-config ca-bundle lock clean

demo: $(READY)
	@$(BIN)/python -m demo

# Three workers, since many tests wait for a process; each gets its tests in one piece, so that few fixtures are made twice.
test: $(READY)
	@$(BIN)/python -m pytest -q -n 3 --dist worksteal

# Run what depends on mitmproxy on each release of it that is supported: docs/mitmproxy-releases.md.
test-versions: $(READY)
	@$(BIN)/python -m tests.mitmproxy_releases

# Measure what ModelTrack costs compared with bare mitmdump, on loopback. This takes some minutes.
# PEER_URL=... measures another gateway as well.
bench: $(READY)
	@$(BIN)/python -m bench

# Send mutated requests and answers to a running proxy for some minutes. SEED, FIRST, REQUESTS and ANSWERS choose which;
# BARE=1 sends the requests to a mitmdump without ModelTrack.
fuzz: $(READY)
	@$(BIN)/python -m tests.e2e.fuzz

# Run what CI checks besides the tests.
check: $(READY)
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

# Check the configuration files in data/, or those in DATA_DIR: `make check-config DATA_DIR=...`
check-config: $(READY)
	@$(BIN)/python -m modeltrack_api.check_config

# Write one file with the system's CAs and mitmproxy's, for SSL_CERT_FILE and similar variables.
ca-bundle: $(READY)
	@$(BIN)/python -m addons.ca_bundle ca-bundle.pem

$(READY): requirements.lock
	@if [ -z "$(PYTHON)" ]; then echo "ModelTrack needs Python 3.12 or newer (with venv and pip); none was found on PATH." >&2; exit 1; fi
	@if [ -L .venv ]; then echo ".venv is a link, and what it leads to is not replaced: install $< there, then touch $@" >&2; exit 1; fi
	@echo "Installing into .venv with $(PYTHON) ..."
	@$(PYTHON) -m venv --clear .venv
	@$(BIN)/python -m pip install -qq --disable-pip-version-check --require-hashes --only-binary :all: -r requirements.lock
	@touch $@

# Write the locks; needed after a change of the dependencies in pyproject.toml. They name no registry.
COMPILE := $(BIN)/uv pip compile -q pyproject.toml --extra aws --extra dashboard --extra dev --generate-hashes \
	--no-emit-index-url --no-emit-find-links --universal --python-version 3.12
lock: $(READY)
	@$(COMPILE) -o requirements.lock
	@$(BIN)/python -m tests.mitmproxy_releases lock $(COMPILE)

clean:
	rm -rf .venv .venv-mitmproxy-* .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
