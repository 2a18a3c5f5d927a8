"""Modbus RTU frames, as far as the bus itself has to know them."""

from pymodbus.framer.rtu import FramerRTU

READS = (1, 2, 3, 4)
WRITES = (5, 6, 15, 16, 21, 22, 23)


def with_crc(octets: bytes) -> bytes:
    """The frame with its CRC."""
    return octets + FramerRTU.compute_CRC(octets).to_bytes(2, "big")


def is_frame(octets: bytes) -> bool:
    """Whether the bytes are one whole frame: address, function and a CRC that fits."""
    return len(octets) >= 4 and with_crc(octets[:-2]) == octets
