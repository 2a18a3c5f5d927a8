"""Answers the technician's `make doctor` on the console, while the firmware runs on.

Promises: the line `report` is answered with one line, `report: ` and a JSON object. Whatever else is typed is passed over,
Ctrl-C still ends the firmware, and nothing is done that changes anything.
"""

import json

_LONGEST = 16  # bytes of a line that are kept


class Console:
    """`typed` is an asyncio stream, `printed` a file, `report` gives the object."""

    def __init__(self, typed, printed, report):
        self._typed = typed
        self._printed = printed
        self._report = report

    async def run(self):
        """Until the console is closed, which a board's never is."""
        line = b""
        while True:
            byte = await self._typed.read(1)  # never a line: that would wait for its end, and all tasks with it
            if not byte:
                return
            if byte not in b"\r\n":
                line = (line + byte)[:_LONGEST]
                continue
            if line == b"report":
                self._printed.write("report: ")
                json.dump(self._report(), self._printed)
                self._printed.write("\n")
            line = b""
