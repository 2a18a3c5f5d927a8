from collections.abc import Iterator
from pathlib import Path

import pytest

from dashboards.generate import generate
from dashboards.push import main
from tests.grafana_stub import TOKEN, GrafanaStub

BOARDS = len(generate())


@pytest.fixture
def grafana() -> Iterator[GrafanaStub]:
    with GrafanaStub() as stub:
        yield stub


@pytest.fixture(autouse=True)
def no_arguments(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.argv", ["push"])


def push(grafana: GrafanaStub, token: str = TOKEN) -> int:
    return main({"GRAFANA_URL": grafana.url, "GRAFANA_TOKEN": token})


def test_all_goes_into_an_empty_grafana(grafana: GrafanaStub, capsys: pytest.CaptureFixture[str]) -> None:
    assert push(grafana) == 0
    assert capsys.readouterr().out.count(": new\n") == 1 + BOARDS + 1
    assert grafana.folder_of == dict.fromkeys(grafana.dashboards, "powerunit")
    assert len(grafana.dashboards) == BOARDS
    [group] = grafana.groups.values()
    assert len(group["rules"]) == 7
    assert {rule["folderUID"] for rule in group["rules"]} == {"powerunit"}


def test_what_is_there_already_is_not_sent_again(grafana: GrafanaStub, capsys: pytest.CaptureFixture[str]) -> None:
    push(grafana)
    grafana.changes.clear()
    capsys.readouterr()
    assert push(grafana) == 0
    assert grafana.changes == []
    assert capsys.readouterr().out.count(": unchanged\n") == BOARDS + 1


def test_a_changed_panel_and_rule_are_named_and_alone_are_sent(
    grafana: GrafanaStub, capsys: pytest.CaptureFixture[str]
) -> None:
    push(grafana)
    grafana.changes.clear()
    panels = [panel for panel in grafana.dashboards["powerunit-unit"]["panels"] if panel["type"] != "row"]
    panels[0]["description"] = "changed by hand"
    rule = grafana.groups["powerunit"]["rules"][0]
    rule["for"] = "1h"
    capsys.readouterr()
    assert push(grafana) == 0
    out = capsys.readouterr().out
    assert f"unit.json: changed panel {panels[0]['title']!r}\n" in out
    assert f"alert rules 'powerunit': changed rule {rule['title']!r}\n" in out
    assert grafana.changes == ["dashboard powerunit-unit", "rules powerunit"]
    assert grafana.dashboards["powerunit-unit"]["version"] == 2


def test_a_dry_run_shows_all_and_changes_nothing(
    grafana: GrafanaStub, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.argv", ["push", "--dry-run"])
    assert push(grafana) == 0
    assert grafana.changes == []
    assert "unit.json: would be new\n" in capsys.readouterr().out


def test_a_wrong_token(grafana: GrafanaStub, capsys: pytest.CaptureFixture[str]) -> None:
    assert push(grafana, "glsa_old") == 2
    [error] = capsys.readouterr().err.splitlines()
    assert "the token is refused (401)" in error
    assert "glsa_old" not in error


def test_a_token_without_the_right(grafana: GrafanaStub, capsys: pytest.CaptureFixture[str]) -> None:
    grafana.may_write = False
    assert push(grafana) == 2
    [error] = capsys.readouterr().err.splitlines()
    assert error.startswith("folder 'Power units': the token has no right to it (403)")


def test_somebody_elses_change_is_not_overwritten(
    grafana: GrafanaStub, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    push(grafana)
    board = grafana.dashboards["powerunit-unit"]
    board["title"] = "by hand"
    save = grafana.answer

    def changed_in_between(method: str, path: str, body: object, *, is_known: bool) -> tuple[int, object]:
        if method == "POST":
            board["version"] += 1
        return save(method, path, body, is_known=is_known)

    monkeypatch.setattr(grafana, "answer", changed_in_between)
    assert push(grafana) == 2
    assert "changed by somebody else meanwhile" in capsys.readouterr().err
    assert grafana.dashboards["powerunit-unit"]["title"] == "by hand"


def test_nobody_there(capsys: pytest.CaptureFixture[str]) -> None:
    with GrafanaStub() as gone:
        url = gone.url
    assert main({"GRAFANA_URL": url, "GRAFANA_TOKEN": TOKEN}) == 2
    [error] = capsys.readouterr().err.splitlines()
    assert "out of reach" in error


def test_something_that_is_no_grafana(grafana: GrafanaStub, capsys: pytest.CaptureFixture[str]) -> None:
    grafana.folders["powerunit"] = {"uid": "powerunit"}
    grafana.html = True
    assert push(grafana) == 2
    assert "the answer is not Grafana's" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("environment", "error"),
    [
        ({}, "GRAFANA_URL"),
        ({"GRAFANA_URL": "grafana.example.org"}, "GRAFANA_URL"),
        ({"GRAFANA_URL": "http://grafana.example.org", "GRAFANA_TOKEN": "secret"}, "GRAFANA_URL"),
        ({"GRAFANA_URL": "https://me:secret@grafana.example.org"}, "GRAFANA_URL"),
        ({"GRAFANA_URL": "https://grafana.example.org:99999"}, "GRAFANA_URL"),
        ({"GRAFANA_URL": "https://grafana.example.org"}, "GRAFANA_TOKEN"),
        ({"GRAFANA_URL": "https://grafana.example.org", "GRAFANA_TOKEN": "a\nb"}, "GRAFANA_TOKEN"),
        ({"GRAFANA_URL": "https://grafana.example.org", "GRAFANA_TOKEN_FILE": "/no/such"}, "GRAFANA_TOKEN_FILE"),
    ],
)
def test_a_missing_or_wrong_setting_is_one_line(
    environment: dict[str, str], error: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(environment) == 2
    [line] = capsys.readouterr().err.splitlines()
    assert line.startswith(f"{error}:")
    assert "secret" not in line


def test_the_token_may_stand_in_a_file(grafana: GrafanaStub, tmp_path: Path) -> None:
    (tmp_path / "token").write_text(f"{TOKEN}\n")
    assert main({"GRAFANA_URL": f"{grafana.url}/", "GRAFANA_TOKEN_FILE": str(tmp_path / "token")}) == 0
