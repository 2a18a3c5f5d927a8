from ingest.signals import catalogue
from ingest.signals_page import PAGE, page


def test_the_page_is_up_to_date() -> None:
    assert PAGE.read_text("utf-8") == page(), "run python -m ingest.signals_page"


def test_it_tells_every_signal_with_unit_range_and_meaning() -> None:
    rows = page().splitlines()
    assert "| `soc` | float | % | 0 to 100 | 30 or more | State of charge, as the BMS estimates it |" in rows
    signals = [signal for table in catalogue().values() for signal in table.values()]
    assert sum(row.startswith("| `") for row in rows) == len(signals)
