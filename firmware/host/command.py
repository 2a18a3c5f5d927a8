"""How a technician's command ends when something is not right: in one line and an exit code, never in a traceback."""

import functools
import sys
from collections.abc import Sequence
from typing import Protocol

from ingest.settings_file import SettingsError

MENDABLE, INTERRUPTED = 2, 130
"""Exit codes: what a person can mend, and Ctrl-C as a shell counts it."""


class Main(Protocol):
    """What runs a command and gives its exit code."""

    def __call__(self, arguments: Sequence[str] | None = None) -> int:
        """`arguments` are those of the command line, if left out."""


def in_one_line(main: Main) -> Main:
    """A `main` whose SettingsError, OSError and Ctrl-C are one line."""

    @functools.wraps(main)
    def ended(arguments: Sequence[str] | None = None) -> int:
        try:
            return main(arguments)
        except (SettingsError, OSError) as error:
            print(error, file=sys.stderr)
            return MENDABLE
        except KeyboardInterrupt:
            print("\ninterrupted; run it again", file=sys.stderr)
            return INTERRUPTED

    return ended
