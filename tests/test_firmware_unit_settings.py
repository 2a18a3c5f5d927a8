import base64
import re
import ssl
from pathlib import Path

import pytest

from firmware.host import unit_settings
from hil_tests.certificates import Authority
from ingest.settings_file import SettingsError

EXAMPLE = Path(__file__).parent.parent / "firmware" / "unit.example.toml"


def read(folder: Path, text: str) -> dict[str, object]:
    path = folder / "unit.toml"
    path.write_text(text, "utf-8")
    return unit_settings.read(path)


def test_the_example_is_right() -> None:
    assert unit_settings.read(EXAMPLE) == {
        "unit": "raft-01",
        "period": 10,
        "wifi": {"ssid": "village", "password": "change-me-wifi"},
        "broker": {"host": "192.168.4.1", "port": 1883, "password": "change-me-unit"},
        "bus": {"uart": 1, "tx": 17, "rx": 16},
        "devices": [
            {"name": "bms1", "model": "jk_pb", "address": 2},
            {"name": "mppt1", "model": "epever_tracer", "address": 1},
        ],
    }


def test_a_driver_enable_pin_may_be_given(tmp_path: Path) -> None:
    assert read(tmp_path, EXAMPLE.read_text("utf-8").replace("# de = 4", "de = 4"))["bus"] == {
        "uart": 1,
        "tx": 17,
        "rx": 16,
        "de": 4,
    }


@pytest.mark.parametrize(
    ("line", "instead", "complaint"),
    [
        ('unit = "raft-01"', 'unit = "Raft 1"', "unit: 'Raft 1'; give 1 to 32 lower-case letters"),
        ('unit = "raft-01"', 'unit = "gateway"', "unit: 'gateway'; the gateway's MQTT user has that name"),
        ('unit = "raft-01"', "", "unit: missing; give 1 to 32 lower-case letters"),
        ("period = 10", "period = 0", "period: 0; give a whole number from 1 to 3600"),
        ("period = 10", "period = true", "period: True; give a whole number from 1 to 3600"),
        ("period = 10", "perod = 10", "perod: no such key; known here are unit, period, led, wifi"),
        ("period = 10", "period = 10\ncolour = 3", "colour: no such key; known here are unit, period, led, wifi"),
        ("period = 10", "", "period: missing; give a whole number from 1 to 3600"),
        ("period = 10", "period = 10\nled = 17", "led: 17; a line of the bus has that pin"),
        ("period = 10", "period = 10\nled = 34", "led: 34; give one of 2, 4, 5, 13"),
        ("[wifi]", "[wi-fi]", "wi-fi: no such key; known here are unit, period, led, wifi"),
        ('ssid = "village"', 'sid = "village"', "wifi.sid: no such key; known here are ssid, password"),
        ('host = "192.168.4.1"', 'hots = "192.168.4.1"', "broker.hots: no such key; known here are host, port"),
        ("uart = 1", "uart = 1\nspeed = 9600", "bus.speed: no such key; known here are uart, tx, rx, de"),
        ("[bus]", '[saving]\ndevice = "mppt1"\n[bus]', "saving.device: 'mppt1'; give one of bms1"),
        ("[bus]", '[saving]\ndevice = "bms1"\nbelow_soc = 101\n[bus]', "saving.below_soc: 101; give a whole number"),
        (
            "[bus]",
            '[saving]\ndevice = "bms1"\nbelow_soc = 20\nperiod = 10\n[bus]',
            "saving.period: 10; give more than the 10 s of the unit",
        ),
        ("port = 1883", 'port = 1883\nname = "gateway"', "broker.ca: missing; give the path of a file with the CA's"),
        ("port = 1883", 'port = 1883\nca = "ca.pem"', "broker.name: missing; give the host name"),
        ('ssid = "village"', 'ssid = ""', "wifi.ssid: ''; give the network's name"),
        ('"192.168.4.1"', '"192.168.4"', "broker.host: '192.168.4'; give the gateway's IPv4 address"),
        ('"192.168.4.1"', '"gateway.village"', "broker.host: 'gateway.village'; give the gateway's IPv4 address"),
        ("port = 1883", "port = 70000", "broker.port: 70000; give a whole number from 1 to 65535"),
        ("uart = 1", "uart = 0", "bus.uart: 0; give one of 1, 2"),
        ("tx = 17", "tx = 6", "bus.tx: 6; give one of 4, 5, 13"),
        ("tx = 17", "tx = 16", "bus.rx: 16; another line of the bus has that pin"),
        ('"mppt1"', '"bms1"', "devices.2.name: 'bms1'; another device has that name"),
        ('"mppt1"', '"board"', "devices.2.name: 'board'; the board itself has that name"),
        ('"jk_pb"', '"jk"', "devices.1.model: 'jk'; give one of daly, epever_tracer, jk_pb"),
        ("address = 2", "address = 0", "devices.1.address: 0; give a whole number from 1 to 15"),
        (
            '"jk_pb"\naddress = 2',
            '"daly"\naddress = 149',
            "devices.1.address: 149; a daly has one of 210, 129 to 143",
        ),
        ("address = 2", "address = 1", "devices.2.address: 1; another device of the bus answers there"),
        (
            "address = 2",
            "address = 2\nadress = 3",
            "devices.1.adress: no such key; known here are name, model, address",
        ),
    ],
)
def test_a_wrong_setting_is_named(tmp_path: Path, line: str, instead: str, complaint: str) -> None:
    example = EXAMPLE.read_text("utf-8")
    assert line in example
    with pytest.raises(SettingsError) as caught:
        read(tmp_path, example.replace(line, instead, 1))
    assert re.match(rf"{tmp_path / 'unit.toml'}(:\d+)?: {re.escape(complaint)}", str(caught.value))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(("password", "bad"), [("change-me-wifi", "short"), ("change-me-unit", "")])
def test_a_wrong_password_is_not_shown(tmp_path: Path, password: str, bad: str) -> None:
    with pytest.raises(SettingsError, match="password: not shown; give") as caught:
        read(tmp_path, EXAMPLE.read_text("utf-8").replace(password, bad))
    assert not bad or bad not in str(caught.value)


def test_an_open_wifi_is_refused_with_the_reason(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="an open Wi-Fi is refused"):
        read(tmp_path, EXAMPLE.read_text("utf-8").replace("change-me-wifi", ""))


def test_what_may_be_left_out_may_be_given(tmp_path: Path) -> None:
    saving = '[saving]\ndevice = "bms1"\nbelow_soc = 20\nperiod = 60\n[bus]'
    text = EXAMPLE.read_text("utf-8").replace("# led = 2", "led = 2").replace("[bus]", saving, 1)
    settings = read(tmp_path, text)
    assert settings["led"] == 2
    assert settings["saving"] == {"device": "bms1", "below_soc": 20, "period": 60}


def with_tls(folder: Path, ca: Path) -> dict[str, object]:
    text = EXAMPLE.read_text("utf-8").replace('# ca = "gateway-ca.pem"', f'ca = "{ca}"')
    broker = read(folder, text.replace('# name = "gateway"', 'name = "gateway"'))["broker"]
    assert isinstance(broker, dict)
    return broker


def test_the_ca_is_put_into_the_settings_as_the_board_takes_it(tmp_path: Path) -> None:
    authority = Authority(tmp_path, "village")
    broker = with_tls(tmp_path, Path(authority.certificate.name))  # beside the unit's file
    der = ssl.PEM_cert_to_DER_cert(authority.certificate.read_text())
    assert base64.b64decode(str(broker["ca"])) == der
    assert broker["name"] == "gateway"
    assert isinstance(broker["day"], int)
    assert 20260101 < broker["day"] < 21000101


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (None, "No such file"),
        ("no certificate", "give a file with one certificate in PEM"),
        ("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "not a certificate"),
    ],
)
def test_a_ca_that_cannot_be_used_is_named(tmp_path: Path, content: str | None, told: str) -> None:
    if content:
        (tmp_path / "ca.pem").write_text(content)
    with pytest.raises(SettingsError, match=rf"broker\.ca: .*{told}") as caught:
        with_tls(tmp_path, tmp_path / "ca.pem")
    assert "\n" not in str(caught.value)


def test_a_certificate_that_may_sign_nothing_is_no_ca(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"broker\.ca: .*it may sign nothing"):
        with_tls(tmp_path, Authority(tmp_path, "village").sign("gateway").certificate)


def test_a_ca_that_has_expired_is_named(tmp_path: Path) -> None:
    expired = Authority(tmp_path, "village").sign("old", expired=True, is_ca=True)
    with pytest.raises(SettingsError, match=r"valid from Jan .* 2020 .*; renew it"):
        with_tls(tmp_path, expired.certificate)


def test_a_list_of_devices_is_needed(tmp_path: Path) -> None:
    text = EXAMPLE.read_text("utf-8")
    with pytest.raises(SettingsError, match=r"devices: missing; give one table \[\[devices\]\] or more"):
        read(tmp_path, text[: text.index("[[devices]]")])


def test_a_bus_takes_eight_devices(tmp_path: Path) -> None:
    text = EXAMPLE.read_text("utf-8")
    more = "".join(f'[[devices]]\nname = "more{n}"\nmodel = "jk_pb"\naddress = {n}\n' for n in range(3, 10))
    with pytest.raises(SettingsError, match=r"unit\.toml: devices: 9; one bus takes 8"):
        read(tmp_path, text + more)


def test_a_file_that_is_not_there_names_the_one_to_start_from(tmp_path: Path) -> None:
    path = tmp_path / "unit.toml"
    with pytest.raises(SettingsError) as caught:
        unit_settings.read(path)
    assert str(caught.value) == f"{path}: no such file; copy firmware/unit.example.toml to it and fill it in"


def test_a_file_that_is_no_toml_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"unit\.toml: Invalid value .*; TOML has texts in quotes"):
        read(tmp_path, "unit = raft")
