from typing import Any

from dashboards.difference import of_dashboard, of_rules


def board(*panels: tuple[str, str], **more: Any) -> dict[str, Any]:
    return {"panels": [{"title": title, "type": kind} for title, kind in panels], **more}


def test_equal_but_for_what_grafana_counts() -> None:
    assert of_dashboard(board(("Cells", "stat"), id=7, version=3), board(("Cells", "stat"))) == []


def test_panels_are_named() -> None:
    theirs = board(("Cells", "stat"), ("Sun", "stat"))
    assert of_dashboard(theirs, board(("Cells", "table"), ("Load", "stat"))) == [
        "added panel 'Load'",
        "removed panel 'Sun'",
        "changed panel 'Cells'",
    ]


def test_what_is_no_panel_is_named_by_its_key() -> None:
    assert of_dashboard(board(title="A", refresh="1m"), board(title="B")) == ["changed refresh", "changed title"]


def rule(title: str, held: str, **more: Any) -> dict[str, Any]:
    return {"title": title, "for": held, "data": [{"refId": "A", **more}]}


def test_what_grafana_adds_to_a_rule_is_no_difference() -> None:
    theirs = {"interval": 60, "rules": [rule("Silent", "6h", queryType="") | {"id": 3, "provenance": "api"}]}
    assert of_rules(theirs, {"interval": 60, "rules": [rule("Silent", "21600s")]}) == []


def test_changed_rules_are_named() -> None:
    theirs = {"interval": 60, "rules": [rule("Silent", "1d"), rule("Old", "0s")]}
    ours = {"interval": 300, "rules": [rule("Silent", "21600s"), rule("New", "0s")]}
    assert of_rules(theirs, ours) == [
        "added rule 'New'",
        "removed rule 'Old'",
        "changed rule 'Silent'",
        "changed interval",
    ]


def test_fewer_steps_are_a_difference() -> None:
    theirs = {"interval": 60, "rules": [{"title": "A", "for": "0s", "data": [1, 2]}]}
    assert of_rules(theirs, {"interval": 60, "rules": [{"title": "A", "for": "0s", "data": [1]}]}) == [
        "changed rule 'A'"
    ]
