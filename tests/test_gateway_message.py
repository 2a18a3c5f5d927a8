import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.message import (
    MAX_PAYLOAD,
    MessageError,
    ReadingMessage,
    StatusMessage,
    parse,
    payload_of,
    reading_message,
)
from ingest.reading import Reading
from tests.gateway_stand_ins import BOOT, UNIT, UTC_2026, document

TOPIC = f"powerunit/v1/{UNIT}/reading"


def payload(**changes: Any) -> bytes:
    return json.dumps(document(7) | changes).encode()


def refusal(topic: str, data: bytes) -> str:
    with pytest.raises(MessageError) as caught:
        parse(topic, data)
    text = str(caught.value)
    assert "\n" not in text
    assert len(text) <= 300
    return text


def test_a_reading_is_taken_whole() -> None:
    data = payload(t=UTC_2026, oldest=3, error="address 2: no answer")
    assert parse(TOPIC, data) == ReadingMessage(
        Reading(
            unit=UNIT,
            boot=BOOT,
            seq=7,
            device="bms1",
            model="jk_pb",
            measurement="bms",
            up=7000,
            t=UTC_2026,
            signals={"pack_voltage": 52.5, "cycles": 7},
            error="address 2: no answer",
        ),
        sent=7100,
        oldest=3,
        document=data,
    )


LOSS = {"readings": 4, "last_seq": 12, "duration": 60.5, "reason": "spool_thinned"}


def loss(**changes: Any) -> bytes:
    return payload(device="board", model="esp32", measurement="loss", signals=LOSS | changes)


@pytest.mark.parametrize("reason", ["spool_thinned", "spool_full", "flash_damaged"])
def test_a_loss_is_taken(reason: str) -> None:
    message = parse(TOPIC, loss(reason=reason))
    assert isinstance(message, ReadingMessage)
    assert (message.reading.seq, message.reading.signals) == (7, LOSS | {"reason": reason})


@pytest.mark.parametrize(
    "changes",
    [
        {"readings": 0},
        {"readings": 1.5},
        {"readings": 7},
        {"last_seq": 6},
        {"last_seq": 2**32},
        {"duration": -1},
        {"reason": "journal_full"},
        {"more": 1},
    ],
)
def test_a_loss_that_cannot_be_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(MessageError) as caught:
        parse(TOPIC, loss(**changes))
    assert caught.value.reading == ((UNIT, BOOT), 7)


@pytest.mark.parametrize("changes", [{"device": "bms1"}, {"model": "jk_pb"}, {"signals": {"readings": 1}}])
def test_a_loss_is_told_by_the_board_itself(changes: dict[str, Any]) -> None:
    lost = {"device": "board", "model": "esp32", "measurement": "loss", "signals": LOSS}
    with pytest.raises(MessageError):
        parse(TOPIC, payload(**lost | changes))


@pytest.mark.parametrize("changes", [{"oldest": 7}, {"sent": 7000}, {"up": 2**53 - 1, "sent": 2**53 - 1}])
def test_the_bounds_themselves_are_taken(changes: dict[str, Any]) -> None:
    assert isinstance(parse(TOPIC, payload(**changes)), ReadingMessage)


@pytest.mark.parametrize("changes", [{"device": None}, {"oldest": 8}, {"sent": 1}, {"up": -1}, {"signals": []}])
def test_a_refused_reading_is_named_where_it_says_whose_it_is(changes: dict[str, Any]) -> None:
    with pytest.raises(MessageError) as caught:
        parse(TOPIC, payload(**changes))
    assert caught.value.reading == ((UNIT, BOOT), 7)


@pytest.mark.parametrize("changes", [{"boot": "x"}, {"boot": None}, {"seq": -1}, {"seq": True}, {"seq": 2**32}])
def test_a_refused_reading_of_nobody_has_no_name(changes: dict[str, Any]) -> None:
    with pytest.raises(MessageError) as caught:
        parse(TOPIC, payload(**changes))
    assert caught.value.reading is None


def test_a_status_is_taken() -> None:
    data = json.dumps({"state": "online", "boot": BOOT, "firmware": "1.2"}).encode()
    assert parse(f"powerunit/v1/{UNIT}/status", data) == StatusMessage(UNIT, online=True, boot=BOOT, firmware="1.2")


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "not JSON"),
        (b"\xff\xfe{", "not UTF-8 at byte 0"),
        (b"[]", "not a JSON object"),
        (b"{}", "must contain"),
        (b'{"a": 1, "a": 2}', "twice"),
        (payload(signals={"soc": float("nan")}), "NaN"),
        (payload(signals={"soc": float("inf")}), "Infinity"),
        (payload().replace(b"52.5", b"1e999"), "1e999"),
        (payload().replace(b"52.5", b"9" * 5000), "too large"),
        (payload(seq=2**63), "too large"),
        (payload(seq=2**32), "seq"),
        (payload(seq=-1), "seq"),
        (payload(t=4_294_967_296_000), "t must be"),
        (payload(t=0), "t must be"),
        (payload(oldest=8), "oldest 8 is above seq 7"),
        (payload(sent=6999), "sent 6999 is before up 7000"),
        (payload(up=2**53, sent=2**53), "up"),
        (payload(sent=2**53), "sent"),
        (payload(up=1e300, sent=1e300), "up"),
        (payload(boot="../../etc"), "boot"),
        (payload(device="bms1\n"), "device"),
        (payload(signals={"soc": None}), "soc"),
        (payload(signals={f"s{number}": 1 for number in range(81)}), "signals"),
        (payload(error="\ud800"), "surrogate"),
        (b"[" * 50_000, "nested"),
        (b'{"a":' * 10_000, "nested"),
        (b" " * 1_000_000, str(MAX_PAYLOAD)),
    ],
)
def test_what_does_not_fit_says_why(data: bytes, reason: str) -> None:
    assert reason in refusal(TOPIC, data)


@pytest.mark.parametrize(
    "topic", ["powerunit/v1/Raft/reading", "powerunit/v1//reading", "powerunit/v1/a/b/reading", "powerunit/v1/a/ack"]
)
def test_a_foreign_topic_says_so(topic: str) -> None:
    assert "topic" in refusal(topic, payload())


@given(
    st.binary(max_size=300)
    | st.recursive(st.none() | st.text() | st.floats(), st.lists).map(json.dumps).map(str.encode)
)
def test_no_bytes_do_more_than_be_refused(data: bytes) -> None:
    refusal(TOPIC, data)


@given(
    st.sampled_from(sorted(document(0))),
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.lists(st.integers()),
)
def test_a_wrong_value_anywhere_is_refused_or_harmless(key: str, value: Any) -> None:
    try:
        message = parse(TOPIC, payload(**{key: value}))
    except MessageError:
        return
    assert isinstance(message, ReadingMessage)
    assert isinstance(message.reading.seq, int)
    assert isinstance(message.reading.signals, dict)


@pytest.mark.parametrize("changes", [{}, {"t": UTC_2026, "sent": None, "error": "no answer"}, {"signals": {}}])
def test_a_message_can_be_written_as_it_came(changes: dict[str, Any]) -> None:
    given = parse(TOPIC, payload(**changes))
    assert isinstance(given, ReadingMessage)
    written = payload_of(given)
    assert reading_message(UNIT, json.loads(written), given.document) == given


def test_the_gateways_own_name_is_no_boards() -> None:
    assert refusal(TOPIC, payload(device="gateway")).startswith("device 'gateway': that name is the gateway's own")


def test_a_time_in_2106_is_refused() -> None:
    assert "t must be smaller" in refusal(TOPIC, payload(t=4_294_967_296_000))


def test_a_message_of_a_megabyte_is_refused_unread() -> None:
    assert refusal(TOPIC, b"[" * 1_000_000) == f"1000000 bytes; at most {MAX_PAYLOAD} are taken"
