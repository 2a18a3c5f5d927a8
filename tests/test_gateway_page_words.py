import json
import re
from importlib import resources

from ingest.signals import catalogue, signal

WORDS: dict[str, dict[str, str]] = json.loads(resources.files("gateway.page").joinpath("words.json").read_text("utf-8"))
SOURCES = {
    name: resources.files("gateway.page").joinpath(name).read_text("utf-8")
    for name in ("index.html", "page.js", "live.js", "words.js", "build.js", "views.js", "chart.js")
}
SHOWN = ("bms", "charge_controller", "unit")


def test_both_languages_say_all_that_the_other_says_with_the_same_gaps_to_fill() -> None:
    assert set(WORDS) == {"en", "vi"}
    assert WORDS["en"].keys() == WORDS["vi"].keys()
    for key, sentence in WORDS["en"].items():
        assert sentence.strip(), key
        assert WORDS["vi"][key].strip(), key
        assert sorted(re.findall(r"\{\w+\}", sentence)) == sorted(re.findall(r"\{\w+\}", WORDS["vi"][key])), key


def test_the_same_word_in_both_languages_is_one_that_both_use() -> None:
    same = {key for key, sentence in WORDS["en"].items() if sentence == WORDS["vi"][key]}
    assert same == {"cell"}


def test_every_signal_of_a_device_has_a_name_and_every_string_it_may_say_a_word() -> None:
    for measurement in SHOWN:
        for name, one in catalogue()[measurement].items():
            if name.startswith("bus_") or name == "time_quality" or re.fullmatch(r"cell_\d+_voltage", name):
                continue
            assert f"{measurement}.{re.sub(r'^temperature_[0-9]$', 'temperature', name)}" in WORDS["en"], name
            for value in one.values:
                assert f"{name}.{value}" in WORDS["en"], name
    assert {f"reason.{value}" for value in signal("loss", "reason").values} <= WORDS["en"].keys()


def test_every_word_that_the_page_asks_for_is_there() -> None:
    for name, text in SOURCES.items():
        asked = set(re.findall(r"""say\("([a-z_.0-9]+)"[,)]""", text))
        assert asked <= WORDS["en"].keys(), name
    assert len(re.findall(r"""say\(""", SOURCES["views.js"])) > 50


def test_the_pages_frame_has_no_text_of_its_own() -> None:
    assert re.sub(r"<[^>]*>", "", SOURCES["index.html"]).strip() == ""
    assert not re.search(r"\b(alt|title|placeholder|aria-label)=", SOURCES["index.html"])
