"""The gateway as its service manager would start it: a process of its own, ready when its page answers."""

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

from hil_tests.services import HOST, REPOSITORY, STOP_DEADLINE, Mosquitto, Service, ServiceError, http_request

USER = "gateway"


class Gateway(Service):
    """It writes to `database_url` through the API `kind`, and keeps its journal over every restart."""

    program = sys.executable
    debian_package = "python3"
    works_in = REPOSITORY

    def __init__(
        self,
        folder: Path,
        broker: Mosquitto,
        database_url: str,
        *,
        broker_password: str,
        database_password: str,
        kind: Literal["influxdb1", "influxdb2"] = "influxdb1",
        site: str = "rig",
        commit_interval: float = 0.5,
        forward_interval: float = 1.0,
    ) -> None:
        """Intervals in seconds, short ones, so that a test sees soon what it waits for."""
        super().__init__(folder)
        self.journal = self.folder / "journal"
        self.settings = self.folder / "gateway.toml"
        (self.folder / "broker.password").write_text(broker_password + "\n", "utf-8")
        (self.folder / "database.password").write_text(database_password + "\n", "utf-8")
        (self.folder / "database.token").write_text(f"{USER}:{database_password}\n", "utf-8")
        secret = self.folder / "database"
        access = {
            "influxdb1": f'database = "powerunit"\nuser = "{USER}"\npassword_file = "{secret}.password"\n',
            "influxdb2": f'org = "trial"\nbucket = "powerunit"\ntoken_file = "{secret}.token"\n',
        }
        self.settings.write_text(
            f'site = "{site}"\n'
            f'[broker]\nhost = "{HOST}"\nport = {broker.port}\nuser = "{USER}"\n'
            f'password_file = "{self.folder}/broker.password"\n'
            f'[journal]\nfolder = "{self.journal}"\ncommit_interval = {commit_interval}\n'
            f"[forward]\ninterval = {forward_interval}\n"
            f'[database]\nkind = "{kind}"\nurl = "{database_url}"\n{access[kind]}'
            "[clock]\nignore_ntp = true\n"  # else it would depend on the machine under the rig what the gateway knows
            f'[page]\nhost = "{HOST}"\nport = {self.port}\n',
            "utf-8",
        )

    def arguments(self) -> Sequence[str]:
        return ["-m", "gateway", "--settings", str(self.settings)]

    def is_ready(self) -> bool:
        try:
            return http_request(self.port, "GET", "/healthz")[0] == 200
        except OSError:
            return False

    def ended_with(self) -> int:
        """The exit code; waits until the process ends by itself."""
        return self._running().wait(STOP_DEADLINE)

    def state(self) -> dict[str, Any]:
        """What the technician's page is made from. Raises ServiceError when there is none."""
        status, body = http_request(self.port, "GET", "/state.json")
        if status != 200:
            raise ServiceError(f"the gateway's page answers {status}: {body}")
        document: dict[str, Any] = json.loads(body)
        return document
