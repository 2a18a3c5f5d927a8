"""The service: the rooms wired together, a thread for each that waits for something of its own."""

import logging
import shutil
import socket
import threading
from collections.abc import Callable
from pathlib import Path

from gateway.alarms import Alarms, GatewayState, bit_names
from gateway.budget import Budget
from gateway.clock import Clock, kernel_boot
from gateway.commit import Committer
from gateway.dating import Dating, freeze_origins
from gateway.deadletters import DeadLetters
from gateway.derived import Derived
from gateway.disk import Disk
from gateway.entry import Entry
from gateway.export import Exported, export
from gateway.forward import Forwarder
from gateway.gaps import Gaps
from gateway.journal import Journal
from gateway.lines import LineMaker
from gateway.notice import Notice
from gateway.page.app import make_app
from gateway.page.doors import Doors
from gateway.page.metrics import metrics
from gateway.page.past_readings import PastReadings
from gateway.page.pin import Pin
from gateway.page.server import make_server
from gateway.page.state import Rooms, healthy, state
from gateway.page.stick import Stick, refuse_the_card
from gateway.receive import KEEPALIVE, Receiver
from gateway.rollup import RollUps
from gateway.settings import Settings
from gateway.temperature import cpu_temperature
from gateway.units import Units
from gateway.watchdog import Progress, ServiceManager
from ingest.points import health_line
from ingest.reading import Value
from ingest.writer import TIMEOUT, open_writer

STOP_SECONDS = 4.0
"""What a thread gets to finish what it is doing; nothing is lost when it does not."""

COMMIT_SLACK = 60.0
"""Seconds for a group's way onto a slow card."""

RECEIVE_SLACK = 3 * KEEPALIVE
FORWARD_SLACK = 10 * TIMEOUT
"""One step makes a few requests, each with a time for connecting, sending and waiting."""

START_SLACK = 90.0
"""Seconds for reading one segment on a slow card. Of two months without a link there are thousands."""

DERIVE_SLACK = 300.0
"""Seconds for an hour of all units on a slow card."""

log = logging.getLogger(__name__)


class Service:
    """Runs until `stop` is set, or until one of its threads ends by itself. One that hangs is left to the watchdog."""

    def __init__(
        self,
        settings: Settings,
        disk: Disk,
        clock: Clock,
        page: socket.socket,
        *,
        stop: threading.Event,
        manager: ServiceManager,
    ) -> None:
        """Reads the journal. Raises OSError where its folder cannot be read or written."""
        self._settings = settings
        self._page = page
        self._stop = stop
        self._manager = manager
        self._refused: str | None = None
        self._died: str | None = None
        self._progress = Progress(clock.boottime)
        self._watchdog = Notice(log, "watchdog")
        kernel = kernel_boot()
        dating = Dating(clock, kernel)
        units = Units()
        gaps = Gaps()

        def heard(entry: Entry) -> None:
            dating.heard_entry(entry)
            if entry.made_here:
                return
            gaps.stored(entry)
            known = entry.kernel == kernel and not entry.queued
            units.heard(entry.message, entry.received if known else None)

        def gets_on() -> None:
            manager.starting(START_SLACK)

        gets_on()
        journal = Journal(disk, on_entry=heard, gets_on=gets_on, limit_bytes=settings.journal_limit)
        dead_letters = DeadLetters(disk)
        receiver = Receiver(settings.broker, clock.boottime, self._on_refused, self._receiver_got_on)
        self._derived = Derived(
            disk=disk,
            journal=journal,
            roll_ups=RollUps(journal.past, journal.origin, kernel, settings.day_begins),
            alarms=Alarms(settings.rules, bit_names(), kernel),
            clock=clock,
            gateway=self._gateway,
            gets_on=gets_on,
        )
        committer = Committer(
            journal=journal,
            dead_letters=dead_letters,
            dating=dating,
            clock=clock,
            kernel=kernel,
            units=units,
            gaps=gaps,
            acknowledger=receiver,
            on_stored=self._derived.heard,
        )
        lines = LineMaker(settings.site, journal.origin, dead_letters)
        self._writer = open_writer(settings.database)
        forwarder = Forwarder(
            interval=settings.forward_interval,
            journal=journal,
            dead_letters=dead_letters,
            writer=self._writer,
            clock=clock,
            lines=lines,
            freeze_origins=lambda: freeze_origins(journal, dating),
            health=self._health,
            budget=Budget(settings.budget, disk, clock.boottime, clock.utc_ms),
        )
        folder = settings.page.export_folder
        stick = None if folder is None else Stick(lambda: self._export(folder))
        pin = None if settings.page.pin is None else Pin(settings.page.pin, clock.boottime)
        self._rooms = Rooms(
            settings.site,
            clock,
            units,
            journal,
            dead_letters,
            receiver,
            committer,
            lines,
            forwarder,
            alarms=self._derived.alarms,
            stick=stick,
            pin=pin is not None,
        )
        doors = Doors(
            state=lambda: state(self._rooms),
            healthy=lambda: healthy(self._rooms),
            metrics=lambda: metrics(self._rooms, self._disk_free()),
            utc_ms=clock.utc_ms,
            history=PastReadings(journal.past, journal.origin),
            pin=pin,
            acknowledge=self._derived.acknowledge,
            export=None if stick is None else stick.begin,
        )
        self._server = make_server(make_app(doors))

    def run(self) -> int:
        """The exit code: 0 after `stop`, 2 when the broker refused us, 1 when a thread died."""
        rooms, settings = self._rooms, self._settings
        for got_on in (self._receiver_got_on, self._committer_got_on, self._forwarder_got_on, self._derived_got_on):
            got_on()
        committing = self._start(
            "commit",
            lambda: rooms.committer.run(
                rooms.receiver.deliveries, settings.commit_interval, self._stop, self._committer_got_on
            ),
        )
        receiving = self._start("receive", rooms.receiver.run)
        forwarding = self._start("forward", lambda: rooms.forwarder.run(self._stop, self._forwarder_got_on))
        deriving = self._start("derive", lambda: self._derived.run(self._stop, self._derived_got_on))
        paging = self._start("page", lambda: self._server.run(sockets=[self._page]))
        log.info(
            "started: %d readings in the journal wait for the database; page on port %d",
            rooms.journal.pending_readings,
            self._page.getsockname()[1],
        )
        self._manager.ready()
        while not self._stop.wait(self._manager.feed_interval):
            self._feed()
        self._manager.stopping()
        committing.join(STOP_SECONDS)  # before the receiver leaves, so that the last group is acknowledged
        rooms.receiver.stop()
        self._server.should_exit = True
        for thread in (receiving, paging, forwarding, deriving):
            thread.join(STOP_SECONDS)
        if not forwarding.is_alive():
            self._writer.close()
        if self._refused is not None:
            log.error("%s", self._refused)
            return 2
        if self._died is not None:
            log.error("thread %r ended by itself; the service cannot go on without it", self._died)
            return 1
        log.info("ended")
        return 0

    def _receiver_got_on(self) -> None:
        self._progress.back_within("receive", RECEIVE_SLACK)

    def _committer_got_on(self) -> None:
        self._progress.back_within("commit", self._settings.commit_interval + COMMIT_SLACK)

    def _forwarder_got_on(self, wait: float = 0.0) -> None:
        self._progress.back_within("forward", wait + FORWARD_SLACK)

    def _derived_got_on(self, wait: float = 0.0) -> None:
        self._progress.back_within("derive", wait + DERIVE_SLACK)

    def _feed(self) -> None:
        if late := self._progress.late():
            self._watchdog.away(f"not fed, because no sign comes from {', '.join(late)}")
        else:
            self._watchdog.back()
            self._manager.alive()

    def _on_refused(self, sentence: str) -> None:
        self._refused = sentence
        self._stop.set()

    def _start(self, name: str, work: Callable[[], None]) -> threading.Thread:
        def supervised() -> None:
            try:
                work()
            finally:
                if not self._stop.is_set():
                    self._died = name
                    self._stop.set()

        thread = threading.Thread(target=supervised, name=name, daemon=True)
        thread.start()
        return thread

    def _health(self, utc_ms: int) -> str:
        rooms = self._rooms
        oldest = rooms.journal.oldest_time()
        fields: dict[str, Value] = {
            "backlog_readings": rooms.journal.pending_readings,
            "backlog_age": 0.0 if oldest is None else max(0, utc_ms - oldest) / 1000,
            "readings_received": rooms.committer.received,
            "readings_duplicate": rooms.committer.duplicates,
            "readings_given_up": rooms.journal.given_up,
            "readings_never_received": rooms.committer.never_received,
            "journal_bytes": rooms.journal.bytes,
            "dead_letters": rooms.dead_letters.count,
            "bytes_sent_today": rooms.forwarder.budget.day_bytes,
            "bytes_sent_month": rooms.forwarder.budget.month_bytes,
            "alarms_open": len(rooms.alarms()),
            "clock_offset": rooms.clock.system_error() or 0.0,
            "disk_free": self._disk_free(),
        }
        if (celsius := cpu_temperature()) is not None:
            fields["cpu_temperature"] = celsius
        limits = rooms.forwarder.budget.limits
        budget = {"budget_day_bytes": limits.day, "budget_month_bytes": limits.month}
        fields |= {name: limit for name, limit in budget.items() if limit is not None}
        return health_line(self._settings.site, fields, utc_ms)

    def _export(self, folder: Path) -> Exported:
        rooms = self._rooms
        refuse_the_card(folder, self._settings.journal_folder)
        return export(folder, rooms.site, rooms.journal.past.stored(forwarded=False), rooms.lines)

    def _gateway(self) -> GatewayState:
        return GatewayState(self._disk_free(), self._rooms.forwarder.budget.spent_share())

    def _disk_free(self) -> int:
        return shutil.disk_usage(self._settings.journal_folder).free
