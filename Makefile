# Every target makes what it needs in .venv. Nothing but Python 3.11, make and the package registries is assumed.
# ARGS goes to the command: make test ARGS="-k policies", make demo ARGS=--tiny

VENV := .venv
BIN := $(VENV)/bin
INSTALL := $(BIN)/python -m pip install -qq --disable-pip-version-check
NOT_INSTALLED = { echo "The packages were not installed; pip says why above. If it found no version of something, the package index can't be reached: look at the network, HTTPS_PROXY and pip's index-url, then try again." >&2; exit 1; }

.DEFAULT_GOAL := help
.PHONY: help demo test lint types contracts docs check format lock ci clean

help: ## Show the targets.
	@sed -n 's/^\([a-z]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 12

demo: $(VENV)/.demo ## Answer questions with a real cascade on this machine; asks nothing, needs no key.
	$(BIN)/automix demo --yes $(ARGS)

test: $(VENV)/.dev ## Run the tests, documentation included; the slow ones with ARGS='-m slow'.
	$(BIN)/python -m pytest -n auto $(ARGS)

lint types contracts docs: $(VENV)/.dev
	scripts/check $(BIN) $@

lint: ## Check style and formatting (ruff).
types: ## Check types (mypy, strict).
contracts: ## Check who may import whom (import-linter).
docs: ## Build the documentation into site/.

check: test lint types contracts docs ## Everything above but the demo.

format: $(VENV)/.dev ## Format the code and fix what ruff can fix.
	$(BIN)/ruff check --fix . && $(BIN)/ruff format .

# With their extras: pip takes a package that is wanted with one for another than the pinned, once a newer version is out.
lock: $(VENV)/.made ## Bring requirements-dev.lock to the newest versions that pyproject.toml allows.
	$(INSTALL) uv
	$(BIN)/uv pip compile pyproject.toml --extra all --extra serve --extra report --extra parquet --group dev --universal --python-version 3.11 \
	    --upgrade --generate-hashes --no-strip-extras --no-emit-index-url --no-annotate --custom-compile-command "make lock" \
	    --quiet --output-file requirements-dev.lock

ci: ## Run what continuous integration runs, in environments of its own.
	bash .ci/run

clean: ## Delete the environment and all that was built.
	rm -rf $(VENV) build dist site .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache

$(VENV)/.made:
	@python=$$(PYTHON="$(PYTHON)" scripts/find-python) && echo "Making $(VENV) with $$python" && "$$python" -m venv $(VENV)
	@touch $@

$(VENV)/.demo: pyproject.toml $(VENV)/.made
	@echo "Installing AutoMix and the demo's parts into $(VENV): a minute or two, once."
	@$(INSTALL) --editable '.[all]' || $(NOT_INSTALLED)
	@touch $@

$(VENV)/.dev: pyproject.toml requirements-dev.lock $(VENV)/.made
	@echo "Installing AutoMix and the tools for its development into $(VENV): a few minutes, once."
	@$(INSTALL) --require-hashes --requirement requirements-dev.lock || $(NOT_INSTALLED)
	@$(INSTALL) --no-deps --no-build-isolation --editable . || $(NOT_INSTALLED)
	@touch $@ $(VENV)/.demo
