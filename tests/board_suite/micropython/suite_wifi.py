"""The hardware's answers at odd moments. Runs under MicroPython alone; see ../run.py. `Machine` and `Station` stand in
for the ESP32's modules.
"""

import sys


class Machine:
    PWRON_RESET, HARD_RESET, WDT_RESET, DEEPSLEEP_RESET, SOFT_RESET = 1, 2, 3, 4, 5


class Station:
    """Joined for `isconnected`; as on the ESP32, `status("rssi")` asks the radio anew, which may have lost it since."""

    signal = -60

    def isconnected(self):
        return True

    def status(self, name):
        assert name == "rssi"
        if self.signal is None:
            raise OSError("Wifi Not Connected")
        return self.signal


class Network:
    STA_IF = 0

    def WLAN(interface):
        return Station()


sys.modules["machine"], sys.modules["network"] = Machine, Network

from board import Wifi


def test_the_strength_of_the_signal():
    assert Wifi("village", "secret").rssi() == -60


def test_there_is_none_when_the_network_goes_as_it_is_asked():
    wifi = Wifi("village", "secret")
    wifi._station.signal = None
    assert wifi.rssi() is None
