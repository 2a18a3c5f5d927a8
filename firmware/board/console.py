"""Answers the technician's `make doctor` on the console, while the firmware runs on.

Promises: the line `report` is answered with one line, `report: ` and a JSON object. Whatever else is typed is passed over,
Ctrl-C still ends the firmware, and nothing is done that changes anything. A room whose report does not fit into the heap
is null in it, so that asking never restarts the board.
"""

import json

_LONGEST = 16  # bytes of a line that are kept


class Console:
    """`typed` is an asyncio stream, `printed` a file. `rooms` are names with a function each that gives a JSON value."""

    def __init__(self, typed, printed, rooms):
        self._typed = typed
        self._printed = printed
        self._rooms = rooms

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
                self._answer()
            line = b""

    def _answer(self):
        before = "report: {"
        for name, report in self._rooms:
            try:
                told = json.dumps(report())  # room by room: the heap may not hold all of them at once
            except MemoryError:
                told = "null"
            self._printed.write('%s"%s": %s' % (before, name, told))
            before = ", "
        self._printed.write("}\n")
