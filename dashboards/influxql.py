"""InfluxQL queries as Grafana keeps them in a panel.

They stay in what InfluxDB 1.x, 2.x and 3 all answer (docs/decisions/042). `$timeFilter`, `$__interval` and the
dashboard's variables `$site` and `$unit` are Grafana's to fill in.
"""

from dataclasses import dataclass
from itertools import groupby
from typing import Literal

from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.cog.variants import Dataquery
from grafana_foundation_sdk.models.dashboard import DataSourceRef

from ingest.signals import Signal

DATASOURCE = DataSourceRef(type_val="influxdb", uid="${datasource}")
ONE_UNIT = "\"site\" = '$site' AND \"unit\" = '$unit' AND $timeFilter"

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
    """One query per measurement: each device's signals, one value per interval that has a reading."""
    return [
        _per_device(measurement, ", ".join(f'{how}("{signal.name}") AS "{signal.name}"' for signal in group))
        for measurement, group in groupby(signals, key=lambda signal: signal.measurement)
    ]


def product_over_time(first: Signal, second: Signal, name: str) -> InfluxQuery:
    """The product of both signals' means over each interval, as `name`."""
    return _per_device(first.measurement, f'MEAN("{first.name}") * MEAN("{second.name}") AS "{name}"')


def newest(signal: Signal) -> InfluxQuery:
    """Each device's last value in the time range."""
    return InfluxQuery(_newest(signal), "$tag_device")


def newest_row(signal: Signal) -> InfluxQuery:
    """The same as a table, with the time of that reading."""
    return InfluxQuery(_newest(signal), result_format="table")


def newest_rows(signal: Signal, limit: int) -> InfluxQuery:
    """The last readings that carry the signal, as a table with their devices."""
    readings = f'SELECT "device", "{signal.name}" FROM "{signal.measurement}" WHERE {ONE_UNIT}'
    return InfluxQuery(f"{readings} ORDER BY time DESC LIMIT {limit}", result_format="table")


def tag_values(measurement: str, tag: str, condition: str = "") -> str:
    """The query of a dashboard's variable."""
    return f'SHOW TAG VALUES FROM "{measurement}" WITH KEY = "{tag}"' + (f" WHERE {condition}" if condition else "")


def _newest(signal: Signal) -> str:
    column = f'LAST("{signal.name}") AS "{signal.name}"'
    return f'SELECT {column} FROM "{signal.measurement}" WHERE {ONE_UNIT} GROUP BY "device"'


def _per_device(measurement: str, columns: str) -> InfluxQuery:
    return InfluxQuery(
        f'SELECT {columns} FROM "{measurement}" WHERE {ONE_UNIT} GROUP BY time($__interval), "device" fill(none)',
        "$tag_device $col",
    )
