"""What is known of readings that were given up: docs/messages.md, "Losses"."""

from record import LOSS, layout_of, loss_in, packed

THINNED, FULL, DAMAGED = 0, 1, 2  # indices into record.REASONS


def grow(losses, reason, seq, up, offset, readings=1, last_seq=-1, duration=0):
    """Adds to `losses`, a dict by reason, what was given up from `seq` on, measured `up` ms after boot."""
    last_seq, end = max(seq, last_seq), up + duration
    if reason in losses:
        first, began, known_offset, count, last, ended = losses[reason]
        readings, last_seq, end = readings + count, max(last_seq, last), max(end, ended)
        if first < seq:
            seq, up, offset = first, began, known_offset
    losses[reason] = seq, up, offset, readings, last_seq, end


def merge(losses, record):
    """Adds what the record of a loss, (seq, up, offset, record, ...), says."""
    seq, up, offset = record[:3]
    readings, last_seq, duration, reason = loss_in(record[3])
    grow(losses, reason, seq, up, offset, readings, last_seq, duration)


def told(losses):
    """The records of `losses`: (seq, up, offset, record) each."""
    return [
        (seq, up, offset, packed((LOSS, readings, last_seq, end - up, reason)))
        for reason, (seq, up, offset, readings, last_seq, end) in losses.items()
    ]


def join_oldest(held):
    """Makes one loss, in their place, of the first two of `held`; returns how many readings that gives up."""
    losses = {}
    lost = 0
    for record in held[:2]:
        if layout_of(record[3]) == LOSS:
            merge(losses, record)
        else:
            grow(losses, DAMAGED, *record[:3])
            lost += 1
    held[:2] = [list(told(losses)[0]) + held[1][4:]]
    return lost
