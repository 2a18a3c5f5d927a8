"""What comes in over MQTT, checked: a payload becomes a reading, or a sentence that says why it does not."""

import json
import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any, cast

import fastjsonschema

from ingest.reading import Reading

MAX_PAYLOAD = 65536
"""Bytes; the broker refuses larger ones too (`max_packet_size` in deploy/mosquitto/mosquitto.conf)."""

LARGEST_UP = 2**53 - 1
"""ms since boot, as in reading.schema.json."""

Identity = tuple[tuple[str, str], int]

_TOPIC = re.compile(r"powerunit/v1/([a-z][a-z0-9_-]{0,31})/(reading|status)")
_BOOT = re.compile(r"[0-9a-f]{8,32}")
_LARGEST_SEQ = 2**32 - 1
_HALF_PAIR = re.compile(r"[\ud800-\udfff]")
_INT64 = 2**63


class MessageError(Exception):
    """A message that fits no schema. Its text is the reason, one line; `reading` is the identity of the reading that it
    was to be, `((unit, boot), seq)`, None where it does not say.
    """

    def __init__(self, reason: str, reading: Identity | None = None) -> None:
        super().__init__(reason)
        self.reading = reading


@dataclass(frozen=True, slots=True)
class ReadingMessage:
    """A reading as a board published it.

    `sent` is ms since the board's boot at publishing, None when that boot is over; `oldest` the lowest seq of that
    boot that the board still holds; `document` the payload itself, the form in which it goes into the journal, or empty
    when the message came out of there.
    """

    reading: Reading
    sent: int | None
    oldest: int
    document: bytes


@dataclass(frozen=True, slots=True)
class StatusMessage:
    """Whether a unit is connected to the broker, by its own word or by its last will."""

    unit: str
    online: bool
    boot: str
    firmware: str | None


def parse(topic: str, payload: bytes) -> ReadingMessage | StatusMessage:
    """The message, whatever bytes came. Raises MessageError."""
    match = _TOPIC.fullmatch(topic)
    if match is None:
        raise MessageError("topic: not powerunit/v1/<unit>/reading or …/status with a valid unit name")
    unit, kind = match.groups()
    document = _document(payload)
    try:
        _validator(kind)(document)
    except fastjsonschema.JsonSchemaValueException as error:
        raise MessageError(_one_line(error.message), _identity(unit, document)) from None
    if kind == "status":
        return StatusMessage(unit, document["state"] == "online", document["boot"], document.get("firmware"))
    message = reading_message(unit, document, payload)
    _refuse_contradictions(message)
    return message


def reading_message(unit: str, document: dict[str, Any], text: bytes) -> ReadingMessage:
    """A `reading` document that fits the schema, as a message; `payload_of` is the way back."""
    reading = Reading(
        unit=unit,
        boot=document["boot"],
        seq=int(document["seq"]),
        device=document["device"],
        model=document["model"],
        measurement=document["measurement"],
        up=int(document["up"]),
        t=None if document["t"] is None else int(document["t"]),
        signals=document["signals"],
        error=document.get("error"),
    )
    sent = None if document["sent"] is None else int(document["sent"])
    return ReadingMessage(reading, sent, int(document["oldest"]), text)


def payload_of(message: ReadingMessage) -> bytes:
    """The document from which `reading_message` makes this message."""
    reading = message.reading
    said = {
        "boot": reading.boot,
        "seq": reading.seq,
        "device": reading.device,
        "model": reading.model,
        "measurement": reading.measurement,
        "up": reading.up,
        "t": reading.t,
        "sent": message.sent,
        "oldest": message.oldest,
        "signals": reading.signals,
    }
    return json.dumps(said if reading.error is None else said | {"error": reading.error}).encode()


def _refuse_contradictions(message: ReadingMessage) -> None:
    """What no schema can say, between two keys: each would make us acknowledge, date or count what was never there."""
    seq, up = message.reading.seq, message.reading.up
    identity = (message.reading.unit, message.reading.boot), seq
    if message.reading.device == "gateway":
        raise MessageError("device 'gateway': that name is the gateway's own; give the device another", identity)
    if message.oldest > seq:
        raise MessageError(f"oldest {message.oldest} is above seq {seq}: the board holds no such reading", identity)
    if message.sent is not None and message.sent < up:
        raise MessageError(f"sent {message.sent} is before up {up}: a reading is taken before it is sent", identity)
    if message.reading.measurement == "loss":
        readings, last_seq = (int(message.reading.signals[name]) for name in ("readings", "last_seq"))
        if last_seq < seq or readings > last_seq - seq + 1:
            raise MessageError(
                f"{readings} readings lost from seq {seq} to {last_seq}: so many there are not", identity
            )


def _identity(unit: str, document: dict[str, Any]) -> Identity | None:
    boot, seq = document.get("boot"), document.get("seq")
    if not isinstance(boot, str) or not _BOOT.fullmatch(boot) or type(seq) is not int or not 0 <= seq <= _LARGEST_SEQ:
        return None
    return (unit, boot), seq


def _document(payload: bytes) -> dict[str, Any]:
    if len(payload) > MAX_PAYLOAD:
        raise MessageError(f"{len(payload)} bytes; at most {MAX_PAYLOAD} are taken")
    try:
        document = json.loads(
            payload.decode("utf-8"),
            object_pairs_hook=_object,
            parse_constant=_no_constant,
            parse_float=_finite,
            parse_int=_int64,
        )
    except UnicodeDecodeError as error:
        raise MessageError(f"not UTF-8 at byte {error.start}") from None
    except RecursionError:
        raise MessageError("not JSON that can be read: nested too deep") from None
    except json.JSONDecodeError as error:
        raise MessageError(f"not JSON: {error.msg} at character {error.pos}") from None
    if not isinstance(document, dict):
        raise MessageError("not a JSON object")
    return document


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) != len(pairs):
        raise MessageError("a key stands twice in one object")
    for value in result.values():
        if isinstance(value, str) and _HALF_PAIR.search(value):
            raise MessageError("a string holds half a surrogate pair, which is no character")
    return result


def _no_constant(name: str) -> float:
    raise MessageError(f"{name} is no number in JSON")


def _finite(digits: str) -> float:
    number = float(digits)
    if not math.isfinite(number):
        raise MessageError(f"the number {digits[:40]} is too large")
    return number


def _int64(digits: str) -> int:
    if len(digits) > 20 or not -_INT64 <= int(digits) < _INT64:
        raise MessageError(f"the number {digits[:40]} is too large")
    return int(digits)


@cache
def _validator(kind: str) -> Callable[[Any], Any]:
    schema = json.loads(resources.files("gateway").joinpath("schema", f"{kind}.schema.json").read_text("utf-8"))
    return cast(Callable[[Any], Any], fastjsonschema.compile(schema))


def _one_line(text: str) -> str:
    return " ".join(text.split())[:300]
