"""The page on its own, with days behind it in seconds: the gateway's own rooms and server, in this process.

The readings are the rig's modelled battery, sun and load. Stand-ins are the clock, which stands at `NOW` until it is
moved, the database, the alarms, and the hourly roll-ups, which are summed up here.
"""

import statistics
import threading
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Self

from gateway.budget import Budget, Limits
from gateway.commit import Committer
from gateway.dating import Dating
from gateway.deadletters import DeadLetters
from gateway.disk import FolderDisk
from gateway.entry import Entry
from gateway.export import Exported
from gateway.forward import Forwarder
from gateway.gaps import Gaps
from gateway.journal import Journal
from gateway.lines import LineMaker
from gateway.message import ReadingMessage, StatusMessage
from gateway.page.app import make_app
from gateway.page.doors import Doors, Source
from gateway.page.past_readings import PastReadings
from gateway.page.pin import Pin
from gateway.page.server import bind, make_server
from gateway.page.state import Rooms, healthy, state
from gateway.page.stick import Stick
from gateway.receive import Receiver
from gateway.settings import BrokerSettings
from gateway.standing import Alarm
from gateway.units import Units
from hil_tests.model import Moment, PowerUnit
from hil_tests.services import HOST, wait_until
from ingest.reading import Reading, Value
from ingest.signals import catalogue
from tests.gateway_stand_ins import ScriptedClocks, ScriptedDatabase

NOW = round(datetime(2026, 11, 24, 7, 20, tzinfo=UTC).timestamp() * 1000)
"""14:20 on the bay."""

HOUR_MS, DAY_MS = 3_600_000, 86_400_000
BUDGET = Limits(day=4_000_000, month=60_000_000)
PIN = "471108"
SITE = "Lan Ha Bay"
KERNEL = "kernel-of-the-rig"
MODELS = {"bms1": "jk_pb", "mppt1": "epever_tracer", "board": "esp32"}
POLLED_AGO_MS = 4_000


class ShownPage:
    """Serves while in `with`, at `url`. Every part is there to be changed by a test."""

    def __init__(
        self, folder: Path, units: Sequence[str] = ("raft-01",), days: float = 7, limits: Limits = BUDGET
    ) -> None:
        """`days` of readings of each unit; the last of them, one a minute, is kept reading by reading."""
        self.clocks = ScriptedClocks(boottime=9 * DAY_MS, system=NOW)
        self.clocks.ntp_error = 4
        self.clock = self.clocks.clock()
        self.disk = FolderDisk(folder / "journal")
        self.journal = Journal(self.disk)
        self.units = Units()
        self.alarms: dict[tuple[str, str, str], Alarm] = {}
        self.database = ScriptedDatabase()
        self.exported: list[Exported | OSError] = [Exported(packages=1, readings=1440)]
        dead_letters = DeadLetters(self.disk)
        receiver = Receiver(BrokerSettings(HOST, 1, "gateway", "x"), self.clock.boottime, lambda _: None, lambda: None)
        self.broker = receiver.broker
        committer = Committer(
            journal=self.journal,
            dead_letters=dead_letters,
            dating=Dating(self.clock, KERNEL),
            clock=self.clock,
            kernel=KERNEL,
            units=self.units,
            gaps=Gaps(),
            acknowledger=receiver,
        )
        self.forwarder = Forwarder(
            interval=30,
            journal=self.journal,
            dead_letters=dead_letters,
            writer=self.database,
            clock=self.clock,
            lines=LineMaker(SITE, self.journal.origin, dead_letters),
            freeze_origins=lambda: None,
            health=lambda utc_ms: f"gateway,site=rig backlog_readings=0i {utc_ms}",
            budget=Budget(Limits(), self.disk, self.clock.boottime, self.clock.utc_ms),
        )
        self.committer = committer
        self.stick = Stick(self._export)
        self.rooms = Rooms(
            SITE,
            self.clock,
            self.units,
            self.journal,
            dead_letters,
            receiver,
            committer,
            LineMaker(SITE, self.journal.origin, dead_letters),
            self.forwarder,
            alarms=lambda: self.alarms,
            stick=self.stick,
            pin=True,
        )
        for number, unit in enumerate(units):
            self._live(unit, number, days)
        self.broker.back()
        while self.journal.pending_readings:
            self.forwarder.step()
        self.forwarder.budget.limits = limits
        self.forwarder.budget.spend(1_270_000)
        self._socket = bind(HOST, 0)
        self.url = f"http://{HOST}:{self._socket.getsockname()[1]}"
        self.server = make_server(make_app(self._doors()))
        self._thread = threading.Thread(target=lambda: self.server.run(sockets=[self._socket]), name="page")

    def __enter__(self) -> Self:
        self._thread.start()
        wait_until(lambda: self.server.started, 10, "the page's server")
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self.server.should_exit = True
        self._thread.join(10)
        self._socket.close()
        self.disk.close()

    def hear(
        self, unit: str, device: str, signals: Mapping[str, Value], *, ago_ms: int = 0, error: str | None = None
    ) -> None:
        """A reading comes in that was taken so long ago."""
        model = MODELS[device]
        measurement = {"bms1": "bms", "mppt1": "charge_controller", "board": "unit"}[device]
        up = 8 * DAY_MS
        reading = Reading(unit, f"{7:016x}", 0, device, model, measurement, up, NOW - ago_ms, dict(signals), error)
        self.units.heard(ReadingMessage(reading, up + ago_ms, 0, b""), self.clocks.boot)
        self.units.acknowledged(unit, self.clocks.boot)

    def _doors(self) -> Doors:
        return Doors(
            state=lambda: state(self.rooms),
            healthy=lambda: healthy(self.rooms),
            metrics=lambda: b"",
            utc_ms=self.clock.utc_ms,
            history=PastReadings(self.journal.past, self.journal.origin),
            pin=Pin(PIN, self.clock.boottime),
            acknowledge=self._acknowledge,
            export=self.stick.begin,
        )

    def _acknowledge(self, *alarm: str) -> bool:
        found = self.alarms.get((alarm[0], alarm[1], alarm[2]))
        if found is not None:
            found.acknowledged = True
        return found is not None

    def _export(self) -> Exported:
        done = self.exported[-1]
        if isinstance(done, OSError):
            raise done
        return done

    def _live(self, unit: str, number: int, days: float) -> None:
        seed = 7 + number
        model = PowerUnit(seed, (NOW - days * DAY_MS) / 1000, step=60, soc=0.55 + 0.06 * (number % 5))
        hours: dict[int, list[Moment]] = {}
        recent: list[Entry] = []
        moment = model.at((NOW - days * DAY_MS) / 1000)
        for minute in range(round(days * 1440) + 1):
            time_ms = NOW - round(days * DAY_MS) + minute * 60_000
            moment = model.at(time_ms / 1000)
            hours.setdefault(time_ms // HOUR_MS, []).append(moment)
            if NOW - time_ms <= DAY_MS:
                recent += _entries(unit, minute, time_ms, moment)
        rollups = [entry for hour in sorted(hours)[:-1] for entry in _rolled_up(unit, hour, hours[hour])]
        for entries in (rollups, recent):
            for begin in range(0, len(entries), 100):
                self.journal.commit(entries[begin : begin + 100])
        self.units.status(StatusMessage(unit, online=True, boot=f"{7:016x}", firmware="0.1.0"))
        self.hear(unit, "bms1", _bms(moment), ago_ms=POLLED_AGO_MS)
        self.hear(unit, "mppt1", _controller(moment), ago_ms=POLLED_AGO_MS + 300)
        board: dict[str, Value] = {
            "uptime": 421_000.0,
            "heap_free": 31_200,
            "reset_cause": "power_on",
            "wifi_rssi": -61,
            "spool_readings": 2,
        }
        self.hear(unit, "board", board, ago_ms=POLLED_AGO_MS + 9_000)


def _bms(moment: Moment) -> dict[str, Value]:
    bms = moment.bms
    return {
        "pack_voltage": bms.pack_voltage,
        "current": round(bms.current, 3),
        "soc": round(100 * bms.soc),
        "soh": round(100 * bms.soh),
        "remaining_capacity": round(bms.remaining_capacity, 3),
        "full_capacity": round(bms.full_capacity, 3),
        "cycles": bms.cycles,
        **{f"cell_{index:02}_voltage": round(volt, 3) for index, volt in enumerate(bms.cells, 1)},
        **{f"temperature_{index}": round(degrees, 1) for index, degrees in enumerate(bms.temperatures, 1)},
        "mosfet_temperature": round(bms.mosfet_temperature, 1),
        "charge_mosfet": bms.charge_mosfet,
        "discharge_mosfet": bms.discharge_mosfet,
        "balancing": bool(bms.balance_current),
        "protections": 0,
        "warnings": 0,
        "cell_voltage_min": round(min(bms.cells), 3),
        "cell_voltage_max": round(max(bms.cells), 3),
        "cell_voltage_spread": round(max(bms.cells) - min(bms.cells), 3),
    }


def _controller(moment: Moment) -> dict[str, Value]:
    controller = moment.controller
    return {
        "pv_voltage": round(controller.pv_voltage, 2),
        "pv_current": round(controller.pv_current, 2),
        "pv_power": round(controller.pv_power, 2),
        "battery_voltage": round(controller.battery_voltage, 2),
        "charge_current": round(controller.charge_current, 2),
        "load_voltage": round(controller.battery_voltage, 2),
        "load_current": round(controller.load_current, 2),
        "load_power": round(controller.load_power, 2),
        "controller_temperature": round(controller.temperature, 2),
        "battery_temperature": round(controller.battery_temperature, 2),
        "stage": controller.stage,
        "faults": 0,
        "energy_today": round(controller.pv_energy.today),
        "energy_total": round(controller.pv_energy.total),
    }


def _entries(unit: str, minute: int, time_ms: int, moment: Moment) -> list[Entry]:
    return [
        _entry(Source(unit, "bms1", "bms"), 2 * minute, time_ms, _bms(moment)),
        _entry(Source(unit, "mppt1", "charge_controller"), 2 * minute + 1, time_ms, _controller(moment)),
    ]


def _rolled_up(unit: str, hour: int, moments: Sequence[Moment]) -> list[Entry]:
    entries = []
    for number, (device, hourly, signals) in enumerate(
        (("bms1", "bms_1h", _bms), ("mppt1", "charge_controller_1h", _controller))
    ):
        readings = [signals(moment) for moment in moments]
        figures: dict[str, Value] = {}
        for name, first in readings[0].items():
            if isinstance(first, int | float) and not isinstance(first, bool):
                values = [float(reading[name]) for reading in readings]
                made = {"min": min(values), "mean": statistics.fmean(values), "max": max(values)}
                figures |= {f"{name}_{figure}": value for figure, value in made.items()}
        known = {name: value for name, value in figures.items() if name in catalogue()[hourly]}
        entries.append(_entry(Source(unit, device, hourly), 1_000_000 + 2 * hour + number, hour * HOUR_MS, known))
    return entries


def _entry(source: Source, seq: int, time_ms: int, signals: dict[str, Value]) -> Entry:
    up = 8 * DAY_MS - (NOW - time_ms)
    model = MODELS[source.device]
    reading = Reading(source.unit, f"{7:016x}", seq, source.device, model, source.measurement, up, time_ms, signals)
    return Entry(ReadingMessage(reading, up, 0, b""), KERNEL, up, (time_ms, "device"))
