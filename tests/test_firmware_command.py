from collections.abc import Sequence

import pytest

from firmware.host.command import in_one_line
from ingest.settings_file import SettingsError


@pytest.mark.parametrize(
    ("raised", "code", "line"),
    [
        (SettingsError("unit.toml: missing; copy it"), 2, "unit.toml: missing; copy it"),
        (OSError("No space left on device"), 2, "No space left on device"),
        (KeyboardInterrupt(), 130, "interrupted; run it again"),
    ],
)
def test_what_ends_a_command_is_one_line(
    raised: BaseException, code: int, line: str, capsys: pytest.CaptureFixture[str]
) -> None:
    @in_one_line
    def main(arguments: Sequence[str] | None = None) -> int:
        assert arguments is None
        raise raised

    assert main() == code
    assert capsys.readouterr().err.strip() == line


def test_what_ends_well_keeps_its_exit_code() -> None:
    @in_one_line
    def main(arguments: Sequence[str] | None = None) -> int:
        return len(arguments or ())

    assert main(["--port"]) == 1


def test_a_mistake_of_ours_is_no_one_line() -> None:
    @in_one_line
    def main(arguments: Sequence[str] | None = None) -> int:
        raise ZeroDivisionError(arguments)

    with pytest.raises(ZeroDivisionError):
        main()
