# Every target does its own set-up and skips what is already there. `make` alone lists them.
SHELL := /bin/bash
.DEFAULT_GOAL := help
.PHONY: help demo test hil soak lint format bench bundle flash doctor scan deploy dashboards push-dashboards preview docs \
  lock clean install-gateway uninstall-gateway add-unit setup-influx report demo-packages test-packages

PYTHON ?= python3
VENV := .venv
RUN := $(VENV)/bin/python -m
PATH := $(PATH):/usr/sbin:/sbin
export PATH

SECONDS ?=
HOURS ?= 2
SEED ?=
ROW ?=
IMAGE ?=
PORT ?=
UNIT ?=
FORCE ?=
ALL ?=
MODEL ?=
ADDRESS ?=
SETTINGS ?=
MONTH ?=
SITE ?=
CHECK ?=
KIT := build/kit
BUNDLE := build/bundle
AS_ROOT := $(if $(filter 0,$(shell id -u)),,sudo)
LOCK := $(VENV)/bin/uv pip compile --quiet --upgrade --python-version 3.11 --generate-hashes --no-annotate \
  --custom-compile-command "make lock"

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-18s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: demo-packages $(VENV)/ready ## run the whole chain with a link outage; SECONDS=60 ends by itself with a count
	@$(RUN) hil_tests.demo $(if $(SECONDS),--seconds $(SECONDS))

test: test-packages $(VENV)/ready lint ## run every test, those on the rig included
	@$(RUN) pytest $(ARGS)

hil: test-packages $(VENV)/ready ## run the fault matrix in its long version, about an hour and a half; ROW="link down" runs rows of that name
	@$(RUN) hil_tests.reliability --row "$(ROW)"

soak: demo-packages $(VENV)/ready ## run the whole chain under random faults for HOURS=…; the SEED=… that it prints gives the same faults again
	@$(RUN) hil_tests.soak --hours "$(HOURS)" $(SEED:%=--seed %)

lint: $(VENV)/ready ## check style and types, the board's against the ESP32's stubs
	@$(RUN) ruff check --quiet . && $(RUN) ruff format --check --quiet . && $(RUN) mypy && $(RUN) tools.chip_types

format: $(VENV)/ready ## put the code into the project's format
	@$(RUN) ruff check --quiet --fix . ; $(RUN) ruff format --quiet .

bench: test-packages $(VENV)/ready ## measure what journal, spool, link and dashboards cost, and how long the board's event loop stalls
	@$(RUN) bench.journal
	@$(RUN) bench.spool
	@$(RUN) bench.forward
	@$(RUN) bench.memory
	@$(RUN) bench.loop_stall
	@$(RUN) bench.dashboards

bundle: $(VENV)/ready ## build the technician's kit, for use without internet; IMAGE=… is MicroPython, else it is fetched
	@$(RUN) firmware.host.kit --output $(KIT) $(if $(IMAGE),--image "$(IMAGE)")

flash: $(VENV)/ready ## make a unit of a board with the kit: UNIT=raft-01 takes units/raft-01.toml; PORT=… if there are several
	@$(RUN) firmware.host.flash --kit $(KIT) --port "$(PORT)" --unit "$(UNIT)" $(if $(filter yes,$(FORCE)),--force)

doctor: $(VENV)/ready ## ask the running board at PORT=… how it does
	@$(RUN) firmware.host.doctor --port "$(PORT)"

scan: $(VENV)/ready ## find what hangs on the bus, through the board or the RS-485 adapter at PORT=…; ALL=yes, MODEL=…, ADDRESS=…
	@$(RUN) firmware.host.scan --port "$(PORT)" $(if $(filter yes,$(ALL)),--all) $(MODEL:%=--model %) \
	  $(ADDRESS:%=--address %)

deploy: $(VENV)/ready ## copy this checkout's firmware and UNIT=… to a board that has MicroPython, for developers
	@$(RUN) firmware.host.bundle --unit "$(UNIT)" --output $(BUNDLE)
	@$(RUN) firmware.host.deploy --port "$(PORT)" --bundle $(BUNDLE)

dashboards: $(VENV)/ready ## make the Grafana dashboards and alert rules anew from their code
	@$(RUN) dashboards

push-dashboards: $(VENV)/ready ## send them to the Grafana at $GRAFANA_URL, with the token in $GRAFANA_TOKEN; DRY_RUN=yes only shows
	@$(RUN) dashboards.push $(if $(filter yes,$(DRY_RUN)),--dry-run)

preview: demo-packages $(VENV)/ready ## draw each dashboard's panels as one picture in docs/, with a month of the rig's data
	@tools/debian-packages chromium
	@$(RUN) hil_tests.preview

docs: $(VENV)/ready ## make the generated pages in docs/ anew
	@$(RUN) ingest.signals_page

lock: $(VENV)/ready ## choose the newest allowed Python packages and pin them with their hashes
	@$(VENV)/bin/pip install --quiet uv
	@$(LOCK) --all-extras pyproject.toml --output-file requirements.lock
	@$(LOCK) --constraint requirements.lock pyproject.toml --output-file deploy/requirements.lock
	@$(LOCK) --group esp32-stubs --output-file tools/esp32-stubs.lock

install-gateway: ## make this Raspberry Pi, or any Debian 12, the village's gateway
	@tools/debian-packages python3 mosquitto chrony
	@$(AS_ROOT) tools/gateway-service install

uninstall-gateway: ## remove the gateway again; PURGE=yes removes its settings and readings, too
	@$(AS_ROOT) tools/gateway-service uninstall $(if $(filter yes,$(PURGE)),--purge)

add-unit: ## let UNIT=… speak to this gateway's broker; NEW_PASSWORD=yes gives a known one another password
	@$(AS_ROOT) tools/gateway-service add-unit "$(UNIT)" $(if $(filter yes,$(NEW_PASSWORD)),--new-password) \
	  $(if $(PASSWORD_FILE),--password-file "$(PASSWORD_FILE)")

setup-influx: $(VENV)/ready ## prepare the InfluxDB that SETTINGS=influx-setup.toml names; CHECK=yes only says what it would change
	@$(RUN) ingest.setup --settings "$(or $(SETTINGS),influx-setup.toml)" $(if $(filter yes,$(CHECK)),--check)

report: $(VENV)/ready ## write what UNIT=… did in MONTH=2026-11, as HTML and PDF in build/report; SETTINGS=report.toml
	@tools/debian-packages chromium
	@$(RUN) ingest.report --settings "$(or $(SETTINGS),report.toml)" --unit "$(UNIT)" --month "$(MONTH)" \
	  $(SITE:%=--site "%")

clean: ## remove what the other targets made
	rm -rf $(VENV) build .mypy_cache .pytest_cache .ruff_cache .hypothesis

demo-packages:
	@tools/debian-packages python3 mosquitto influxdb

test-packages:
	@tools/debian-packages python3 mosquitto influxdb victoria-metrics nginx openssl chromium systemd ip caddy \
	  docker-compose pdftotext

$(VENV)/ready: requirements.lock
	@tools/python-packages "$(PYTHON)" $(VENV)
