"""Rooms that work seldom: read from flash when they are needed, and not kept, so that they spend no heap in between."""

import sys


def room(name):
    """The room of that name, for as long as the caller holds it."""
    there = __import__(name)
    del sys.modules[name]
    return there
