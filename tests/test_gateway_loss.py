import pytest

from gateway.loss import Lost
from ingest.points import reading_line
from tests.gateway_stand_ins import BOOT, UNIT, UTC_2026, entry


def test_a_loss_stands_where_the_first_reading_stood() -> None:
    lost = Lost.of(entry(9, (UTC_2026 + 9, "device"))).joined(Lost.of(entry(5, (UTC_2026 + 5, "gateway"))))
    told = lost.told("journal_thinned")
    reading = told.reading
    assert (reading.unit, reading.boot, reading.seq, reading.up) == (UNIT, BOOT, 5, 5000)
    assert (reading.device, reading.model, reading.measurement) == ("gateway", "gateway", "loss")
    assert told.dated == (UTC_2026 + 5, "gateway")
    assert reading.signals == {"readings": 2, "last_seq": 9, "duration": 4.0, "reason": "journal_thinned"}


def test_losses_are_joined_into_one_that_tells_as_much() -> None:
    first = Lost.of(entry(1)).joined(Lost.of(entry(3))).told("journal_full")
    second = Lost.of(entry(7)).joined(Lost.of(entry(10))).told("journal_full")
    joined = Lost.of(second).joined(Lost.of(first)).told("journal_full").reading
    assert joined.seq == 1
    assert joined.signals == {"readings": 4, "last_seq": 10, "duration": 9.0, "reason": "journal_full"}


@pytest.mark.parametrize("reason", ["journal_thinned", "journal_full", "journal_damaged", "never_received"])
def test_every_loss_makes_a_point(reason: str) -> None:
    reading = Lost.of(entry(1)).told(reason).reading  # type: ignore[arg-type]
    line, set_aside = reading_line("bay", reading, UTC_2026, "estimated")
    assert line == (
        f"loss,device=gateway,model=gateway,site=bay,unit={UNIT} "
        f'readings=1i,last_seq=1i,duration=0.0,reason="{reason}",time_quality="estimated" {UTC_2026}'
    )
    assert set_aside == []
