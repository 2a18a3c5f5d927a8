"""Rooms that work seldom: read from flash when they are needed, and not kept, so that they spend no heap in between."""

import sys

_ROOMS = (
    "certificate",
    "configuration",
    "copies",
    "division",
    "finding",
    "loss",
    "opening",
    "repair",
    "settings",
    "thinning",
)


def room(name):
    """The room of that name, for as long as the caller holds it; what it imported of the others goes with it."""
    there = __import__(name)
    for each in _ROOMS:
        sys.modules.pop(each, None)
    return there
