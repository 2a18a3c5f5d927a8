"""What Grafana is told of alerts; which of them fires is shown in hil_tests/test_alerts.py."""

import json
import re
import tomllib
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from dashboards.alert_model import DATASOURCE_UID, EXPRESSION_UID, api_shape
from dashboards.alerts import INTERVAL, LIMITS_FILE, alerts
from dashboards.provisioned import ALERTING, provisioned
from ingest.signals import catalogue

SCHEMA: dict[str, Any] = json.loads((Path(__file__).parent / "grafana_alerting.schema.json").read_text("utf-8"))
RULES = {rule.name: rule for rule in alerts().rules}
PROVISIONING = ALERTING.parent


def loaded(path: Path) -> Any:
    return yaml.safe_load(path.read_text("utf-8"))


def check(content: object, shape: str) -> None:
    jsonschema.validate(content, {"$ref": f"#/$defs/{shape}", "$defs": SCHEMA["$defs"]})


def test_what_is_committed_is_what_is_generated() -> None:
    committed = {path.name: path.read_text("utf-8") for path in ALERTING.iterdir()}
    assert committed == provisioned(), "run python -m dashboards"


def test_both_shapes_are_grafanas() -> None:
    check(loaded(ALERTING / "rules.yaml"), "rules_file")
    check(api_shape(alerts()), "rule_group")


def test_the_schema_notices_a_misspelt_key_and_a_wrong_state() -> None:
    for key, value in (("noData", "OK"), ("noDataState", "Ok"), ("for", "an hour")):
        content = loaded(ALERTING / "rules.yaml")
        content["groups"][0]["rules"][0][key] = value
        with pytest.raises(jsonschema.ValidationError):
            check(content, "rules_file")


def test_the_rules_that_were_asked_for_are_there() -> None:
    assert RULES.keys() == {
        "gateway_silent",
        "backlog_old",
        "battery_low",
        "cell_spread",
        "protection_active",
        "no_sun_harvest",
        "data_incomplete",
    }


@pytest.mark.parametrize("name", RULES)
def test_every_name_in_a_query_is_in_the_catalogue(name: str) -> None:
    for query in RULES[name].queries:
        [measurement] = re.findall(r'FROM "(\w+)"', query.text)
        names = set(re.findall(r'"(\w+)"', query.text)) - {measurement, "site", "unit", "device"}
        assert names <= catalogue()[measurement].keys()
        assert len(names) == 1


@pytest.mark.parametrize("name", RULES)
def test_an_alert_ends_on_the_other_side_of_where_it_begins(name: str) -> None:
    threshold = RULES[name].threshold
    if name == "gateway_silent":  # silence is what it asks for, so nothing stands for "not known"
        assert threshold.at == threshold.ends_at
    elif threshold.begins == "gt":
        assert threshold.ends_at < threshold.unknown < threshold.at
    else:
        assert threshold.at < threshold.unknown < threshold.ends_at


def test_battery_and_cells_have_the_limits_of_the_gateways_alarms() -> None:
    limits = {limit["name"]: limit for limit in tomllib.loads(LIMITS_FILE.read_text("utf-8"))["limit"]}
    battery, cells = RULES["battery_low"].threshold, RULES["cell_spread"].threshold
    assert (battery.at, battery.ends_at) == (limits["soc_low"]["below"], limits["soc_low"]["clear"])
    assert (cells.at, cells.ends_at) == (limits["cell_spread"]["above"], limits["cell_spread"]["clear"])
    assert battery.ends_at == catalogue()["bms"]["soc"].healthy_min, "an alert ends where all is well again"
    assert cells.ends_at == catalogue()["bms"]["cell_voltage_spread"].healthy_max


def test_each_step_is_the_data_sources_or_an_expression_over_an_earlier_one() -> None:
    for rule in api_shape(alerts())["rules"]:
        known: set[str] = set()
        for step in rule["data"]:
            assert step["datasourceUid"] in {DATASOURCE_UID, EXPRESSION_UID}
            if step["datasourceUid"] == EXPRESSION_UID:
                expression = step["model"]["expression"]
                assert set(re.findall(r"\$(\w+)", expression)) or expression in known
                assert set(re.findall(r"\$(\w+)", expression)) <= known
            known.add(step["refId"])
        assert rule["condition"] == rule["data"][-1]["refId"]


def test_each_is_held_for_whole_evaluations() -> None:
    assert all(rule.held % INTERVAL == 0 for rule in RULES.values())
    assert INTERVAL % 10 == 0, "Grafana's scheduler ticks every 10 s"


def test_both_data_sources_are_the_one_that_the_rules_ask() -> None:
    for folder in ("datasources", "datasources-influxdb2"):
        [source] = loaded(PROVISIONING / folder / "influxdb.yaml")["datasources"]
        assert (source["uid"], source["type"], source["isDefault"]) == (DATASOURCE_UID, "influxdb", True)
        assert source["jsonData"]["dbName"] == "$INFLUXDB_DATABASE"


def test_dashboards_and_rules_share_a_folder() -> None:
    [provider] = loaded(PROVISIONING / "dashboards" / "powerunit.yaml")["providers"]
    assert (provider["folder"], provider["folderUid"]) == (alerts().folder, alerts().folder_uid)


def test_who_is_told_is_defined() -> None:
    [contact] = loaded(ALERTING / "contact_points.yaml")["contactPoints"]
    assert {receiver["type"] for receiver in contact["receivers"]} == {"email", "webhook"}
    [policy] = loaded(ALERTING / "policies.yaml")["policies"]
    [timing] = loaded(ALERTING / "mute_timings.yaml")["muteTimes"]
    assert {policy["receiver"], *(route["receiver"] for route in policy["routes"])} == {contact["name"]}
    assert [route["mute_time_intervals"] for route in policy["routes"]] == [[timing["name"]]]
    assert policy["routes"][0]["object_matchers"] == [["rule", "=", "no_sun_harvest"]]


def test_the_page_names_every_variable_that_the_provisioning_asks_for() -> None:
    page = (PROVISIONING.parent.parent / "docs" / "remote-server.md").read_text("utf-8")
    for file in (*PROVISIONING.glob("datasources*/*.yaml"), ALERTING / "contact_points.yaml"):
        for name in re.findall(r"\$([A-Z][A-Z_]+)", file.read_text("utf-8")):
            assert f"`{name}`" in page
