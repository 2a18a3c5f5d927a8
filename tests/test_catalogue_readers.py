"""No reader of the catalogue knows a signal that it lacks.

Each reader's own files are read here as text, not through the code that checks them at run time, so that a name shows
wherever it slipped in. That a reader's names are really found, the second test shows on a copy in which one is wrong.
"""

import ast
import json
import re
import shutil
import tomllib
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ingest.signals import catalogue, expand

ROOT = Path(__file__).parent.parent
TAGS = {"site", "unit", "device", "model"}
DEVICES = "bms|charge_controller|unit"

Known = tuple[str, str]
"""A measurement and a signal of it."""


def profiles(root: Path) -> Iterator[Known]:
    """What the profile compiler is given."""
    for file in root.glob("firmware/devices/*.toml"):
        profile = tomllib.loads(file.read_text("utf-8"))
        for layout in profile.get("layouts", [profile]):
            for one in layout["signals"]:
                yield from ((profile["measurement"], name) for name in expand(one["name"]))


def board(root: Path) -> Iterator[Known]:
    """What the firmware computes itself, and tells of itself and of the bus."""
    poll, decode = (root / "firmware" / "board" / name for name in ("poll.py", "decode.py"))
    yield from (("unit", name) for name in [*_assigned(poll, "signals", under="Health"), *_names(poll, r"bus_\w+")])
    yield from (("bms", name) for name in [*_assigned(poll, "_OF_ALL_CELLS"), *_names(decode, r"cell_voltage_\w+")])


def line_protocol(root: Path) -> Iterator[Known]:
    """What the gateway makes: its health, roll-ups, events, losses. What comes from a board, the encoder holds back."""
    service = ast.parse((root / "gateway" / "service.py").read_text("utf-8"))
    [health] = [node for node in ast.walk(service) if isinstance(node, ast.FunctionDef) and node.name == "_health"]
    for node in ast.walk(health):
        if isinstance(node, ast.Dict):
            yield from (("gateway", str(key.value)) for key in node.keys if isinstance(key, ast.Constant))
        if isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Constant):
            yield "gateway", str(node.slice.value)
    for base, integrals in _assigned(root / "gateway" / "summary.py", "_INTEGRALS").items():
        for factors, *fields in integrals:
            yield from ((base, factor) for factor in factors)
            yield from ((f"{base}_1h", field) for field in fields if field)
    for file, measurement in (("event.py", "event"), ("loss.py", "loss")):
        text = (root / "gateway" / file).read_text("utf-8")
        yield from ((measurement, name) for name in re.findall(r'signals\["(\w+)"\]', text))
        for literal in re.findall(r"signals[^=\n]*=\s*\{(.*?)\}", text, re.DOTALL):
            yield from ((measurement, name) for name in re.findall(r'"(\w+)":', literal))


def page(root: Path) -> Iterator[Known]:
    """What the technician's page has a word, a place or a chart for."""
    folder = root / "gateway" / "page"
    for sentences in json.loads((folder / "words.json").read_text("utf-8")).values():
        for key in sentences:
            if found := re.fullmatch(rf"({DEVICES})\.(\w+)", key):
                yield found[1], "temperature_1" if found[2] == "temperature" else found[2]
    for file in folder.glob("*.js"):
        text = file.read_text("utf-8")
        for measurement, names in re.findall(rf"\b({DEVICES}): \[([^\]]*)\]", text):
            yield from ((measurement, name) for name in re.findall(r'"(\w+)"', names))
        yield from re.findall(rf'[\[(]"({DEVICES})", "(\w+)"', text)
    for measurement, names in _assigned(folder / "charts.py", "CHARTED").items():
        yield from ((measurement, name) for name in names)


def dashboards(root: Path) -> Iterator[Known]:
    """What the generated dashboards ask for."""
    for file in root.glob("dashboards/generated/*.json"):
        yield from _asked(_texts(json.loads(file.read_text("utf-8"))))


def alert_rules(root: Path) -> Iterator[Known]:
    """What the gateway's alarms and Grafana's alerts look at."""
    rules = tomllib.loads((root / "gateway" / "alarm_rules.toml").read_text("utf-8"))
    for limit in rules["limit"]:
        yield from ((limit["measurement"], name) for name in expand(limit["signal"]))
    for measurement, names in rules["bits"].items():
        yield from ((measurement, name) for name in names)
    for file in root.glob("dashboards/provisioning/alerting/*.yaml"):
        # A long query goes over several lines, each further in than the key that it belongs to.
        yield from _asked(re.split(r"\n *(?=[\w-]+:|- )", file.read_text("utf-8")))


def docs(root: Path) -> Iterator[Known]:
    """What the page about the signals lists."""
    measurement = ""
    for line in (root / "docs" / "signals.md").read_text("utf-8").splitlines():
        if line.startswith("## "):
            measurement = line.removeprefix("## ")
        elif found := re.match(r"\| `(\w+)` \|", line):
            yield measurement, found[1]


READERS: tuple[Callable[[Path], Iterator[Known]], ...] = (
    profiles,
    board,
    line_protocol,
    page,
    dashboards,
    alert_rules,
    docs,
)


def lacking(reader: Callable[[Path], Iterator[Known]], root: Path) -> set[Known]:
    known = set(reader(root))
    assert len(known) >= 5, f"{reader.__name__} knows next to nothing: is it read where it stands?"
    return {(measurement, name) for measurement, name in known if name not in catalogue().get(measurement, {})}


@pytest.mark.parametrize("reader", READERS)
def test_the_catalogue_has_every_signal_that_is_known(reader: Callable[[Path], Iterator[Known]]) -> None:
    assert lacking(reader, ROOT) == set()


@pytest.mark.parametrize(
    ("reader", "file", "change", "found"),
    [
        (profiles, "firmware/devices/jk_pb.toml", ('"soc"', '"charge"'), ("bms", "charge")),
        (profiles, "firmware/devices/daly.toml", ("cell_{01..32}", "cell_{01..33}"), ("bms", "cell_33_voltage")),
        (board, "firmware/board/poll.py", ('"wifi_rssi"', '"rssi"'), ("unit", "rssi")),
        (board, "firmware/board/decode.py", ('"cell_voltage_min"', '"cell_voltage_low"'), ("bms", "cell_voltage_low")),
        (line_protocol, "gateway/service.py", ('"backlog_age":', '"backlog":'), ("gateway", "backlog")),
        (line_protocol, "gateway/service.py", ('fields["cpu_', 'fields["gpu_'), ("gateway", "gpu_temperature")),
        (line_protocol, "gateway/summary.py", ('"pv_energy"', '"sun"'), ("charge_controller_1h", "sun")),
        (line_protocol, "gateway/summary.py", ('("load_power",)', '("load",)'), ("charge_controller", "load")),
        (line_protocol, "gateway/event.py", ('"text": text', '"words": text'), ("event", "words")),
        (line_protocol, "gateway/loss.py", ('"duration":', '"length":'), ("loss", "length")),
        (page, "gateway/page/words.json", ('"bms.soc"', '"bms.charge"'), ("bms", "charge")),
        (page, "gateway/page/views.js", ('"wifi_rssi"', '"rssi"'), ("unit", "rssi")),
        (page, "gateway/page/views.js", ('["bms", "soc"]', '["bms", "charge"]'), ("bms", "charge")),
        (page, "gateway/page/page.js", ('"pv_power"', '"sun"'), ("charge_controller", "sun")),
        (page, "gateway/page/charts.py", ('"pv_power"', '"sun"'), ("charge_controller", "sun")),
        (dashboards, "dashboards/generated/unit.json", ('\\"soc\\"', '\\"charge\\"'), ("bms", "charge")),
        (dashboards, "dashboards/generated/unit.json", ('FROM \\"bms\\"', 'FROM \\"bns\\"'), ("bns", "soc")),
        (alert_rules, "gateway/alarm_rules.toml", ('signal = "soc"', 'signal = "charge"'), ("bms", "charge")),
        (alert_rules, "gateway/alarm_rules.toml", ('["faults"]', '["errors"]'), ("charge_controller", "errors")),
        (docs, "docs/signals.md", ("| `backlog_age` |", "| `backlog` |"), ("gateway", "backlog")),
    ],
)
def test_a_signal_that_it_lacks_is_found(
    tmp_path: Path, reader: Callable[[Path], Iterator[Known]], file: str, change: tuple[str, str], found: Known
) -> None:
    for folder in ("firmware/devices", "firmware/board", "gateway", "dashboards", "docs"):
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__", "*.png"))
    copy = tmp_path / file
    text = copy.read_text("utf-8")
    assert change[0] in text
    copy.write_text(text.replace(*change), "utf-8")
    assert found in lacking(reader, tmp_path)


def _asked(texts: Iterable[str]) -> Iterator[Known]:
    """The fields of each InfluxQL query among the texts."""
    for text in texts:
        query = " ".join(text.partition("SELECT")[2].split())
        own = set(re.findall(r'AS "(\w+)"', query))
        outer, _, inner = re.sub(r' AS "\w+"', "", query).rpartition("(SELECT")
        measurements = re.findall(r'FROM "(\w+)"', query)
        names = set(re.findall(r'"(\w+)"', inner)) | set(re.findall(r'"(\w+)"', outer)) - own
        for name in names - TAGS - set(measurements):
            found = [one for one in measurements if name in catalogue().get(one, {})]
            yield from ((measurement, name) for measurement in found or measurements[:1])


def _texts(document: Any) -> Iterator[str]:
    match document:
        case str():
            yield document
        case dict():
            yield from _texts(list(document.values()))
        case list():
            for one in document:
                yield from _texts(one)


def _names(file: Path, pattern: str) -> list[str]:
    return re.findall(rf'"({pattern})"', file.read_text("utf-8"))


def _assigned(file: Path, name: str, under: str = "") -> Any:
    """The literal that the file, or the class in it, assigns to that name."""
    tree: ast.Module | ast.ClassDef = ast.parse(file.read_text("utf-8"))
    if under:
        [tree] = [node for node in tree.body if isinstance(node, ast.ClassDef) and node.name == under]
    for node in tree.body:
        targets = (
            node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
        )
        if isinstance(node, ast.Assign | ast.AnnAssign) and any(
            isinstance(one, ast.Name) and one.id == name for one in targets
        ):
            return ast.literal_eval(node.value)  # type: ignore[arg-type]
    raise AssertionError(f"{file} assigns nothing to {name}")
