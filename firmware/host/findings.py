"""What a board's report means: findings with a level, a value and a way out. docs/technician.md explains each.

Promises: what the board did not tell is `not_known`, never well.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

ERROR, WARNING, NOTE = "error", "warning", "note"
ACK_LATE = 120_000
"""ms without an acknowledgement; the LED's limit too."""

_YOUNG = 600_000  # ms since boot within which a start counts as one that was seen
_SETTLED = 120_000  # ms since boot after which everything should have come about
_WEAK, _TOO_WEAK = -75, -85  # dBm
_ERRORS_SHARE = 0.05
_CLOCK_ROUGH = 1000  # ms
_HEAP_LOW, _HEAP_OUT = 12_000, 6_000  # bytes; a poll and a message in the making need the lower figure
_SPOOL_FILLS, _SPOOL_FULL = 0.5, 0.9

WAYS_OUT = {
    "well": "",
    "not_known": "deploy the kit's firmware with make flash",
    "started_lately": "if nobody switched it off, check the supply: fuse, plug, and the converter under load",
    "watchdog_start": "read the last error; if it comes again, send it to the developers",
    "last_error": "if it comes again, send it to the developers",
    "device_offline": "check A/B wiring, the address, and that the device has power; make scan finds it",
    "device_suspect": "wait a minute and ask again; if it stays, check A/B wiring and termination",
    "device_errors": "check termination, cable length and the ground between the devices",
    "device_unasked": "wait for the next poll and ask again",
    "wifi_lost": "check that the access point has power, then ssid and password in the unit's settings",
    "wifi_weak": "move board or antenna to where it sees the access point",
    "broker_away": "check the gateway's power, then broker.host and the unit's password in its settings",
    "broker_unreached": "mend the Wi-Fi first",
    "unacknowledged": "mend Wi-Fi and broker first, if named above, then look at the gateway's page; readings are kept",
    "clock_unset": "the gateway dates the readings; it brings the time once it knows it",
    "clock_rough": "wait for the next acknowledgement; if it stays, the Wi-Fi is slow",
    "spool_waits": "nothing to do while the gateway is away; they are sent when it is back",
    "spool_fills": "bring the gateway back before it is full; the oldest readings are given up then",
    "spool_lost": "bring the gateway back; what was lost is marked as lost in the database",
    "heap_low": "restart the board, and tell the developers if it comes again",
}
"""Every code that a finding can have, and what to do then."""


@dataclass(frozen=True, slots=True)
class Finding:
    """`thing` has `value`."""

    level: str
    code: str
    thing: str
    value: str

    @property
    def line(self) -> str:
        """For the console."""
        way_out = WAYS_OUT[self.code]
        return f"{self.level:<8} {self.code:<15} {self.thing}: {self.value}{'; ' if way_out else ''}{way_out}"


Report = dict[str, Any]


def judge(report: Report) -> list[Finding]:
    """At least one finding for each of supply, bus, Wi-Fi, broker, acknowledgements, clock, spool and heap."""
    rooms: tuple[tuple[str, Callable[[Report], Iterator[Finding]]], ...] = (
        ("supply", _supply),
        ("bus", _bus),
        ("wifi", _wifi),
        ("broker", _broker),
        ("acknowledgements", _acknowledgements),
        ("clock", _clock),
        ("spool", _spool),
        ("heap", _heap),
    )
    found = []
    for thing, room in rooms:
        try:
            told = list(room(report))
        except (KeyError, TypeError, AttributeError):  # an older firmware, or one that could not tell
            told = []
        found += told or [Finding(WARNING, "not_known", thing, "the board does not tell")]
    return found


def _supply(report: Report) -> Iterator[Finding]:
    state, up = report["state"], report["clock"]["up"]
    value = f"start {state['starts']}, by {state['reset_cause']}, {_span(up)} ago"
    if state["reset_cause"] == "watchdog":
        yield Finding(WARNING, "watchdog_start", "supply", value)
    elif up < _YOUNG and state["starts"] > 1:
        yield Finding(WARNING, "started_lately", "supply", value)
    else:
        yield Finding(NOTE, "well", "supply", value)
    if state["last_error"]:
        yield Finding(NOTE, "last_error", "supply", state["last_error"])


def _bus(report: Report) -> Iterator[Finding]:
    for device in report["bus"]:
        thing = f"bus: {device['name']}"
        if "model" in device:
            thing += f" ({device['model']}, address {device['address']})"
        requests, errors = device.get("requests"), sum(device.get("errors", {}).values())
        kinds = ", ".join(f"{count} {kind}" for kind, count in device.get("errors", {}).items() if count)
        counted = "" if requests is None else f", {requests} requests, {kinds or 'no errors'}"
        reason = f": {device['error']}" if device.get("error") else ""
        if device["state"] == "offline":
            yield Finding(ERROR, "device_offline", thing, f"offline{reason}{counted}")
        elif device["state"] == "suspect":
            yield Finding(WARNING, "device_suspect", thing, f"suspect{reason}{counted}")
        elif requests == 0:
            yield Finding(WARNING, "device_unasked", thing, "not asked yet")
        elif requests and errors / requests > _ERRORS_SHARE:
            yield Finding(WARNING, "device_errors", thing, f"online{counted}")
        else:
            latency = device.get("latency_ms")
            yield Finding(NOTE, "well", thing, f"online{counted}{'' if latency is None else f', {latency} ms'}")


def _wifi(report: Report) -> Iterator[Finding]:
    link = report["link"]
    if not link["wifi"]:
        yield Finding(ERROR, "wifi_lost", "wifi", f"not joined{_because(link)}")
    elif link["rssi"] is None:
        yield Finding(WARNING, "not_known", "wifi", "joined, and the radio does not tell how strongly")
    elif link["rssi"] < _WEAK:
        yield Finding(ERROR if link["rssi"] < _TOO_WEAK else WARNING, "wifi_weak", "wifi", f"{link['rssi']} dBm")
    else:
        yield Finding(NOTE, "well", "wifi", f"joined, {link['rssi']} dBm")


def _broker(report: Report) -> Iterator[Finding]:
    link = report["link"]
    if not link["wifi"]:
        yield Finding(WARNING, "broker_unreached", "broker", "no Wi-Fi leads to it")
    elif link["broker"]:
        yield Finding(NOTE, "well", "broker", "connected")
    else:
        yield Finding(ERROR, "broker_away", "broker", f"not connected, {link['failures']} tries{_because(link)}")


def _acknowledgements(report: Report) -> Iterator[Finding]:
    ago, up = report["link"]["acknowledged_ago"], report["clock"]["up"]
    if ago is None:
        level = WARNING if up < _SETTLED else ERROR
        yield Finding(level, "unacknowledged", "acknowledgements", f"none in {_span(up)}")
    elif ago > ACK_LATE:
        yield Finding(ERROR, "unacknowledged", "acknowledgements", f"the last one {_span(ago)} ago")
    else:
        yield Finding(NOTE, "well", "acknowledgements", f"the last one {_span(ago)} ago")


def _clock(report: Report) -> Iterator[Finding]:
    clock = report["clock"]
    if clock["utc"] is None:
        yield Finding(WARNING, "clock_unset", "clock", "not set")
    elif clock["error"] > _CLOCK_ROUGH:
        yield Finding(WARNING, "clock_rough", "clock", f"right to {clock['error']} ms")
    else:
        yield Finding(NOTE, "well", "clock", f"right to {clock['error']} ms")


def _spool(report: Report) -> Iterator[Finding]:
    spool = report["spool"]
    share = spool["flash_bytes"] / spool["flash_limit"]
    value = f"{spool['readings']} readings wait, {spool['in_flash']} of them in flash, {share:.0%} full"
    if share > _SPOOL_FILLS:
        yield Finding(ERROR if share > _SPOOL_FULL else WARNING, "spool_fills", "spool", value)
    elif spool["in_flash"]:
        yield Finding(NOTE, "spool_waits", "spool", value)
    else:
        yield Finding(NOTE, "well", "spool", value)
    if spool["lost"]:
        yield Finding(ERROR, "spool_lost", "spool", f"{spool['lost']} readings given up since it started")


def _heap(report: Report) -> Iterator[Finding]:
    free = report["heap_free"]
    value = f"{free} bytes free"
    if free < _HEAP_LOW:
        yield Finding(ERROR if free < _HEAP_OUT else WARNING, "heap_low", "heap", value)
    else:
        yield Finding(NOTE, "well", "heap", value)


def _because(link: Report) -> str:
    return f": {link['error']}" if link["error"] else ""


def _span(milliseconds: int) -> str:
    seconds = milliseconds // 1000
    for unit, length in (("days", 86400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * length:
            return f"{seconds // length} {unit}"
    return f"{seconds} s"
