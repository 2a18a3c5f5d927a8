"""Which database, and as whom: what its settings say."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Influxdb1Settings:
    """`user` and `password` are both None where the server asks for none."""

    url: str
    database: str
    user: str | None = None
    password: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Influxdb2Settings:
    """`org` is looked at by InfluxDB 2.x only."""

    url: str
    org: str
    bucket: str
    token: str = field(repr=False)


DatabaseSettings = Influxdb1Settings | Influxdb2Settings
