"""Stands in for the ESP32's `network`: the radio is the host's loopback. Connections that are open stay open while it is
out of reach, as they do on a board until someone times out.

A test steers it by what stands in the file that BOARD_WIFI_FAULT names; without the file, or the name, all is well.
  gone     the network is out of reach
  stuck    the radio joins nothing until it was switched off and on
  dead     it joins nothing until the board restarts
  refuses  it does not even begin to join
"""

import os

STA_IF, AP_IF = 0, 1
STAT_IDLE, STAT_CONNECTING, STAT_GOT_IP, STAT_NO_AP_FOUND = 1000, 1001, 1010, 201


def _fault():
    try:
        with open("/.host" + os.getenv("BOARD_WIFI_FAULT", "")) as file:
            return file.read().strip()
    except OSError:
        return None


def _mend(fault):
    if _fault() == fault:
        os.remove("/.host" + os.getenv("BOARD_WIFI_FAULT"))


_mend("dead")


class WLAN:
    IF_STA, IF_AP = 0, 1

    def __init__(self, interface_id=STA_IF):
        self._active = False
        self._joining = False

    def active(self, is_active=None):
        if is_active is None:
            return self._active
        if self._active and not is_active:
            self._joining = False
            _mend("stuck")
        self._active = bool(is_active)

    def connect(self, ssid=None, key=None, *, bssid=None):
        if not self._active or _fault() == "refuses":
            raise OSError("Wifi Internal Error")
        self._joining = True

    def disconnect(self):
        self._joining = False

    def isconnected(self):
        return self._joining and _fault() is None

    def status(self, param=None):
        if param == "rssi":
            return -55
        if not self._joining:
            return STAT_IDLE
        return STAT_GOT_IP if _fault() is None else STAT_NO_AP_FOUND
