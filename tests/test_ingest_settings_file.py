from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from ingest.settings_file import SettingsError, Table

TEXT = "give a text that is not empty, in one line"


def refusal(call: Callable[[], object]) -> str:
    with pytest.raises(SettingsError) as caught:
        call()
    assert "\n" not in str(caught.value)
    return str(caught.value)


def table(**entries: Any) -> Table:
    return Table("a.toml", entries)


def test_what_is_right_arrives(tmp_path: Path) -> None:
    path = tmp_path / "a.toml"
    path.write_text(
        'name = "Hạ Long"\ncount = 3\nwait = 0.5\nwhole_wait = 2\nparity = "N"\nspare = true\nbits = [1, 15]\n'
        '[site]\nname = "Lan Ha"\n[[devices]]\nname = "bms1"\n[[devices]]\nname = "bms2"\n[words]\n1 = "on"\n',
        "utf-8",
    )
    file = Table.of_file(path, "b.toml")
    assert file.text("name") == "Hạ Long"
    assert file.integer("count", 3, 3) == 3
    assert (file.seconds("wait", 0.5, 1), file.seconds("whole_wait", 1, 2)) == (0.5, 2)
    assert file.choice("parity", ("N", "E")) == "N"
    assert file.flag("spare") is True
    assert file.integers("bits") == [1, 15]
    assert file.table("site").text("name") == "Lan Ha"
    assert [device.text("name") for device in file.tables("devices")] == ["bms1", "bms2"]
    words = file.table("words")
    assert {key: words.text(key) for key in words} == {"1": "on"}
    file.refuse_unknown()


def test_what_may_be_left_out() -> None:
    empty = table()
    assert empty.text("name", default=None) is None
    assert empty.integer("count", 1, 9, 0) == 0
    assert empty.seconds("wait", 1, 9, 0.5) == 0.5
    assert empty.choice("parity", ("N", "E"), None) is None
    assert empty.flag("spare") is False
    assert empty.integers("bits", None) is None
    assert list(empty.table("words", {})) == []
    assert not empty.has("name")


@pytest.mark.parametrize(
    ("read", "told"),
    [
        (lambda table: table.text("key"), TEXT),
        (lambda table: table.integer("key", 1, 9), "give a whole number from 1 to 9"),
        (lambda table: table.seconds("key", 0.1, 10), "give seconds from 0.1 to 10"),
        (lambda table: table.choice("key", (1, 2)), "give one of 1, 2"),
        (lambda table: table.integers("key"), "give a list of whole numbers, such as [1, 15]"),
        (lambda table: table.secret("key"), TEXT),
        (lambda table: table.table("key"), "give a table [key]"),
        (lambda table: table.tables("key"), "give one table [[key]] or more"),
    ],
)
def test_a_key_that_is_missing(read: Callable[[Table], object], told: str) -> None:
    assert refusal(lambda: read(table())) == f"a.toml: key: missing; {told}"


@pytest.mark.parametrize(
    ("read", "values", "told"),
    [
        (lambda table: table.text("key"), (7, "", "a\nb", "a\tb", ["a"]), TEXT),
        (lambda table: table.text("key", "[a-z]", "give a letter"), ("ab", "A", "a\n"), "give a letter"),
        (lambda table: table.integer("key", 1, 9), (0, 10, 1.0, "1", True), "give a whole number from 1 to 9"),
        (
            lambda table: table.seconds("key", 1, 9),
            (0.9, 9.1, float("nan"), float("inf"), "1", True),
            "give seconds from 1 to 9",
        ),
        (lambda table: table.choice("key", (1, 2)), (3, 1.0, True, "1", [1]), "give one of 1, 2"),
        (lambda table: table.flag("key"), (1, "true"), "give true or false"),
        (lambda table: table.integers("key"), (1, [1.0], ["1"], [True]), "give a list of whole numbers"),
    ],
)
def test_a_value_that_is_wrong(read: Callable[[Table], object], values: tuple[object, ...], told: str) -> None:
    for value in values:
        assert refusal(partial(read, table(key=value))).startswith(f"a.toml: key: {value!r}; {told}")


@pytest.mark.parametrize("value", ["hunter 2", 4711, ["hunter 2"]])
def test_a_secret_that_is_wrong_is_not_shown(value: object) -> None:
    told = refusal(lambda: table(key=value).text("key", r"\S{9,}", "give 9 letters", secret=True))
    assert told == "a.toml: key: not shown; give 9 letters"


@pytest.mark.parametrize(
    ("read", "values", "told"),
    [
        (lambda table: table.table("key"), ("hunter2", [{"password": "hunter2"}]), "give a table [key]"),
        (lambda table: table.tables("key"), ({"password": "hunter2"}, [], [1]), "give one table [[key]] or more"),
    ],
)
def test_what_stands_in_place_of_a_table_may_hold_a_secret(
    read: Callable[[Table], object], values: tuple[object, ...], told: str
) -> None:
    for value in values:
        assert refusal(partial(read, table(key=value))) == f"a.toml: key: not shown; {told}"


def test_tables_are_named_by_the_way_to_them() -> None:
    file = table(bus={"pins": [{"tx": 1}, {"tx": 99}]})
    pins = file.table("bus").tables("pins")
    assert refusal(lambda: pins[1].integer("tx", 0, 9)) == "a.toml: bus.pins.2.tx: 99; give a whole number from 0 to 9"
    assert str(pins[0].wrong("tx", 1, "give another")) == "a.toml: bus.pins.1.tx: 1; give another"


def test_a_key_that_nobody_asked_for_is_refused_wherever_it_stands() -> None:
    file = table(site="raft", buses=[{"tx": 1}, {"tx": 2, "password": "hunter2"}])
    assert file.has("site")
    file.text("site")
    for bus in file.tables("buses"):
        bus.integer("tx", 0, 9)
    assert refusal(file.refuse_unknown) == "a.toml: buses.2.password: no such key; known here are tx"


def test_the_known_keys_are_those_that_may_be_given() -> None:
    file = table(siet=1)
    file.has("site")
    file.text("name", default="")
    assert refusal(file.refuse_unknown) == "a.toml: siet: no such key; known here are site, name"


def test_a_key_of_two_lines_is_told_in_one() -> None:
    assert refusal(Table("a.toml", {"a\nb": 1}).refuse_unknown).startswith(r"a.toml: 'a\nb': no such key")


def test_a_secret_stands_in_a_file_of_its_own(tmp_path: Path) -> None:
    path = tmp_path / "password"
    path.write_text(" Hạ Long \n", "utf-8")
    assert table(password_file=str(path)).secret("password_file") == "Hạ Long"


@pytest.mark.parametrize("content", [b"", b"\n", b"two\nlines\n", b"\xff", b"a\0b"])
def test_a_file_with_anything_but_one_line_is_no_secret(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "password"
    path.write_bytes(content)
    told = refusal(lambda: table(password_file=str(path)).secret("password_file"))
    way_out = "put the password or token alone into that file, as one line of UTF-8"
    assert told == f"a.toml: password_file: {str(path)!r}; {way_out}"


def test_a_secret_for_which_letters_beyond_ascii_are_wrong(tmp_path: Path) -> None:
    path = tmp_path / "token"
    path.write_text("Hạ Long", "utf-8")
    assert refusal(lambda: table(token_file=str(path)).secret("token_file", "ASCII")).endswith("one line of ASCII")


def test_a_secret_whose_file_is_not_there(tmp_path: Path) -> None:
    path = str(tmp_path / "password")
    told = refusal(lambda: table(password_file=path).secret("password_file"))
    assert told.startswith(f"a.toml: password_file: {path!r}: No such file or directory; put the password or")


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"key = = 1", "Invalid value (at line 1, column 7); TOML has texts in quotes and tables in [brackets]"),
        (b"key = '\xff'", "not UTF-8 at byte 7; save it as UTF-8"),
    ],
)
def test_a_file_that_is_no_toml(tmp_path: Path, content: bytes, told: str) -> None:
    path = tmp_path / "a.toml"
    path.write_bytes(content)
    assert refusal(lambda: Table.of_file(path, "b.toml")) == f"{path}: {told}"


def test_a_file_that_is_not_there_names_the_one_to_start_from(tmp_path: Path) -> None:
    path = tmp_path / "a.toml"
    assert refusal(lambda: Table.of_file(path, "b.toml")) == f"{path}: no such file; copy b.toml to it and fill it in"


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    told = refusal(lambda: Table.of_file(tmp_path, "b.toml"))
    assert told == f"{tmp_path}: Is a directory; name a file that you may read"


@pytest.mark.parametrize(
    "host",
    [
        "localhost",
        "influx.example.org",
        "influx.example.org.",
        "my_broker-2",
        "4g",
        "127.0.0.1",
        "::1",
        "fe80::1%eth0",
        "a" * 63 + ".org",
    ],
)
def test_a_host_is_a_name_or_an_address(host: str) -> None:
    assert Table("file", {"host": host}).host("host") == host


@pytest.mark.parametrize(
    "host",
    [
        "",
        ".",
        "a..b",
        "a b",
        "a\n",
        "-a",
        "a-.org",
        "b\u00fccher.example",
        "a:1883",
        "[::1]",
        "300.0.0.1",
        "1.2.3",
        "a" * 64,
        "a." * 127 + "a",
    ],
)
def test_what_is_no_host_says_so(host: str) -> None:
    with pytest.raises(SettingsError) as caught:
        Table("file", {"host": host}).host("host")
    assert str(caught.value) == f"file: host: {host!r}; give a host name or an address, without a port"


def test_each_of_several_tables_has_its_own_lines(tmp_path: Path) -> None:
    path = tmp_path / "a.toml"
    path.write_text("top = 1\n\n[[device]]\nname = 1\n[[device]]\nname = 2\n[bus]\npin = 3\n", "utf-8")
    file = Table.of_file(path, "an example")
    devices = file.tables("device")
    assert refusal(lambda: devices[1].text("name")).startswith(f"{path}:6: device.2.name: 2;")
    assert refusal(lambda: devices[0].text("model")).startswith(f"{path}:3: device.1.model: missing;")
    assert refusal(lambda: file.table("bus").text("pin")).startswith(f"{path}:8: bus.pin: 3;")
    assert refusal(lambda: file.text("top")).startswith(f"{path}:1: top: 1;")
    assert refusal(lambda: file.text("gone")).startswith(f"{path}: gone: missing;")


def test_a_mistyped_key_is_named_before_the_right_one_is_missed() -> None:
    file = table(siet=1)
    assert refusal(lambda: file.only("site", "name")) == "a.toml: siet: no such key; known here are site, name"
    table(site=1).only("site", "name")
