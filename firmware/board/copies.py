"""Two copies of one record on flash, written in turn; see state.py for what they promise, and seldom.py."""

import binascii
import json


def newest(paths, say):
    """The newest whole record, a tuple that begins with the number of its write, or None. Says which copy is damaged."""
    found = [_read(path) for path in paths]
    whole = [record for record in found if record]
    for path, record in zip(paths, found):
        if record is False:
            say("state: %s is damaged; %s" % (path, "the other copy counts" if whole else "counting anew"))
    return max(whole, key=lambda record: record[0]) if whole else None


def write(paths, record):
    """Takes the place of the older copy. Raises OSError."""
    body = json.dumps(record).encode()
    with open(paths[record[0] % 2], "wb") as file:
        file.write(b"%08x %s\n" % (binascii.crc32(body), body))


def _read(path):
    """The record in the file; None if there is no file, False if it is damaged."""
    try:
        with open(path, "rb") as file:
            head, body = file.read(9), file.read().rstrip(b"\n")
    except OSError:
        return None
    return tuple(json.loads(body)) if head == b"%08x " % binascii.crc32(body) else False
