"""What differs between what a Grafana has and what we would give it, named for people."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

OWN = ("id", "version")
"""Keys of a dashboard that are its Grafana's, not ours."""

_DURATION = re.compile(r"(?:(\d+)w)?(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?")
_SECONDS = (604_800, 86_400, 3600, 60, 1)


def of_dashboard(theirs: Mapping[str, Any], ours: Mapping[str, Any]) -> list[str]:
    """One phrase per panel and per other part; none when they are equal."""
    return [
        *_named(_panels(theirs), _panels(ours), "panel"),
        *(f"changed {key}" for key in sorted(theirs.keys() | ours.keys()) if _differs(key, theirs, ours)),
    ]


def of_rules(theirs: Mapping[str, Any], ours: Mapping[str, Any]) -> list[str]:
    """The same for a group of alert rules. What Grafana adds to a rule on its own is no difference."""
    found = list(_named(_rules(theirs), _rules(ours), "rule"))
    return [*found, "changed interval"] if theirs.get("interval") != ours["interval"] else found


def _named(theirs: Mapping[str, Any], ours: Mapping[str, Any], kind: str) -> Iterator[str]:
    for name in sorted(ours.keys() - theirs.keys()):
        yield f"added {kind} {name!r}"
    for name in sorted(theirs.keys() - ours.keys()):
        yield f"removed {kind} {name!r}"
    for name in ours:
        if name in theirs and not _holds(theirs[name], ours[name], exactly=kind == "panel"):
            yield f"changed {kind} {name!r}"


def _panels(board: Mapping[str, Any]) -> dict[str, Any]:
    """By their titles; a second panel of a title has its number, too."""
    found: dict[str, Any] = {}
    for panel in board.get("panels", []):
        title = panel.get("title", "")
        found[f"{title} ({panel.get('id')})" if title in found else title] = panel
    return found


def _rules(group: Mapping[str, Any]) -> dict[str, Any]:
    return {rule["title"]: rule | {"for": _seconds(rule["for"])} for rule in group.get("rules", [])}


def _differs(key: str, theirs: Mapping[str, Any], ours: Mapping[str, Any]) -> bool:
    return key not in (*OWN, "panels") and theirs.get(key) != ours.get(key)


def _holds(theirs: Any, ours: Any, *, exactly: bool) -> bool:
    if exactly:
        return bool(theirs == ours)
    if isinstance(ours, dict):
        return isinstance(theirs, dict) and all(
            _holds(theirs.get(key), value, exactly=False) for key, value in ours.items()
        )
    if isinstance(ours, list):
        return (
            isinstance(theirs, list)
            and len(theirs) == len(ours)
            and all(_holds(*pair, exactly=False) for pair in zip(theirs, ours, strict=True))
        )
    return bool(theirs == ours)


def _seconds(duration: str) -> int | str:
    """`21600s` and `6h` are the same; Grafana answers with the second."""
    parts = _DURATION.fullmatch(duration)
    if parts is None:
        return duration
    return sum(int(part or 0) * unit for part, unit in zip(parts.groups(), _SECONDS, strict=True))
