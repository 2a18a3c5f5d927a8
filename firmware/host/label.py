"""The label that is stuck on a board: which unit it is. It holds no secret."""

from dataclasses import dataclass
from datetime import date
from xml.sax.saxutils import escape


@dataclass(frozen=True, slots=True)
class Label:
    """`chip` is the ESP32's own address, `firmware` and `micropython` are versions."""

    unit: str
    chip: str
    firmware: str
    micropython: str
    flashed: date

    def lines(self) -> list[str]:
        """The unit's name first."""
        return [
            self.unit,
            f"MQTT user  {self.unit}",
            f"chip       {self.chip}",
            f"firmware   {self.firmware}, MicroPython {self.micropython}",
            f"flashed    {self.flashed.isoformat()}",
        ]

    def text(self) -> str:
        """For the console, in a frame."""
        width = max(map(len, self.lines()))
        rule = "+" + "-" * (width + 2) + "+"
        return "\n".join([rule, *(f"| {line:<{width}} |" for line in self.lines()), rule])

    def svg(self) -> str:
        """To print, 62 mm wide as label printers have it."""
        name, *rest = map(escape, self.lines())
        rows = "".join(
            f'<text x="3" y="{14 + 4.5 * number}" font-size="2.8" xml:space="preserve">{line}</text>\n'
            for number, line in enumerate(rest)
        )
        return (
            '<svg xmlns="http://www.w3.org/2000/svg" width="62mm" height="31mm" viewBox="0 0 62 31" '
            'font-family="monospace">\n'
            '<rect x="0.5" y="0.5" width="61" height="30" rx="2" fill="white" stroke="black" stroke-width="0.4"/>\n'
            f'<text x="3" y="8.5" font-size="6" font-weight="bold">{name}</text>\n{rows}</svg>\n'
        )
