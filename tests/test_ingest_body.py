import gzip

from ingest.body import pack


def test_many_lines_go_packed_and_come_back_whole() -> None:
    lines = [f"bms,unit=raft-01 soc={soc}.0 1764000000000" for soc in range(100)]
    body, encoding = pack(lines)
    assert encoding == "gzip"
    assert gzip.decompress(body).decode().split("\n") == lines


def test_a_line_that_packing_would_lengthen_goes_as_it_is() -> None:
    assert pack(["m f=1 1"]) == (b"m f=1 1", "identity")


def test_the_same_lines_make_the_same_body() -> None:
    lines = ["bms,unit=raft-01 soc=61.0 1764000000000"] * 20
    assert pack(lines) == pack(lines)
