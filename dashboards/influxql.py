"""InfluxQL queries as Grafana keeps them in a panel.

They stay in what InfluxDB 1.x, 2.x and 3 all answer (docs/decisions/042). `$timeFilter`, `$__interval`, `${__from}`,
`${__to}` and the dashboard's variables `$site` and `$unit` are Grafana's to fill in. Which points a query is made of
hangs on how long the shown time is (docs/decisions/045).
"""

from dataclasses import dataclass, replace
from itertools import groupby
from typing import Literal

from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.cog.variants import Dataquery
from grafana_foundation_sdk.models.dashboard import DataSourceRef

from ingest.signals import DAILY, ROLLED_UP, Figure, Signal

DATASOURCE = DataSourceRef(type_val="influxdb", uid="${datasource}")
ONE_SITE = "\"site\" = '$site' AND $timeFilter"
ONE_UNIT = "\"site\" = '$site' AND \"unit\" = '$unit' AND $timeFilter"
SHORT = "${__to} - ${__from} <= 172800000"
"""Readings are shown as they were taken: two days at most, in ms."""
LONG = "${__to} - ${__from} > 172800000"
LATEST = "time >= ${__to}ms - 2d"
"""Of what has no roll-up, a longer time shows its last two days."""

_HOURLY = {base: hourly for hourly, base in ROLLED_UP.items()}

Aggregate = Literal["MEAN", "MAX", "LAST", "COUNT"]


@dataclass(frozen=True, slots=True)
class InfluxQuery(Builder[Dataquery], Dataquery):
    """One query in the JSON of Grafana's InfluxDB data source; the SDK has no model of it."""

    query: str
    alias: str = ""
    result_format: Literal["time_series", "table"] = "time_series"
    ref_id: str = "A"

    def build(self) -> Dataquery:
        """Itself: the SDK asks for a builder."""
        return self

    def to_json(self) -> dict[str, object]:
        """What Grafana keeps."""
        return {
            "refId": self.ref_id,
            "datasource": DATASOURCE,
            "query": self.query,
            "rawQuery": True,
            "resultFormat": self.result_format,
            "alias": self.alias,
        }


def over_time(signals: tuple[Signal, ...], how: Aggregate) -> list[InfluxQuery]:
    """Readings, by one query per measurement: each device's signals, one value per interval that has a reading."""
    return [
        _per_device(
            measurement, ", ".join(f'{how}("{signal.name}") AS "{signal.name}"' for signal in group), _when(measurement)
        )
        for measurement, group in groupby(signals, key=lambda signal: signal.measurement)
    ]


def latest_over_time(signals: tuple[Signal, ...], how: Aggregate) -> list[InfluxQuery]:
    """The same of signals without roll-ups: the last two days of a longer time."""
    return [replace(query, query=query.query.replace(SHORT, LATEST)) for query in over_time(signals, how)]


def hours(signals: tuple[Signal, ...]) -> list[InfluxQuery]:
    """Roll-ups of those signals that have any, under the signals' names, where readings would be too many."""
    return [
        _hours(
            measurement,
            ", ".join(
                f'"{signal.name}_{figure}" AS "{signal.name}"' for signal in group for figure in [_shown(signal)]
            ),
        )
        for measurement, group in groupby(
            (signal for signal in signals if signal.rollup), key=lambda signal: signal.measurement
        )
    ]


def battery_power() -> tuple[InfluxQuery, InfluxQuery]:
    """W into the battery: of readings, the product of both means over each interval; of an hour, its energy in Wh."""
    return (
        _per_device("bms", 'MEAN("pack_voltage") * MEAN("current") AS "battery_power"', SHORT),
        _hours("bms", '"battery_energy_in" - "battery_energy_out" AS "battery_power"'),
    )


def days(*columns: str) -> InfluxQuery:
    """Fields of the days' points, or what is computed of them, of all devices of the unit."""
    return InfluxQuery(f'SELECT {", ".join(columns)} FROM "{DAILY}" WHERE {ONE_UNIT}', "$col")


def numbered_over_time(pattern: str, how: Figure) -> tuple[InfluxQuery, InfluxQuery]:
    """Of each device the lowest or highest of all signals whose names match, of readings and of hours."""
    readings = f'SELECT {how.upper()}(/^{pattern}/) FROM "bms" WHERE {ONE_UNIT} AND {SHORT}'
    of_hours = f'SELECT /^{pattern}_{how}/ FROM "bms_1h" WHERE {ONE_UNIT} AND {LONG} GROUP BY "device"'
    return (
        InfluxQuery(f'{readings} GROUP BY time($__interval), "device" fill(none)', "$tag_device $col"),
        InfluxQuery(of_hours, "$tag_device $col"),
    )


def numbered_per_day(pattern: str, how: Figure) -> InfluxQuery:
    """Of each day the lowest or highest of all signals whose names match."""
    return days(f"/^{pattern}_{how}/")


def numbered_now(pattern: str) -> InfluxQuery:
    """The last value of all signals whose names match, at most two days old."""
    where = f'FROM "bms" WHERE {ONE_UNIT} AND {LATEST}'
    return InfluxQuery(f'SELECT LAST(/^{pattern}/) {where} GROUP BY "device"', "$tag_device $col")


def battery_hours(*columns: str) -> InfluxQuery:
    """Fields that only the hours of a battery have, or what is computed of them."""
    return InfluxQuery(
        f'SELECT {", ".join(columns)} FROM "bms_1h" WHERE {ONE_UNIT} GROUP BY "device"', "$tag_device $col"
    )


def increases(signals: tuple[Signal, ...]) -> InfluxQuery:
    """By how much each device's counters rose from interval to interval."""
    columns = ", ".join(f'NON_NEGATIVE_DIFFERENCE(MAX("{signal.name}")) AS "{signal.name}"' for signal in signals)
    return _per_device(signals[0].measurement, columns, LATEST)


def of_gateway(*signals: Signal) -> InfluxQuery:
    """The gateway's own health over time."""
    columns = ", ".join(f'MAX("{signal.name}") AS "{signal.name}"' for signal in signals)
    where = f"{ONE_SITE} AND {LATEST}"
    return InfluxQuery(f'SELECT {columns} FROM "gateway" WHERE {where} GROUP BY time($__interval) fill(none)', "$col")


def newest_of_gateway(signal: Signal) -> InfluxQuery:
    """The gateway's last word, at most two days old."""
    where = f"{ONE_SITE} AND {LATEST}"
    return InfluxQuery(f'SELECT LAST("{signal.name}") AS "{signal.name}" FROM "gateway" WHERE {where}', "$col")


def newest_per_unit(signal: Signal) -> InfluxQuery:
    """A table: each unit's last value, at most two days old."""
    return _per_unit(signal, f"{ONE_SITE} AND {LATEST}")


def seen_per_unit(signal: Signal) -> InfluxQuery:
    """A table: when each unit's last reading in the time range was taken."""
    return _per_unit(signal, ONE_SITE)


def alarms_per_unit(name: str, *, begun: bool) -> InfluxQuery:
    """A table: how many alarms of each unit began, or, below zero, ended; both together are those that stand.

    Of a year: an alarm that has stood for longer is not counted.
    """
    time = "time >= ${__to}ms - 365d AND time <= ${__to}ms"
    count = f'{"" if begun else "-1 * "}COUNT("name") AS "{name}"'
    where = f'"site" = \'$site\' AND {time} AND "state" = {str(begun).lower()}'
    return InfluxQuery(f'SELECT {count} FROM "event" WHERE {where} GROUP BY "unit"', result_format="table")


def rows(signals: tuple[Signal, ...], limit: int) -> InfluxQuery:
    """The last points of one measurement, as a table with their devices."""
    columns = ", ".join(f'"{signal.name}"' for signal in signals)
    where = f'FROM "{signals[0].measurement}" WHERE {ONE_UNIT}'
    return InfluxQuery(f'SELECT "device", {columns} {where} ORDER BY time DESC LIMIT {limit}', result_format="table")


def newest(signal: Signal) -> InfluxQuery:
    """Each device's last value, at most two days old."""
    return InfluxQuery(_newest(signal, f"{ONE_UNIT} AND {LATEST}"), "$tag_device")


def newest_row(signal: Signal) -> InfluxQuery:
    """Each device's last value in the time range as a table, with the time of that reading."""
    return InfluxQuery(_newest(signal, ONE_UNIT), result_format="table")


def newest_rows(signal: Signal, limit: int) -> InfluxQuery:
    """The last readings that carry the signal, as a table with their devices."""
    readings = f'SELECT "device", "{signal.name}" FROM "{signal.measurement}" WHERE {ONE_UNIT} AND {LATEST}'
    return InfluxQuery(f"{readings} ORDER BY time DESC LIMIT {limit}", result_format="table")


def marks(measurement: str, text: str, *, of_one_unit: bool) -> str:
    """The query of an annotation: each point's text, and whose it is."""
    where = ONE_UNIT if of_one_unit else ONE_SITE
    return f'SELECT "{text}", "unit", "device" FROM "{measurement}" WHERE {where}'


def tag_values(measurement: str, tag: str, condition: str = "") -> str:
    """The query of a dashboard's variable."""
    return f'SHOW TAG VALUES FROM "{measurement}" WITH KEY = "{tag}"' + (f" WHERE {condition}" if condition else "")


def _newest(signal: Signal, where: str) -> str:
    column = f'LAST("{signal.name}") AS "{signal.name}"'
    return f'SELECT {column} FROM "{signal.measurement}" WHERE {where} GROUP BY "device"'


def _when(measurement: str) -> str:
    return SHORT if measurement in _HOURLY else LATEST


def _shown(signal: Signal) -> Figure:
    order: tuple[Figure, ...] = ("mean", "last", "max", "min")
    return next(figure for figure in order if figure in signal.rollup)


def _per_unit(signal: Signal, where: str) -> InfluxQuery:
    column = f'LAST("{signal.name}") AS "{signal.name}"'
    query = f'SELECT {column} FROM "{signal.measurement}" WHERE {where} GROUP BY "unit"'
    return InfluxQuery(query, result_format="table")


def _hours(measurement: str, columns: str) -> InfluxQuery:
    where = f'FROM "{_HOURLY[measurement]}" WHERE {ONE_UNIT} AND {LONG}'
    return InfluxQuery(f'SELECT {columns} {where} GROUP BY "device"', "$tag_device $col")


def _per_device(measurement: str, columns: str, when: str) -> InfluxQuery:
    where = f'FROM "{measurement}" WHERE {ONE_UNIT} AND {when}'
    return InfluxQuery(f'SELECT {columns} {where} GROUP BY time($__interval), "device" fill(none)', "$tag_device $col")
