"""`python -m gateway --settings FILE`: the gateway as a service. Exit code 2 for what a person has to mend."""

import argparse
import logging
import os
import signal
import sys
import threading
from pathlib import Path

try:
    from gateway.clock import Clock
    from gateway.disk import FolderDisk, FolderInUseError
    from gateway.ntp import ntp_error_ms
    from gateway.page.server import bind
    from gateway.service import Service
    from gateway.settings import Settings, load
    from gateway.watchdog import ServiceManager
    from ingest.settings_file import SettingsError
except ModuleNotFoundError as error:
    way_out = "run make .venv/ready, then .venv/bin/python -m gateway"
    print(f"{sys.executable}: Python package {error.name} is missing; {way_out}", file=sys.stderr)
    sys.exit(2)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m gateway", description=__doc__)
    parser.add_argument("--settings", type=Path, required=True, help="TOML file, see deploy/gateway.example.toml")
    parser.add_argument("--check", action="store_true", help="check the settings and end")
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s: %(message)s", stream=sys.stderr)
    try:
        credentials = os.environ.get("CREDENTIALS_DIRECTORY")  # systemd.exec(5), LoadCredential=
        settings = load(arguments.settings, Path(credentials) if credentials else None)
        if arguments.check:
            print(f"{arguments.settings}: all settings are right")
            return 0
        return serve(settings, Clock(ntp_error=(lambda: None) if settings.ignore_ntp else ntp_error_ms))
    except SettingsError as error:
        print(error, file=sys.stderr)
        return 2


def serve(settings: Settings, clock: Clock) -> int:
    """Run until a signal ends it; the exit code. Raises SettingsError for what a person has to mend."""
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda _number, _frame: stop.set())
    folder = settings.journal_folder
    try:
        disk = FolderDisk(folder)
    except FolderInUseError:
        raise SettingsError(f"journal.folder {folder}: another gateway runs on it; end that one first") from None
    except OSError as error:
        raise SettingsError(
            f"journal.folder {folder}: {error.strerror}; give a folder that this user may write to"
        ) from None
    try:
        with bind(settings.page.host, settings.page.port) as page:
            try:
                service = Service(settings, disk, clock, page, stop=stop, manager=ServiceManager(os.environ))
            except OSError as error:
                raise SettingsError(f"journal.folder {folder}: {error.strerror}; see that it can be written") from None
            return service.run()
    finally:
        disk.close()


if __name__ == "__main__":
    sys.exit(main())
