"""What `deploy/` says of the remote server: docker-compose and Caddy are Debian's; no container is started here."""

import os
import re
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml

from hil_tests.services import HOST, REPOSITORY, InfluxDB, Service, find_program, free_port, http_request

DEPLOY = REPOSITORY / "deploy"
EXAMPLE = DEPLOY / "remote.env.example"
COMPOSE: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text("utf-8"))
SETTINGS = re.findall(r"^(\w+)=", EXAMPLE.read_text("utf-8"), re.MULTILINE)


def compose_config(environment: Path) -> subprocess.CompletedProcess[str]:
    program = find_program("docker-compose", "docker-compose")
    return subprocess.run(
        [program, "--env-file", str(environment), "--file", str(DEPLOY / "compose.yaml"), "config"],
        capture_output=True,
        text=True,
        check=False,
        env={"PATH": os.environ["PATH"]},
    )


def test_the_compose_file_is_valid_with_the_example_settings() -> None:
    done = compose_config(EXAMPLE)
    assert done.returncode == 0, done.stderr
    assert yaml.safe_load(done.stdout)["services"].keys() == {"caddy", "influxdb", "grafana"}


def test_a_setting_that_is_missing_is_named(tmp_path: Path) -> None:
    assert len(SETTINGS) == len(set(SETTINGS)) == 10
    for setting in SETTINGS:
        kept = [line for line in EXAMPLE.read_text("utf-8").splitlines() if not line.startswith(f"{setting}=")]
        (tmp_path / "env").write_text("\n".join(kept), "utf-8")
        done = compose_config(tmp_path / "env")
        assert done.returncode != 0
        assert "set it in deploy/remote.env" in done.stderr


@pytest.mark.parametrize("name", COMPOSE["services"])
def test_each_service_is_pinned_watched_and_started_again(name: str) -> None:
    service = COMPOSE["services"][name]
    assert re.fullmatch(r"[\w/]+:\d+\.\d+\.\d+(-alpine)?", service["image"])
    assert service["healthcheck"]["test"]
    assert service["restart"] == "unless-stopped"


def test_no_secret_stands_in_the_environment_or_in_git() -> None:
    for service in COMPOSE["services"].values():
        secret = [
            value for key, value in service.get("environment", {}).items() if re.search(r"PASSWORD|TOKEN|SECRET", key)
        ]
        assert all(str(value).startswith("/run/secrets/") for value in secret)
    files = [DEPLOY / secret["file"] for secret in COMPOSE["secrets"].values()]
    never_committed = [*map(str, files), str(DEPLOY / "remote.env")]
    ignored = subprocess.run(
        ["git", "check-ignore", *never_committed], cwd=REPOSITORY, check=True, capture_output=True, text=True
    )
    assert ignored.stdout.splitlines() == never_committed
    page = (REPOSITORY / "docs" / "remote-server.md").read_text("utf-8")
    assert all(f"`{file.name}`" in page for file in files)


def test_grafana_is_given_all_that_its_provisioning_asks_for() -> None:
    grafana = COMPOSE["services"]["grafana"]
    folder = REPOSITORY / "dashboards" / "provisioning"
    for file in (*(folder / "datasources-influxdb2").iterdir(), folder / "alerting" / "contact_points.yaml"):
        lines = [line for line in file.read_text("utf-8").splitlines() if not line.startswith("#")]
        asked = set(re.findall(r"\$([A-Z][A-Z_]+)", "\n".join(lines)))
        assert asked <= grafana["environment"].keys(), file
        for secret in re.findall(r"\$__file\{/run/secrets/(\w+)\}", "\n".join(lines)):
            assert secret in grafana["secrets"]


def test_what_is_mounted_from_the_checkout_is_there() -> None:
    for service in COMPOSE["services"].values():
        for volume in service["volumes"]:
            source = volume.split(":")[0]
            if source.startswith(".") and source != "./backup":
                assert (DEPLOY / source).exists(), source
    provider = yaml.safe_load((REPOSITORY / "dashboards/provisioning/dashboards/powerunit.yaml").read_text("utf-8"))
    path = provider["providers"][0]["options"]["path"]
    assert f"../dashboards/generated:{path}:ro" in COMPOSE["services"]["grafana"]["volumes"]


class Caddy(Service):
    """Caddy with `deploy/Caddyfile`; without TLS, because nobody gives a certificate for a loopback address."""

    program = "caddy"
    debian_package = "caddy"

    def __init__(self, folder: Path, influxdb: InfluxDB) -> None:
        super().__init__(folder)
        text = (DEPLOY / "Caddyfile").read_text("utf-8")
        for mark, value in (
            ("influxdb:8086", f"{HOST}:{influxdb.port}"),
            ("{\n\temail", "{\n\tadmin off\n\temail"),
            ("{$GRAFANA_HOST}", f"http://{HOST}:{free_port()}"),
            ("{$INFLUXDB_HOST}", f"http://{HOST}:{self.port}"),
            ("{$ACME_EMAIL}", "engineer@example.org"),
        ):
            assert mark in text
            text = text.replace(mark, value)
        (self.folder / "Caddyfile").write_text(text, "utf-8")

    def arguments(self) -> Sequence[str]:
        return ["run", "--config", str(self.folder / "Caddyfile"), "--adapter", "caddyfile"]


@pytest.fixture(scope="module")
def caddy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Caddy]:
    folder = tmp_path_factory.mktemp("caddy")
    with InfluxDB(folder) as influxdb, Caddy(folder, influxdb) as server:
        yield server


def test_gateways_reach_the_database_through_caddy(caddy: Caddy) -> None:
    assert http_request(caddy.port, "GET", "/ping")[0] == 204


@pytest.mark.parametrize("path", ["/query?q=SHOW+DATABASES", "/", "/debug/vars", "/api/v2/query", "/api/v2/setup"])
def test_the_rest_of_the_database_is_not_on_the_internet(caddy: Caddy, path: str) -> None:
    assert http_request(caddy.port, "GET", path) == (404, "")
