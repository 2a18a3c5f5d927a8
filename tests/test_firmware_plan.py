from hypothesis import given
from hypothesis import strategies as st

from firmware.host.plan import Block, Limits, plan

LIMITS = Limits(max_registers=20)


def test_neighbours_share_a_read() -> None:
    assert plan([Block(4, 0x3100, 1), Block(4, 0x3101, 1), Block(4, 0x3102, 2)], [], LIMITS) == [Block(4, 0x3100, 4)]


def test_a_known_gap_is_bridged_and_an_unknown_one_is_not() -> None:
    wanted = [Block(4, 10, 1), Block(4, 13, 1)]
    assert plan(wanted, [Block(4, 11, 2)], LIMITS) == [Block(4, 10, 4)]
    assert plan(wanted, [Block(4, 11, 1)], LIMITS) == wanted
    assert plan(wanted, [Block(3, 11, 2)], LIMITS) == wanted


def test_a_pair_is_never_split_over_two_reads() -> None:
    wanted = [Block(4, 0, 1), Block(4, 1, 2), Block(4, 3, 2)]
    assert plan(wanted, [], Limits(max_registers=4)) == [Block(4, 0, 3), Block(4, 3, 2)]


def test_addresses_that_count_bytes() -> None:
    wanted = [Block(3, 0x1290, 2), Block(3, 0x1294, 2), Block(3, 0x1298, 2)]
    limits = Limits(max_registers=64, address_step=2)
    assert plan(wanted, [], limits) == [Block(3, 0x1290, 6)]
    assert plan([wanted[0], wanted[2]], [], limits) == [wanted[0], wanted[2]]


def test_registers_that_some_firmwares_refuse_are_read_apart() -> None:
    wanted = [Block(3, 0, 1), Block(3, 1, 1, optional=True), Block(3, 2, 1, optional=True)]
    assert plan(wanted, [], LIMITS) == [Block(3, 0, 1), Block(3, 1, 2, optional=True)]


def test_two_signals_of_one_register_are_one_read() -> None:
    assert plan([Block(3, 5, 1), Block(3, 5, 1), Block(3, 5, 2)], [], LIMITS) == [Block(3, 5, 2)]


def test_what_lies_in_a_known_span_is_read_as_that_span() -> None:
    span = Block(1, 0x1200, 144)
    wanted = [Block(1, 0x1278, 1), Block(1, 0x1230, 16), Block(1, 0x1300, 8), Block(3, 0x1230, 1)]
    assert plan(wanted, [], LIMITS, [span]) == [span, Block(1, 0x1300, 8), Block(3, 0x1230, 1)]
    assert plan([Block(1, 0x1280, 32)], [], LIMITS, [span]) == [Block(1, 0x1280, 32)]


def test_a_span_takes_no_neighbour_in() -> None:
    span = Block(3, 0, 10)
    assert plan([Block(3, 4, 1), Block(3, 10, 1)], [], LIMITS, [span]) == [span, Block(3, 10, 1)]


def test_an_optional_span_is_read_only_for_what_is_optional() -> None:
    span = Block(3, 0, 10, optional=True)
    assert plan([Block(3, 4, 1), Block(3, 5, 1, optional=True)], [], LIMITS, [span]) == [Block(3, 4, 1), span]


def test_functions_keep_their_order() -> None:
    assert plan([Block(4, 9, 1), Block(2, 3, 1), Block(4, 1, 1)], [], LIMITS) == [
        Block(4, 1, 1),
        Block(4, 9, 1),
        Block(2, 3, 1),
    ]


BLOCKS = st.lists(st.builds(Block, st.sampled_from([3, 4]), st.integers(0, 60), st.sampled_from([1, 2])), max_size=20)


@given(BLOCKS, BLOCKS, st.integers(2, 20))
def test_every_wanted_register_is_read_whole_and_nothing_unknown_is_touched(
    wanted: list[Block], known: list[Block], most: int
) -> None:
    reads = plan(wanted, known, Limits(max_registers=most))
    spans = [(read.function, set(range(read.address, read.address + read.count))) for read in reads]
    exists = {(block.function, block.address + word) for block in wanted + known for word in range(block.count)}
    assert all(len(words) <= most and {(function, word) for word in words} <= exists for function, words in spans)
    for block in wanted:
        needed = set(range(block.address, block.address + block.count))
        assert any(function == block.function and needed <= words for function, words in spans)
