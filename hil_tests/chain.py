"""The whole chain on real parts, in one folder: emulated bus → board → broker → gateway → village link → InfluxDB."""

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from firmware.host.bundle import CACHE, build
from firmware.host.umqtt import source
from hil_tests.board import Board
from hil_tests.bus import Bus
from hil_tests.gateway_process import Gateway
from hil_tests.ledger import ExpectedReading, PolledDevice, expected_readings
from hil_tests.services import HOST, InfluxDB, InfluxUser, Mosquitto
from hil_tests.verdict import StoredPoint, Verdict, compare
from hil_tests.village_link import VillageLink
from hil_tests.witness import Witness

SITE = "lan-ha-bay"
UNIT = "raft-01"
PASSWORDS = {UNIT: "unit-of-the-rig", "gateway": "gateway-of-the-rig"}
DATABASE_PASSWORD = "database-of-the-rig"
DEVICES = (PolledDevice("bms1", "jk_pb", 2), PolledDevice("mppt1", "epever_tracer", 1))
MEASUREMENTS = ("bms", "charge_controller")


@dataclass(frozen=True, slots=True)
class Count:
    """Readings: answered by the devices, acknowledged by the gateway, and what the database holds of them."""

    durable: int
    verdict: Verdict

    @property
    def readings(self) -> int:
        return self.verdict.expected

    @property
    def forwarded(self) -> int:
        return self.verdict.expected - len(self.verdict.lost)


class Chain:
    """Everything runs while in `with`; every part ends by its process id, in the reverse order of its start.

    `period` is the seconds between two polls; `say` hears each step of the start in one line; `gateway` is how the
    gateway's process is made.
    """

    def __init__(
        self,
        folder: Path,
        period: int = 1,
        say: Callable[[str], object] = lambda _line: None,
        gateway: type[Gateway] = Gateway,
    ) -> None:
        self.folder = folder
        self._period = period
        self._say = say
        self._make_gateway = gateway
        self._parts = ExitStack()

    def __enter__(self) -> Self:
        with ExitStack() as parts:
            self._say("InfluxDB, far away")
            users = [InfluxUser("gateway", DATABASE_PASSWORD, "WRITE")]
            self.database = parts.enter_context(InfluxDB(self.folder, users=users))
            self._say("the village link to it, which can be cut")
            self.link = parts.enter_context(VillageLink(self.database.port))
            self._say("mosquitto, with a password for each unit")
            self.broker = parts.enter_context(Mosquitto(self.folder, PASSWORDS))
            self.witness = parts.enter_context(Witness(self.broker, UNIT, PASSWORDS))
            self._say("the gateway, with its journal and its page")
            self.gateway = parts.enter_context(
                self._make_gateway(
                    self.folder,
                    self.broker,
                    self.link.url,
                    broker_password=PASSWORDS["gateway"],
                    database_password=DATABASE_PASSWORD,
                    site=SITE,
                )
            )
            self._say("the RS-485 bus: a JK-PB BMS and an EPEver Tracer, emulated")
            self.bus = parts.enter_context(Bus(self.folder, start_sun="10:30"))
            self._say("the board: the firmware on the real MicroPython, in a LittleFS flash image")
            self.board = parts.enter_context(Board(self.folder / "board", self.bus.port))
            self.board.install(self._bundle())
            self.board.power_on()
            self._parts = parts.pop_all()
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self._parts.close()

    def count(self) -> Count:
        """What the devices answered so far, against what the database holds now."""
        return Count(self.witness.acknowledged_readings, compare(self.expected(), self.stored()))

    def stored_readings(self) -> int:
        """How many readings of a device that answered the database holds."""
        counts = (
            'SELECT COUNT("pack_voltage") AS n FROM "bms"',
            'SELECT COUNT("pv_voltage") AS n FROM "charge_controller"',
        )
        return sum(int(row["n"]) for count in counts for row in self.database.query(count))

    def expected(self) -> list[ExpectedReading]:
        """What the devices answered so far."""
        return expected_readings(self.bus.ledger.exchanges(), DEVICES)

    def stored(self) -> list[StoredPoint]:
        return [
            StoredPoint(
                str(row["device"]), int(row["time"]), {name: row[name] for name in row if row[name] is not None}
            )
            for measurement in MEASUREMENTS
            for row in self.database.query(f'SELECT * FROM "{measurement}"')
        ]

    def _bundle(self) -> Path:
        unit_file = self.folder / f"{UNIT}.toml"
        devices = "".join(
            f'[[devices]]\nname = "{device.name}"\nmodel = "{device.model}"\naddress = {device.address}\n'
            for device in DEVICES
        )
        unit_file.write_text(
            f'unit = "{UNIT}"\nperiod = {self._period}\n'
            '[wifi]\nssid = "village"\npassword = "wifi-of-the-rig"\n'
            f'[broker]\nhost = "{HOST}"\nport = {self.broker.port}\npassword = "{PASSWORDS[UNIT]}"\n'
            "[bus]\nuart = 1\ntx = 17\nrx = 16\n" + devices,
            "utf-8",
        )
        bundle = self.folder / "bundle"
        build(unit_file, bundle, lambda: source(CACHE))
        return bundle
