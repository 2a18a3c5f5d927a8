"""Every model on the emulated bus, polled once by the firmware's own master and decoder on the real MicroPython: what
comes out has to be the truth of the stand-in, which knows nothing of the firmware's profiles.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from firmware.host.profile import known_models, load
from hil_tests.bus import Bus

ROOT = Path(__file__).parent.parent
MICROPYTHON = Path(sys.executable).parent / "micropython"
SHIM = Path(__file__).parent / "board_shim"
MODELS = [
    # stand-in, model, address, requests of one poll
    ("jk_pb", "jk_pb", 2, 3),
    ("seplos_v3", "seplos_v3", 0, 3),
    ("pace", "pace", 3, 2),
    ("pace_extended", "pace", 4, 2),
    ("daly", "daly", 0xD2, 2),
    ("daly_p81", "daly", 0x81, 2),
    ("epever_tracer", "epever_tracer", 1, 6),
    ("renogy_rover", "renogy_rover", 5, 1),
    ("morningstar_tristar", "morningstar_tristar", 6, 1),
]
NIGHT_AND_NOON = ("02:00", "12:00")


def poll(folder: Path, bus: Bus, model: str, address: int) -> dict[str, float | bool | str]:
    for name, compiled in load(model).files().items():
        (folder / f"{name}.json").write_text(json.dumps(compiled), "utf-8")
    result = subprocess.run(
        [MICROPYTHON, SHIM / "poll_once.py", folder, model, str(address)],
        env={**os.environ, "MICROPYPATH": f".frozen:{SHIM}:{ROOT / 'firmware' / 'board'}", "BOARD_UART": str(bus.port)},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert result.returncode == 0, result.stdout + result.stderr
    signals: dict[str, float | bool | str] = json.loads(result.stdout)
    return signals


@pytest.mark.parametrize("poll_of", MODELS, ids=lambda poll_of: poll_of[0])
@pytest.mark.parametrize("hour", NIGHT_AND_NOON)
def test_the_board_reads_what_is_true(tmp_path: Path, poll_of: tuple[str, str, int, int], hour: str) -> None:
    stand_in, model, address, requests = poll_of
    # The sun all but stands still, so that the truth is that of the poll.
    with Bus(tmp_path, devices=stand_in, start_sun=hour, speed=1e-9, baudrate=load(model).baudrate) as bus:
        signals = poll(tmp_path, bus, model, address)
        truth = bus.do("truth", model=stand_in)
        assert bus.do("counters")[stand_in] == {"requests": requests}
    assert sorted(signals) == sorted(truth)
    for name, (value, tolerance) in truth.items():
        assert signals[name] == (pytest.approx(value, abs=tolerance) if tolerance else value), name


def test_no_model_is_left_out() -> None:
    assert {model for _, model, _, _ in MODELS} == set(known_models())
