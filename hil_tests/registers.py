"""Register maps of the stand-ins: address → 16 bits, as their pages give them."""

from collections.abc import Iterable

from pymodbus.constants import ExcCodes


class Registers(dict[int, int]):
    """Values go in as the device counts them: `put` rounds to whole numbers and keeps 16 bits, two's complement."""

    def put(self, address: int, *values: float) -> None:
        """One after the other from `address` on."""
        for offset, value in enumerate(values):
            self[address + offset] = round(value) & 0xFFFF

    def put_high_first(self, address: int, value: float) -> None:
        """32 bits, the high word at `address`."""
        self.put(address, round(value) >> 16, round(value))

    def text(self, address: int, text: str, registers: int) -> None:
        octets = text.encode("ascii").ljust(2 * registers, b"\0")
        for register in range(registers):
            self[address + register] = int.from_bytes(octets[2 * register : 2 * register + 2], "big")

    def span(self, start: int, count: int) -> list[int] | ExcCodes:
        """What a device answers that refuses a span whole if one register of it does not exist."""
        addresses = range(start, start + count)
        if any(address not in self for address in addresses):
            return ExcCodes.ILLEGAL_ADDRESS
        return [self[address] for address in addresses]


def bitmap(numbers: Iterable[int]) -> int:
    """The number in which just these bits are set."""
    return sum(1 << number for number in numbers)
