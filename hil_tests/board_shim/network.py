"""Stands in for the ESP32's `network`: the radio is the host's loopback, and out of reach while the file
BOARD_WIFI_DOWN names is there. Connections that are open then stay open, as they do on a board until someone times out.
"""

import os

STA_IF, AP_IF = 0, 1
STAT_IDLE, STAT_CONNECTING, STAT_GOT_IP, STAT_NO_AP_FOUND = 1000, 1001, 1010, 201


def _out_of_reach():
    try:
        os.stat("/.host" + os.getenv("BOARD_WIFI_DOWN"))
    except OSError:
        return False
    return True


class WLAN:
    IF_STA, IF_AP = 0, 1

    def __init__(self, interface_id=STA_IF):
        self._active = False
        self._joining = False

    def active(self, is_active=None):
        if is_active is None:
            return self._active
        self._active = bool(is_active)

    def connect(self, ssid=None, key=None, *, bssid=None):
        if not self._active:
            raise OSError("Wifi Internal Error")
        self._joining = True

    def disconnect(self):
        self._joining = False

    def isconnected(self):
        return self._joining and not _out_of_reach()

    def status(self, param=None):
        if param == "rssi":
            return -55
        if not self._joining:
            return STAT_IDLE
        return STAT_NO_AP_FOUND if _out_of_reach() else STAT_GOT_IP
