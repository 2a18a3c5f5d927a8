import threading
from pathlib import Path

import pytest

from gateway.export import Exported
from gateway.page.stick import Stick, refuse_the_card
from hil_tests.services import wait_until
from ingest.settings_file import SettingsError


def ended(stick: Stick) -> dict[str, object]:
    wait_until(lambda: not stick.state()["running"], 10, "the export's end")
    return stick.state()


def test_one_export_runs_at_a_time_and_tells_what_it_did() -> None:
    going_on = threading.Event()

    def write() -> Exported:
        assert going_on.wait(10)
        return Exported(packages=1, readings=1440, there_before=7, without_time=2)

    stick = Stick(write)
    assert stick.state() == dict.fromkeys(("error", "readings", "there_before", "without_time")) | {"running": False}
    assert stick.begin()
    assert stick.state()["running"] is True
    assert not stick.begin()
    going_on.set()
    expected = {"running": False, "error": None, "readings": 1440, "there_before": 7, "without_time": 2}
    assert ended(stick) == expected


@pytest.mark.parametrize(
    ("error", "told"),
    [(OSError(28, "No space left on device"), "No space left on device"), (SettingsError("no stick"), "no stick")],
)
def test_what_stopped_it_is_told_and_it_can_begin_again(error: Exception, told: str) -> None:
    results: list[Exported | Exception] = [Exported(readings=3), error]

    def write() -> Exported:
        result = results.pop()
        if isinstance(result, Exception):
            raise result
        return result

    stick = Stick(write)
    stick.begin()
    assert ended(stick)["error"] == told
    stick.begin()
    assert (ended(stick)["error"], ended(stick)["readings"]) == (None, 3)


def test_without_a_stick_nothing_is_written_onto_the_card(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"export/raft: no stick is mounted there"):
        refuse_the_card(tmp_path / "export" / "raft", tmp_path)


def test_a_folder_on_another_file_system_is_taken() -> None:
    refuse_the_card(Path("/proc"), Path("/"))
