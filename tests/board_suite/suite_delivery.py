"""Runs under CPython and MicroPython; see run.py. `Held` stands in for the spool: it gives out numbered readings for
ever.
"""

import json

from clock import Clock
from delivery import RESEND_AFTER, WINDOW, Delivery, complete, parse_ack

OWN, EARLIER = "bbbbbbbbbbbb", "aaaaaaaaaaaa"
ACK = {"boot": OWN, "seq": 7, "beyond": [[9, 12]], "utc": 1_795_562_958_755, "sent": 4000, "held": 12}


def message(begin, reading):
    text = bytearray(begin)
    complete(text, reading, OWN, 4000, 5)
    return json.loads(text)


def test_a_message_says_when_it_was_sent():
    made = message(b'{"device":"bms1","t":null', (OWN, 7, 1000))
    assert made == {"boot": OWN, "seq": 7, "up": 1000, "sent": 4000, "oldest": 5, "device": "bms1", "t": None}


def test_a_reading_of_an_earlier_boot_does_not_mix_two_clocks():
    made = message(b'{"device":"bms1"', (EARLIER, 7, 90_000_000))
    assert (made["sent"], made["up"]) == (None, 90_000_000)


def test_an_ack_is_read():
    assert parse_ack(json.dumps(ACK)) == (OWN, 7, [(9, 12)], 1_795_562_958_755, 4000, 12)
    assert parse_ack(json.dumps(dict(ACK, utc=None)))[3] is None


def test_what_is_no_ack_is_refused():
    for wrong in (
        "", "x", "[]", "7", "null", "{}",
        json.dumps(dict(ACK, boot=7)), json.dumps(dict(ACK, seq="7")), json.dumps(dict(ACK, beyond=[[1]])),
        json.dumps(dict(ACK, beyond=[[1, "2"]])), json.dumps(dict(ACK, beyond=3)), json.dumps(dict(ACK, utc=1.5)),
        json.dumps(dict(ACK, held=None)),
    ):  # fmt: skip
        try:
            parse_ack(wrong)
        except ValueError:
            continue
        raise AssertionError(wrong)


class Held:
    boot = OWN

    def __init__(self, count):
        self.count = count
        self.given = 0
        self.acknowledged = []

    def take(self, text):
        if self.given == self.count:
            return None
        self.given += 1
        text.extend(b'{"device":"bms1"')
        return OWN, self.given - 1, 0

    def rewind(self):
        self.given = 0

    def readings(self):
        return self.count

    def oldest(self, boot):
        return 0

    def acknowledge(self, boot, up_to, beyond):
        self.acknowledged.append((boot, up_to, beyond))


class Rig:
    def __init__(self, count):
        self.ms = 0
        self.clock = Clock(lambda: self.ms)
        self.spool = Held(count)
        self.delivery = Delivery(self.spool, self.clock)

    def published(self):
        seqs = []
        while True:
            made = self.delivery.next()
            if made is None:
                return seqs
            seqs.append(json.loads(made)["seq"])

    def acknowledge(self, **changes):
        self.delivery.acknowledge(json.dumps(dict(ACK, **changes)))


def test_no_more_than_the_window_is_under_way():
    rig = Rig(100)
    assert rig.published() == list(range(WINDOW))
    rig.acknowledge(seq=1, beyond=[[3, 4]])
    assert rig.published() == list(range(WINDOW, WINDOW + 4))
    assert rig.spool.acknowledged == [(OWN, 1, [(3, 4)])]


def test_an_ack_of_another_boot_frees_nothing():
    rig = Rig(100)
    rig.published()
    rig.acknowledge(boot=EARLIER)
    assert rig.published() == [] and rig.clock.utc(0) is None


def test_what_stays_without_an_ack_is_published_again():
    rig = Rig(3)
    assert rig.published() == [0, 1, 2]
    rig.ms += RESEND_AFTER - 1
    assert rig.published() == []
    rig.ms += 1
    assert rig.published() == [0, 1, 2]


def test_one_reading_that_is_left_out_is_published_again_however_many_acks_come():
    rig = Rig(3)
    rig.published()
    for _ in range(4):
        rig.ms += RESEND_AFTER // 4
        rig.acknowledge(seq=0, beyond=[[2, 2]])
    assert 1 in rig.published()


def test_a_new_connection_starts_over():
    rig = Rig(3)
    rig.published()
    rig.delivery.start_over()
    assert rig.published() == [0, 1, 2]


def test_an_ack_sets_the_clock():
    rig = Rig(1)
    rig.ms = 4112
    rig.published()
    rig.acknowledge(held=12)
    assert rig.clock.utc(4112) == ACK["utc"] + 50
