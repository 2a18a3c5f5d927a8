import json

from firmware.host.bit_names import FILE, text
from firmware.host.profile import known_models


def test_the_gateway_has_the_names_that_the_profiles_have() -> None:
    assert FILE.read_text("utf-8") == text(), "run python -m firmware.host.bit_names"


def test_every_model_is_there_and_its_bits_by_number() -> None:
    names = json.loads(text())
    assert names.keys() == set(known_models())
    assert names["jk_pb"]["protections"]["4"] == "cell over-voltage"
    assert names["epever_tracer"].keys() == {"faults"}
    assert "controls" not in names["jk_pb"]
