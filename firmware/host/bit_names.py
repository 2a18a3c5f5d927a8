"""`python -m firmware.host.bit_names` writes gateway/device_bits.json: the names of protections, warnings, faults.

The gateway runs without the firmware's files, and the events that it makes carry names. A name stands in the device's
profile alone; a test holds the file against the profiles.
"""

import json
from pathlib import Path

from firmware.host.profile import known_models, load
from ingest.signals import catalogue

FILE = Path(__file__).parent.parent.parent / "gateway" / "device_bits.json"


def text() -> str:
    """The file: model → signal → bit → name, for the signals of the catalogue."""
    models = {}
    for model in known_models():
        profile = load(model)
        signals = {
            signal: names for signal, names in profile.bits.items() if signal in catalogue()[profile.measurement]
        }
        models[model] = {
            signal: {str(bit): name for bit, name in sorted(names.items())} for signal, names in signals.items()
        }
    return json.dumps(models, indent=1, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    FILE.write_text(text(), "utf-8")
    print("gateway/device_bits.json")
