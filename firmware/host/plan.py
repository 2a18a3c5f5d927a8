"""Which reads fetch the wanted registers: the fewest that the device allows."""

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Block:
    """Registers, or bits of functions 1 and 2, that belong together: a 32-bit pair is never split.

    `optional` ones are refused by some firmwares, so they share no read with the others.
    """

    function: int
    address: int
    count: int
    optional: bool = False


@dataclass(frozen=True, slots=True)
class Limits:
    """What one read may span.

    `address_step` is how far the address advances from one register to the next: 2 where a device counts bytes.
    """

    max_registers: int
    address_step: int = 1


def plan(wanted: Iterable[Block], known: Iterable[Block], limits: Limits, spans: Iterable[Block] = ()) -> list[Block]:
    """The reads for `wanted`, in the order in which functions first appear there and then by address.

    A read may bridge registers that nobody wants if they are `known`; it never touches one that no document tells of,
    because some devices refuse the whole span then. What lies in one of the `spans`, which are known to be answered, is
    fetched by reading that span as it is.
    """
    whole = set(spans)
    blocks = list(dict.fromkeys(_spanned(block, whole, limits) for block in wanted))
    functions = list(dict.fromkeys(block.function for block in blocks))
    blocks.sort(key=lambda block: (functions.index(block.function), block.optional, block.address, block.count))
    exists = {(block.function, address) for block in [*blocks, *known] for address in _addresses(block, limits)}
    reads: list[Block] = []
    for block in blocks:
        merged = _merged(reads[-1], block, limits) if reads and not {block, reads[-1]} & whole else None
        if merged and all((block.function, address) in exists for address in _addresses(merged, limits)):
            reads[-1] = merged
        else:
            reads.append(block)
    return reads


def _spanned(block: Block, spans: set[Block], limits: Limits) -> Block:
    """The span that the block lies in, or the block itself."""
    for span in spans:
        same = (span.function, span.optional) == (block.function, block.optional)
        if same and set(_addresses(block, limits)) <= set(_addresses(span, limits)):
            return span
    return block


def _step(function: int, limits: Limits) -> int:
    return limits.address_step if function in (3, 4) else 1


def _addresses(block: Block, limits: Limits) -> range:
    step = _step(block.function, limits)
    return range(block.address, block.address + block.count * step, step)


def _merged(read: Block, block: Block, limits: Limits) -> Block | None:
    if (read.function, read.optional) != (block.function, block.optional):
        return None
    last = max(_addresses(read, limits)[-1], _addresses(block, limits)[-1])
    count = (last - read.address) // _step(read.function, limits) + 1
    return Block(read.function, read.address, count, read.optional) if count <= limits.max_registers else None
