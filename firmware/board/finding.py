"""What the spool does once, at the start: looks which files there are."""

import errno
import os

from segment import BATCH, LONGEST, Segment, records_in
from store import UNFINISHED


def find(store):
    """Fills the list of `store.segments`; false if there is no folder and none can be made."""
    try:
        try:
            os.mkdir(store.folder)
        except OSError as error:
            if error.errno != errno.EEXIST:
                raise
        names = sorted(os.listdir(store.folder))
    except OSError as error:
        store.say(
            "spool: no folder %s on flash (%s); readings stay in RAM and a power cut costs them" % (store.folder, error)
        )
        return False
    for name in names:
        parts = name.split("-")
        if len(parts) == 3 and parts[0].isdigit() and parts[1].isdigit():
            _find(store, Segment(store.folder, int(parts[0]), int(parts[1]), parts[2]))
    for segment in store.segments[:]:
        if any(_is_replaced(segment, by) for by in store.segments):
            store.remove(segment)
    return True


def _find(store, segment):
    store.number = max(store.number, segment.number)
    damage = None
    try:
        if segment.number != UNFINISHED:
            _learn(segment)
    except OSError as error:
        from repair import cut_off

        damage = error
        cut_off(segment)
        store.lost += 1
        store.say("spool: %s cannot be read behind byte %d (%s)" % (segment.path(), segment.size, error))
    if segment.count:
        store.segments.append(segment)
    elif segment.size and not damage:
        store.lost += 1
        store.say("spool: %s holds no whole reading; set aside as %s/damaged" % (segment.path(), store.folder))
        try:
            os.rename(segment.path(), store.folder + "/damaged")
        except OSError as error:
            store.say("spool: %s cannot be renamed (%s)" % (segment.path(), error))
    else:
        store.remove_file(segment)


def _learn(segment):
    """Takes first, last, count and size from the file, nearly always from its two ends alone. Raises OSError."""
    segment.size = os.stat(segment.path())[6]
    with open(segment.path(), "rb") as file:
        for start in (max(0, segment.size - 2 * LONGEST), 0):
            known = segment.count
            for _, kind, payload in segment.chunks(file, start):
                if kind == BATCH:
                    segment.account_for(*records_in(payload))
                    if known:
                        break


def _is_replaced(segment, by):
    """Whether `segment` is one of the files that were thinned to make `by`, and the power did not last to remove it."""
    return (
        by.boot == segment.boot and by.level > segment.level and by.number <= segment.number and by.last >= segment.last
    )
