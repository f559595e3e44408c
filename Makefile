# Every target makes what it needs in .venv. Nothing but Python 3.11, make and the package registries is assumed.
# ARGS goes to the command: make test ARGS="-k policies", make demo ARGS=--tiny

VENV := .venv
BIN := $(VENV)/bin

.DEFAULT_GOAL := help
.PHONY: help demo test lint types contracts docs check format lock ci clean

help: ## Show the targets.
	@sed -n 's/^\([a-z]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 12

demo: $(VENV)/.demo ## Answer questions with a real cascade on this machine; asks nothing, needs no key.
	$(BIN)/automix demo $(ARGS)

test: $(VENV)/.dev ## Run the tests, documentation included.
	$(BIN)/python -m pytest $(ARGS)

lint types contracts docs: $(VENV)/.dev
	scripts/check $(BIN) $@

lint: ## Check style and formatting (ruff).
types: ## Check types (mypy, strict).
contracts: ## Check who may import whom (import-linter).
docs: ## Build the documentation into site/.

check: test lint types contracts docs ## Everything above but the demo.

format: $(VENV)/.dev ## Format the code and mend what ruff can mend.
	$(BIN)/ruff check --fix . && $(BIN)/ruff format .

lock: $(VENV)/.made ## Bring requirements-dev.lock to the newest versions that pyproject.toml allows.
	$(BIN)/python -m pip install -qq uv
	printf 'hatchling\neditables\n' | $(BIN)/uv pip compile pyproject.toml - --extra dev --universal --python-version 3.11 \
	    --upgrade --generate-hashes --no-emit-index-url --no-annotate --custom-compile-command "make lock" \
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
	@$(BIN)/python -m pip install -qq --disable-pip-version-check --editable '.[all]'
	@touch $@

$(VENV)/.dev: pyproject.toml requirements-dev.lock $(VENV)/.made
	@echo "Installing AutoMix and the tools for its development into $(VENV): a few minutes, once."
	@$(BIN)/python -m pip install -qq --disable-pip-version-check --require-hashes --requirement requirements-dev.lock
	@$(BIN)/python -m pip install -qq --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@ $(VENV)/.demo
