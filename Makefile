.PHONY: help setup run test lint demo
PYTHON ?= python3
ARGS ?=

help: ## this list
	@grep -E '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

setup: ## build .venv and install what the workbench needs
	@$(PYTHON) scripts/dev.py setup

run: ## set up and open the workbench on http://127.0.0.1:7860 (ARGS="--port 8000")
	@$(PYTHON) scripts/dev.py run $(ARGS)

test: ## set up, lint, and run all tests, the browser tests included
	@$(PYTHON) scripts/dev.py test $(ARGS)

lint: ## ruff and mypy
	@$(PYTHON) scripts/dev.py lint

demo: ## the whole loop without a browser, as one JSON object
	@$(PYTHON) scripts/dev.py demo $(ARGS)
