"""The protocol on umqtt. Runs under MicroPython alone, with umqtt on the path; see ../board_suite/run.py.

`Broker` stands in for the connection: it plays the bytes of a script. The bytes are those of MQTT 3.1.1, written by
hand.
"""

import asyncio
import time

import mqtt
from mqtt import Client, Lost, Refused

CONNACK, SUBACK, PINGRESP = b"\x20\x02\x00\x00", b"\x90\x03\x00\x01\x01", b"\xd0\x00"


class Broker:
    """Gives out `chunks` one read at a time, then nothing for ever; collects what is written, a chunk per write."""

    def __init__(self, *chunks):
        self.chunks = list(chunks)
        self.written = []
        self.stuck = False

    async def open(self, *address):
        self.address = address
        return self, self

    async def read(self, longest):
        if not self.chunks:
            await asyncio.sleep(60)
        return self.chunks.pop(0)

    def write(self, data):
        self.written.append(bytes(data))

    async def drain(self):
        if self.stuck:
            await asyncio.sleep(60)

    def close(self):
        pass

    async def wait_closed(self):
        self.written.append(None)


def client(broker, heard=None, tls=()):
    return Client("192.168.4.1", 1883, "raft-01", "secret", 60, heard, tls, broker.open)


def connected(broker, heard=None):
    made = client(broker, heard)
    asyncio.run(made.connect())
    return made


def raised(kind, work):
    try:
        asyncio.run(work)
    except kind as error:
        return error
    raise AssertionError("nothing was raised")


def test_connect_is_one_write_with_will_user_and_password():
    broker = Broker(CONNACK)
    made = client(broker)
    made.set_last_will(b"t/status", b"{}", True, 1)
    asyncio.run(made.connect())
    assert broker.address == ("192.168.4.1", 1883)
    body = b"\x00\x04MQTT\x04\xee\x00\x3c\x00\x07raft-01\x00\x08t/status\x00\x02{}\x00\x07raft-01\x00\x06secret"
    assert broker.written == [b"\x10" + bytes([len(body)]) + body]


def test_refusals_are_told_apart():
    error = raised(Refused, client(Broker(b"\x20\x02\x00\x05")).connect())
    assert "password of raft-01" in str(error)
    assert "code 3" in str(raised(Refused, client(Broker(b"\x20\x02\x00\x03")).connect()))


def test_publish_is_one_write_and_its_puback_is_known():
    broker = Broker(CONNACK, b"\x40\x02\x00\x01")
    made = connected(broker)
    asyncio.run(made.publish(b"t/reading", b"x" * 200))
    body = b"\x00\x09t/reading\x00\x01" + b"x" * 200
    assert broker.written[1:] == [b"\x32" + bytes([len(body) & 0x7F | 0x80, len(body) >> 7]) + body]
    assert asyncio.run(made.receive(1))


def test_packet_ids_stay_in_their_range():
    broker = Broker(CONNACK)
    made = connected(broker)
    made.pid = 65534
    for expected in (b"\xff\xff", b"\x00\x01"):
        asyncio.run(made.publish(b"t", b"x"))
        assert broker.written[-1][5:7] == expected


def test_a_message_is_heard_and_acknowledged():
    heard = []
    message = b"\x32\x09\x00\x03t/a\x12\x34{}"
    broker = Broker(CONNACK, SUBACK, message[:3], message[3:] + PINGRESP)
    made = connected(broker, lambda topic, payload: heard.append((topic, payload)))
    asyncio.run(made.subscribe(b"t/a"))
    assert broker.written[-1] == b"\x82\x08\x00\x01\x00\x03t/a\x01"
    assert asyncio.run(made.receive(1)) and heard == [(b"t/a", b"{}")]
    assert broker.written[-1] == b"\x40\x02\x12\x34"
    assert asyncio.run(made.receive(1))  # the pong that came in the same chunk


def test_an_empty_message_is_heard_like_any_other():
    heard = []
    broker = Broker(CONNACK, b"\x32\x07\x00\x03t/a\x12\x34")
    made = connected(broker, lambda topic, payload: heard.append((topic, payload)))
    assert asyncio.run(made.receive(1)) and heard == [(b"t/a", b"")]
    assert broker.written[-1] == b"\x40\x02\x12\x34"


def test_half_a_packet_is_kept_until_the_rest_comes():
    broker = Broker(CONNACK, b"\xd0")
    made = connected(broker)
    assert not asyncio.run(made.receive(0.02))
    broker.chunks.append(b"\x00")
    assert asyncio.run(made.receive(0.02))


class LateBroker(Broker):
    """The bytes come in the pass of the event loop in which the wait for them is over."""

    async def read(self, longest):
        await asyncio.sleep_ms(10)
        time.sleep_ms(30)
        return await super().read(longest)


def test_bytes_that_come_as_the_wait_ends_are_kept():
    heard = []
    message = b"\x30\x07\x00\x03t/a{}"
    broker = Broker(CONNACK)
    made = connected(broker, lambda topic, payload: heard.append(payload))
    made._reader = LateBroker(message[:4])
    assert not asyncio.run(made.receive(0.02))
    made._reader = Broker(message[4:])
    assert asyncio.run(made.receive(0.02)) and heard == [b"{}"]


def test_an_end_that_comes_as_the_wait_ends_is_kept():
    made = connected(Broker(CONNACK))
    made._reader = LateBroker(b"")
    assert not asyncio.run(made.receive(0.02))
    assert "closed" in str(raised(Lost, made.receive(0.02)))


def test_a_refused_subscription_is_told():
    assert "t/a" in str(raised(Refused, connected(Broker(CONNACK, b"\x90\x03\x00\x01\x80"), print).subscribe(b"t/a")))


def test_every_wait_has_its_deadline():
    mqtt.DEADLINE = 0.02
    try:
        assert "does not answer" in str(raised(Lost, client(Broker()).connect()))
        broker = Broker(CONNACK)
        made = connected(broker)
        broker.stuck = True
        assert "does not take" in str(raised(Lost, made.publish(b"t", b"x")))
        assert "does not take" in str(raised(Lost, made.ping()))
    finally:
        mqtt.DEADLINE = 10


def test_what_fits_nothing_ends_the_connection():
    for chunk in (
        b"",  # closed
        b"\x40\x02\x00\x07",  # PUBACK of nothing
        b"\x30\x03\x00\x09t",  # a topic longer than its packet
        b"\x32\x03\x00\x01t",  # no packet id
        b"\x34\x07\x00\x01t\x00\x01{}",  # QoS 2
        b"\x30\xff\xff\xff\x7f",  # 256 MB
        b"\x30\xff\xff\xff\xff\xff",  # no length at all
        b"\x20\x02\x00\x00",  # a second CONNACK
        b"\xf0\x00",
    ):
        raised(Lost, connected(Broker(CONNACK, chunk), print).receive(1))


def test_close_says_nothing_so_that_the_will_is_published():
    broker = Broker(CONNACK)
    made = connected(broker)
    asyncio.run(made.close())
    assert broker.written[1:] == [None]
    asyncio.run(client(Broker()).close())


class GoneBroker(Broker):
    async def wait_closed(self):
        raise OSError(12)


def test_close_does_not_fail_on_a_connection_that_is_gone():
    asyncio.run(connected(GoneBroker(CONNACK)).close())


class UntrustedBroker(Broker):
    """As MicroPython's TLS tells it: a ValueError with a line per complaint, out of whatever call is first to know."""

    def __init__(self, knows, *chunks):
        super().__init__(*chunks)
        self.knows = knows

    async def drain(self):
        if self.knows == "drain":
            raise ValueError("\nThe certificate is not correctly signed by the trusted CA\n")

    async def read(self, longest):
        if self.knows == "read":
            raise ValueError("\nThe certificate has expired\nAnd more\n")
        return await super().read(longest)


def test_tls_goes_to_the_connection_as_it_is_given():
    broker = Broker(CONNACK)
    asyncio.run(client(broker, tls=("context", "gateway")).connect())
    assert broker.address == ("192.168.4.1", 1883, "context", "gateway")


def test_a_certificate_that_is_refused_is_one_line():
    for knows, told in (
        ("drain", "broker's certificate is refused: The certificate is not correctly signed by the trusted CA; see "),
        ("read", "broker's certificate is refused: The certificate has expired; And more; see "),
    ):
        complaint = str(raised(Refused, client(UntrustedBroker(knows)).connect()))
        assert complaint.startswith(told) and "\n" not in complaint, complaint
