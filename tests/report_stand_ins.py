"""Stands in for what the database holds of a unit: a month written by hand, so that every figure can be counted."""

from collections.abc import Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

from ingest.report.history import Board, Device, Gateway, History, Hour, Kind
from ingest.report.period import Period, period
from ingest.report.settings import Baseline

ZONE = ZoneInfo("Asia/Ho_Chi_Minh")
HOUR = 3600
BASELINE = Baseline("diesel generator", 1.067, 0.533, 1.077, "IPCC 2006, volume 2, table 2.2")


def at(text: str) -> int:
    """UTC seconds of a local time such as `2026-11-03 14:00`."""
    return int(datetime.fromisoformat(text).replace(tzinfo=ZONE).timestamp())


def november(until: str = "2026-12-01 00:00") -> Period:
    return period("2026-11", ZONE, at(until))


def hour(
    start: int, kind: Kind = "charge_controller", device: str = "mppt1", covered: float = 3600.0, **fields: float
) -> Hour:
    return Hour(device, kind, start, {f"{kind}_covered": covered, **fields})


def device(name: str, kind: Kind, answered: list[int], **more: object) -> Device:
    made = Device(name, kind, answered)
    for key, value in more.items():
        setattr(made, key, value)
    return made


def minutes(start: int, end: int) -> list[int]:
    return list(range(start, end, 60))


def history(devices: Sequence[Device] = (), **more: object) -> History:
    """Nothing but the devices, and what is given by the field's name."""
    made = History(
        unit="raft-01",
        site="cat-ba",
        devices=list(devices),
        hours=[],
        losses=[],
        board=Board([], []),
        gateway=Gateway([], at("2026-12-01 07:00"), 0, 0),
        capacity=[],
        opinion={},
        events=[],
    )
    for key, value in more.items():
        setattr(made, key, value)
    return made
