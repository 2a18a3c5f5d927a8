"""What the spool does when flash is damaged, or fuller than it should be: gives up readings, and puts down that it did."""

from loss import DAMAGED, FULL, grow, told
from segment import BATCH, Segment, records_in
from store import DROPPED, MOST_FILES
from thinning import Thinning


def make_room(store):
    """Gives up one file: the first that holds more than losses; the one that holds least if there are too many files."""
    if len(store.segments) >= MOST_FILES:
        _give_up(store, min(store.segments, key=lambda segment: segment.count), FULL, "too many files")
    else:
        oldest = next((segment for segment in store.segments if segment.level < DROPPED), store.segments[0])
        _give_up(store, oldest, FULL, "full")


def give_up_unreadable(store, segment):
    _give_up(store, segment, DAMAGED, "%s cannot be read" % segment.path())


def _give_up(store, segment, reason, why):
    """Where a new file can be written it takes the place of the old one."""
    if store.thinning:
        store.thinning.abandon()
    if reason == FULL and segment.level < DROPPED:
        store.thinning = Thinning(store, [segment], DROPPED, why)
        if store.thinning.run():
            return
    store.remove(segment)
    if segment.level < DROPPED:
        what = segment.first, segment.began, None, store.readings(segment), segment.last
        _lose(store, segment, why, what + (segment.ended - segment.began,), reason)


def unreadable(segments):
    """Those of `segments` of which not every byte can be read."""
    return [segment for segment in segments if not _is_readable(segment)]


def _is_readable(segment):
    try:
        with open(segment.path(), "rb") as file:
            while file.read(512):
                pass
    except OSError:
        return False
    return True


def cut_off(segment):
    """Forgets what stands behind the first byte that cannot be read."""
    segment.last, segment.count, whole = -1, 0, 0
    try:
        with open(segment.path(), "rb") as file:
            for whole, kind, payload in segment.chunks(file, 0):
                if kind == BATCH:
                    segment.account_for(*records_in(payload))
    except OSError:
        pass
    segment.size = whole


def give_up_behind(store, segment, error):
    """What stands behind the first byte of `segment` that cannot be read."""
    before, first, last = store.readings(segment), segment.first, segment.last
    cut_off(segment)
    if segment is store.open:
        store.open = None
    why = "%s cannot be read behind byte %d (%s)" % (segment.path(), segment.size, error)
    what = max(first, segment.last + 1), segment.ended, None, before - store.readings(segment), last
    _lose(store, segment, why, what)


def tell_damage(store, cursor):
    """What `cursor` saw on its way, and whatever lies behind the last record: one reading where nothing tells how many."""
    segment, losses, cursor.losses = cursor.segment, cursor.losses, {}
    if segment.checked < segment.size:
        segment.checked = segment.size
        seq = segment.last + 1
        later = [first for first in store.seqs(segment.boot) if first >= seq]
        missing = min(later) - seq if later else 1
        grow(losses, DAMAGED, seq, segment.ended, None, missing, seq + missing - 1)
    for seq, up, offset, readings, last_seq, end in losses.values():
        _lose(store, segment, "%s is damaged" % segment.path(), (seq, up, offset, readings, last_seq, end - up))


def _lose(store, segment, why, what, reason=DAMAGED):
    """Counts, says and puts down a loss that stands where `segment` did."""
    boot, seq, readings = segment.boot, what[0], what[3]
    if readings <= 0:
        return
    store.lost += readings
    store.say("spool: %s; gave up %d readings of boot %s from seq %d on" % (why, readings, boot, seq))
    known = [each.first for each in store.segments if each.boot == boot and each.level == DROPPED]
    if seq in known or segment is store.open:  # the next seq of the open one may be a reading
        return
    losses = {}
    grow(losses, reason, *what)
    store.number += 1
    file = Segment(store.folder, store.number, DROPPED, boot)
    try:
        file.append({}, told(losses))
    except OSError:  # as long as flash takes nothing it is counted alone
        return
    store.segments.append(file)
