"""What a profile costs of the board's heap, measured on the real MicroPython with its 64-bit objects: an ESP32's take
about half.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

from firmware.host.bundle import BOARD
from firmware.host.profile import known_models, load

SCRIPT = Path(__file__).parent / "board_suite" / "micropython" / "profile_heap.py"
MOST = 2500


def test_no_profile_takes_much_of_the_heap(tmp_path: Path) -> None:
    for model in known_models():
        for name, compiled in load(model).files().items():
            (tmp_path / f"{name}.json").write_text(json.dumps(compiled), "utf-8")
    result = subprocess.run(
        [Path(sys.executable).parent / "micropython", "-X", "heapsize=128k", SCRIPT, tmp_path, *known_models()],
        env={**os.environ, "MICROPYPATH": f".frozen:{BOARD}"},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    costs = json.loads(result.stdout)
    assert sorted(costs) == known_models()
    assert {model: cost for model, cost in costs.items() if not 0 < cost <= MOST} == {}
