"""What a database made of one request, in the few classes that decide what happens next."""

from dataclasses import dataclass
from enum import Enum


class Verdict(Enum):
    """What to do with the lines that were sent."""

    WRITTEN = "written"
    """The database answered that all of them are stored."""

    REFUSED = "refused"
    """It will never take these lines as they are: sending them again is of no use. Some of them may be stored."""

    TOO_LARGE = "too large"
    """It may take them in smaller portions."""

    UNAUTHORIZED = "unauthorized"
    """It does not know us, does not let us write, or has no such database or bucket: a person has to mend the settings
    or the server. Nothing is wrong with the lines."""

    BUSY = "busy"
    """It, or the proxy before it, asks us to wait, see `retry_after`. That says nothing about the lines."""

    FAILED = "failed"
    """The database itself says that it failed at this request. It may be in trouble, or the lines may be such that it
    fails at them."""

    UNREACHABLE = "unreachable"
    """No answer, or one that is not the database's: the link or the server is away. Perhaps not, when `sent_bytes` is
    above zero: lines can be such that the server answers with something that is no HTTP. Who sees the same lines fail
    again and again, while `Writer.ping` is answered, has to suspect the lines."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A verdict with its reason in one line.

    `server_utc_ms` is the answer's `Date` header as UTC milliseconds (whole seconds), None when there was none or when
    the answer may be a proxy's or a portal's, whose clock may be wrong.
    `retry_after` is in seconds, None when the server did not say. `sent_bytes` counts the request's body on the wire,
    0 when there was no connection to send it over.
    """

    verdict: Verdict
    reason: str = ""
    server_utc_ms: int | None = None
    retry_after: float | None = None
    sent_bytes: int = 0
