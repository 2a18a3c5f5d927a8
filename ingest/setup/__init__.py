"""Preparing an InfluxDB for the gateway and Grafana: `python -m ingest.setup`, or `make setup-influx`."""
