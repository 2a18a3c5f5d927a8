# Every target does its own set-up and skips what is already there. `make` alone lists them.
SHELL := /bin/bash
.DEFAULT_GOAL := help
.PHONY: help demo test lint format bench bundle flash doctor scan deploy dashboards docs lock clean demo-packages test-packages

PYTHON ?= python3
VENV := .venv
RUN := $(VENV)/bin/python -m
PATH := $(PATH):/usr/sbin:/sbin
export PATH

SECONDS ?=
IMAGE ?=
PORT ?=
UNIT ?=
FORCE ?=
ALL ?=
MODEL ?=
KIT := build/kit
BUNDLE := build/bundle

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: demo-packages $(VENV)/ready ## run the whole chain with a link outage; SECONDS=60 ends by itself with a count
	@$(RUN) hil_tests.demo $(if $(SECONDS),--seconds $(SECONDS))

test: test-packages $(VENV)/ready lint ## run every test, those on the rig included
	@$(RUN) pytest $(ARGS)

lint: $(VENV)/ready ## check style and types
	@$(RUN) ruff check --quiet . && $(RUN) ruff format --check --quiet . && $(RUN) mypy

format: $(VENV)/ready ## put the code into the project's format
	@$(RUN) ruff check --quiet --fix . ; $(RUN) ruff format --quiet .

bench: $(VENV)/ready ## measure what the journal costs the card, against a plain gateway
	@$(RUN) bench.journal

bundle: $(VENV)/ready ## build the technician's kit, for use without internet; IMAGE=… is MicroPython, else it is fetched
	@$(RUN) firmware.host.kit --output $(KIT) $(if $(IMAGE),--image "$(IMAGE)")

flash: $(VENV)/ready ## make a unit of a board with the kit: UNIT=raft-01 takes units/raft-01.toml; PORT=… if there are several
	@$(RUN) firmware.host.flash --kit $(KIT) --port "$(PORT)" --unit "$(UNIT)" $(if $(filter yes,$(FORCE)),--force)

doctor: $(VENV)/ready ## ask the running board at PORT=… how it does
	@$(RUN) firmware.host.doctor --port "$(PORT)"

scan: $(VENV)/ready ## find what hangs on the bus, through the board or the RS-485 adapter at PORT=…; ALL=yes, MODEL=…
	@$(RUN) firmware.host.scan --port "$(PORT)" $(if $(filter yes,$(ALL)),--all) $(MODEL:%=--model %)

deploy: $(VENV)/ready ## copy this checkout's firmware and UNIT=… to a board that has MicroPython, for developers
	@$(RUN) firmware.host.bundle --unit "$(UNIT)" --output $(BUNDLE)
	@$(RUN) firmware.host.deploy --port "$(PORT)" --bundle $(BUNDLE)

dashboards: $(VENV)/ready ## make the Grafana dashboards anew from their code
	@$(RUN) dashboards

docs: $(VENV)/ready ## make the generated pages in docs/ anew
	@$(RUN) ingest.signals_page

lock: $(VENV)/ready ## choose the newest allowed Python packages and pin them with their hashes
	@$(VENV)/bin/pip install --quiet uv
	@$(VENV)/bin/uv pip compile --quiet --upgrade --python-version 3.11 --generate-hashes --all-extras --no-annotate \
	  --custom-compile-command "make lock" pyproject.toml --output-file requirements.lock

clean: ## remove what the other targets made
	rm -rf $(VENV) build .mypy_cache .pytest_cache .ruff_cache .hypothesis

demo-packages:
	@tools/debian-packages python3 mosquitto influxdb

test-packages:
	@tools/debian-packages python3 mosquitto influxdb victoria-metrics nginx openssl chromium

$(VENV)/ready: requirements.lock
	@tools/python-packages "$(PYTHON)" $(VENV)
