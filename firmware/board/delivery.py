"""Which reading is published next, and what an ack of the gateway does. docs/messages.md is the contract.

Promises: a reading leaves the spool only when an ack names it; it is given out again after `start_over` and when it has
been without an ack for `RESEND_AFTER`; at most `WINDOW` readings are under way without an ack.
Does not promise an order: fresh readings overtake the backlog.
"""

import json

WINDOW = 8
RESEND_AFTER = 20000  # ms
LONGEST_MESSAGE = 1600  # bytes, about: those of a BMS with 32 cells


class Delivery:
    """Moves the readings of `spool` to the gateway; `clock` learns UTC from the acks."""

    def __init__(self, spool, clock):
        self._spool = spool
        self._clock = clock
        self._window = []  # (boot, seq, published at), oldest first
        self._waiting_since = 0
        self._text = bytearray(
            LONGEST_MESSAGE
        )  # the one piece of heap for all messages, taken while there still is one

    def start_over(self):
        """Whatever was under way is lost: the connection is a new one."""
        self._window = []
        self._waiting_since = self._clock.now()
        self._spool.rewind()

    def next(self):
        """The message to publish now, or None: a bytearray, good until the next call."""
        now = self._clock.now()
        if self._window:
            self._waiting_since = self._window[0][2]
        elif not self._spool.readings():
            self._waiting_since = now
        if now - self._waiting_since >= RESEND_AFTER:
            self.start_over()
        text = self._text
        text[:] = b""
        reading = self._spool.take(text) if len(self._window) < WINDOW else None
        if reading is None:
            return None
        self._window.append((reading[0], reading[1], now))
        complete(text, reading, self._spool.boot, now, self._spool.oldest(reading[0]))
        return text

    def acknowledge(self, payload):
        """Takes an ack. Raises ValueError if it is none."""
        boot, up_to, beyond, utc, sent, held = parse_ack(payload)
        self._spool.acknowledge(boot, up_to, beyond)
        self._window = [
            entry
            for entry in self._window
            if entry[0] != boot or not (entry[1] <= up_to or any(first <= entry[1] <= last for first, last in beyond))
        ]
        if boot == self._spool.boot and sent is not None:
            self._clock.learn(utc, sent, held)


def complete(text, reading, own_boot, now, oldest):
    """Makes the message of the JSON that Spool.take began with.

    `sent` and `up` of one message have to be of one boot's clock, and the clock of an earlier boot is gone.
    """
    boot, seq, up = reading
    sent = str(now) if boot == own_boot else "null"
    text.extend((',"boot":"%s","seq":%d,"up":%d,"sent":%s,"oldest":%d}' % (boot, seq, up, sent, oldest)).encode())


def parse_ack(payload):
    """(boot, seq, beyond, utc, sent, held) of an ack as gateway/schema/ack.schema.json has it. Raises ValueError."""
    ack = json.loads(payload)
    try:
        boot, utc = ack["boot"], ack["utc"]
        beyond = [(first, last) for first, last in ack["beyond"]]
        sent = ack["sent"]
        numbers = [ack["seq"], ack["held"]] + [number for number in (utc, sent) if number is not None]
    except (KeyError, TypeError, IndexError):
        raise ValueError("a key is missing or of the wrong kind")
    for pair in beyond:
        numbers.extend(pair)
    if not isinstance(boot, str) or not all(isinstance(number, int) for number in numbers):
        raise ValueError("a value is of the wrong kind")
    return boot, ack["seq"], beyond, utc, sent, ack["held"]
