"""MQTT 3.1.1 on umqtt.simple 1.3.4, with a deadline on every wait.

umqtt's own socket calls can hang for ever: check_msg() and wait_msg() call setblocking(True), which on the ESP32 takes
away whatever timeout the socket had. So umqtt never gets a socket. It makes and reads packets in memory, and the bytes
travel through asyncio streams, one write a packet.

Promises: no call takes longer than its deadline; the first failure raises Lost (or Refused), and the connection is then
of no more use. Does not promise: that a message arrived. `publish` returns when its bytes are on the way; who needs to
know asks the receiver.

With TLS the handshake runs inside the first write, a step whenever bytes of the broker are there, so the loop waits for
the network never, and for the chip's arithmetic only.
"""

import asyncio
import errno

import umqtt.simple

import seldom

DEADLINE = 10  # seconds for the broker to take what we send, or to answer where it must
_LONGEST_PACKET = 4096  # bytes; the longest that we are meant to get is an ack with 32 ranges, below 1 kB

_PUBLISH = 3
_PUBACK = 4
_PINGRESP = 13


class Lost(Exception):
    """The connection is gone or cannot be used any longer; the message says why."""


class Refused(Exception):
    """The broker answered and does not want us; the message says what it does not want."""


class _NoMoreBytes(Exception):
    """umqtt waits for an answer, which will come through the stream."""


class _Memory:
    """What umqtt takes for its socket: collects what it writes, gives it the bytes of one whole packet."""

    def __init__(self):
        self.written = bytearray()
        self.packet = b""

    def connect(self, address):
        pass

    def setblocking(self, flag):
        pass

    def write(self, data, length=None):
        if length is None and isinstance(data, bytearray):  # such as a message, for which the heap has no room twice
            data[:0] = self.written
            self.written = data
        else:
            self.written.extend(data if length is None else data[:length])

    def read(self, count):
        if count and not self.packet:
            raise _NoMoreBytes
        if not 0 <= count <= len(self.packet):
            raise Lost("broker sent a malformed packet")
        data, self.packet = self.packet[:count], self.packet[count:]
        return data


class _Sockets:
    """What umqtt takes for the module `socket`."""

    socket = _Memory

    def getaddrinfo(host, port):
        return [(None, None, None, None, (host, port))]


umqtt.simple.socket = _Sockets  # type: ignore[attr-defined]  # the stubs leave out what a module has imported


class Client(umqtt.simple.MQTTClient):
    """One connection to the broker. `heard(topic, message)` is called with each message, both as bytes.

    `tls` is empty, or what `certificate.checked` gives and the host name that the broker's certificate has to be for.
    """

    def __init__(
        self, host, port, client_id, password, keepalive, heard, tls=(), open_connection=asyncio.open_connection
    ):
        super().__init__(client_id.encode(), host, port, client_id.encode(), password.encode(), keepalive)
        self.set_callback(heard)
        self._tls = tls
        self._open_connection = open_connection
        self._reader = self._writer = None
        self._received = b""
        self._ended = False
        self._unacknowledged = []

    async def connect(self):
        """Opens the connection with a clean session. Raises Lost or Refused."""
        opening = self._open_connection(self.server, self.port, *self._tls)
        self._reader, self._writer = await self._within_deadline(opening, "does not take a connection")
        await seldom.room("opening").connect(self)

    async def subscribe(self, topic):
        """With QoS 1. Raises Lost or Refused."""
        await seldom.room("opening").subscribe(self, topic)

    async def publish(self, topic, message, retain=False):
        """With QoS 1; returns when the packet is sent. Raises Lost. A `message` that is a bytearray becomes the packet."""
        if self.pid >= 65535:  # umqtt counts on for ever
            self.pid = 0
        self.make(umqtt.simple.MQTTClient.publish, topic, message, retain, 1)
        self._unacknowledged.append(self.pid)
        await self.send()

    async def ping(self):
        self.make(umqtt.simple.MQTTClient.ping)
        await self.send()

    async def receive(self, seconds):
        """Handles one packet if one comes within `seconds`; returns whether it did. Raises Lost."""
        packet = await self.next_packet(seconds)
        if packet is None:
            return False
        kind = packet[0] >> 4
        if kind == _PUBLISH and not packet[0] & 4:
            self.sock.packet = packet
            try:
                self.wait_msg()
            except _NoMoreBytes:
                raise Lost("broker sent a malformed packet")
            await self.send()
        elif kind == _PUBACK and len(packet) == 4 and packet[2] << 8 | packet[3] in self._unacknowledged:
            self._unacknowledged.remove(packet[2] << 8 | packet[3])
        elif kind != _PINGRESP:
            raise Lost("broker sent a packet that fits nothing of ours: %s" % packet[:4].hex())
        return True

    async def close(self):
        """Without a word to the broker, so that it publishes our last will."""
        if self._writer:
            self._writer.close()
            try:
                await self._writer.wait_closed()
            except OSError:  # lwIP could not say goodbye; the connection is gone either way
                pass
            self._writer = None

    def make(self, call, *arguments):
        """Lets umqtt make a packet, which `send` sends."""
        try:
            call(self, *arguments)
        except _NoMoreBytes:
            pass

    async def send(self):
        packet, self.sock.written = self.sock.written, bytearray()
        if packet:
            await self._within_deadline(self._write(packet), "does not take what we send")

    async def _write(self, packet):
        self._writer.write(packet)
        await self._writer.drain()

    async def _within_deadline(self, work, complaint):
        try:
            return await asyncio.wait_for(work, DEADLINE)
        except asyncio.TimeoutError:
            raise Lost("broker %s for %d s" % (complaint, DEADLINE))
        except ValueError as error:
            raise seldom.room("opening").untrusted(error)
        except OSError as error:
            raise Lost("broker %s (%s)" % (complaint, errno.errorcode.get(error.errno, error)))

    async def next_packet(self, seconds):
        """The next whole packet, or None if it is not complete within `seconds`; then what has come is kept."""
        length = _packet_length(self._received)
        while length is None or len(self._received) < length:
            if self._ended:
                raise Lost("broker closed the connection")
            try:
                await asyncio.wait_for(self._fill(), seconds)
            except asyncio.TimeoutError:
                return None
            except ValueError as error:
                raise seldom.room("opening").untrusted(error)
            except OSError as error:
                raise Lost("connection broken (%s)" % errno.errorcode.get(error.errno, error))
            length = _packet_length(self._received)
        packet, self._received = self._received[:length], self._received[length:]
        return packet

    async def _fill(self):
        """Keeps itself what comes: wait_for drops a result that comes in the pass in which its time is up."""
        received = await self._reader.read(512)
        self._received += received
        self._ended = not received


def _packet_length(received):
    """Bytes of the packet that `received` begins with, its header included; None while that is not known."""
    length = 0
    for index in range(1, min(len(received), 5)):
        length |= (received[index] & 0x7F) << 7 * (index - 1)
        if not received[index] & 0x80:
            if length > _LONGEST_PACKET:
                break
            return 1 + index + length
    else:
        if len(received) < 5:
            return None
    raise Lost("broker sent a packet of over %d bytes" % _LONGEST_PACKET)
