"""The self-test of a board that was just written: what can be told without its bus and its Wi-Fi."""

import json

from firmware.host.repl import FailedError, Repl
from ingest.settings_file import SettingsError

_PROGRAM = """
import gc, json, os
gc.threshold(4096)
import unit
import configuration
from spool import Spool
from settings import load
settings = load("unit.json")
with open("selftest", "wb") as file:
    file.write(bytes(range(256)) * 16)
with open("selftest", "rb") as file:
    if file.read() != bytes(range(256)) * 16:
        raise OSError("flash gave back something else than was written")
os.remove("selftest")
waiting = Spool("readings", "", unit.SPOOL_BYTES).readings()
models = [device["model"] for device in settings["devices"]]
print(json.dumps({"unit": settings["unit"], "models": models, "waiting": waiting}))
"""


def check(board: Repl, files: dict[str, str]) -> tuple[str, int]:
    """The unit's name, and about how many readings wait in the board's flash.

    Holds every file on the board against its SHA-256; on the board imports all rooms of the firmware, loads the
    settings, and writes to the file system. Raises SettingsError.
    """
    for path, digest in files.items():
        found = board.sha256(path)
        if found != digest:
            told = "is missing" if found is None else "is not what was sent"
            raise SettingsError(
                f"self-test: {path} {told} on the board; run make flash again, and change the board if it stays so"
            )
    try:
        answer = json.loads(board.run(_PROGRAM).splitlines()[-1])
    except FailedError as error:
        raise SettingsError(f"self-test: {error}; run make flash again, with UNIT=… if it is about unit.json") from None
    for model in answer["models"]:
        if f"profiles/{model}.json" not in files:
            raise SettingsError(
                f"self-test: unit.json has a {model}, which the kit does not know; give the settings with UNIT=…"
            )
    return answer["unit"], answer["waiting"]
