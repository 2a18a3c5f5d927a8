"""The emulated RS-485 bus of one power unit: a process that a test or the demo starts, and `Bus`, which holds on to it.

    python -m hil_tests.bus --master LINK --ledger FILE --control SOCKET [--start-sun 12:00]

The process makes a pseudo terminal for the board at LINK, prints `ready`, answers as the devices of `--devices`, unless
told otherwise a JK-PB BMS (address 2) and an EPEver Tracer (address 1), writes what it answered to the ledger, and ends
on SIGTERM or SIGINT. SOCKET takes JSON objects, one per line, for example `{"do": "fault", "kind": "crc", "times": 2}`;
the answer to each is an object with `ok` or `error`.
"""

import argparse
import asyncio
import inspect
import json
import os
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, replace
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from hil_tests.daly_device import Daly, DalyP81
from hil_tests.epever_device import EpeverTracer
from hil_tests.hub import Fault, Hub
from hil_tests.jk_pb_device import JkPb
from hil_tests.ledger import Exchange, Ledger
from hil_tests.model import Moment, PowerUnit
from hil_tests.pace_device import Pace, PaceExtended
from hil_tests.renogy_device import RenogyRover
from hil_tests.seplos_device import SeplosV3
from hil_tests.slaves import Device, Slaves
from hil_tests.sun import SunClock, today_at
from hil_tests.tristar_device import TristarMppt
from hil_tests.truth import told

ANSWER_DEADLINE = 10.0
"""Seconds that a test waits for the process to start, to answer, or to end."""

DEVICES: dict[str, Callable[[Callable[[], Moment]], Device]] = {
    "jk_pb": JkPb,
    "epever_tracer": EpeverTracer,
    "seplos_v3": SeplosV3,
    "pace": Pace,
    "pace_extended": PaceExtended,
    "daly": Daly,
    "daly_p81": DalyP81,
    "renogy_rover": RenogyRover,
    "morningstar_tristar": TristarMppt,
}
"""The stand-ins by name, each at an address of its own."""

LONGEST_SOCKET_NAME = 107
"""Bytes that Linux allows in the path of a unix socket."""


class Control:
    """What can be done to a running bus: each public method is a `do` of the socket, its parameters the other keys."""

    def __init__(self, hub: Hub, slaves: Slaves) -> None:
        self._hub, self._slaves = hub, slaves

    def fault(
        self,
        *,
        kind: str,
        times: int | None = 1,
        address: int | None = None,
        seconds: float = 0.1,
        at: int = 3,
        count: int = 5,
    ) -> None:
        """Harm the next replies, or with `times` null all of them; see `hub.Fault`."""
        self._hub.faults.append(Fault(kind, times=times, address=address, seconds=seconds, at=at, count=count))

    def clear_faults(self) -> None:
        self._hub.faults.clear()

    def cut(self) -> None:
        """Cut the cable: nothing reaches the devices until `restore`."""
        self._hub.cut = True

    def restore(self) -> None:
        self._hub.cut = False

    def fail(self, model: str, address: int, exception: int = 4) -> None:
        """Answer every read of that device which covers that register address with an exception."""
        self._slaves.by_model(model).failing[address] = exception

    def heal(self, model: str) -> None:
        self._slaves.by_model(model).failing.clear()

    def vanish(self, model: str) -> None:
        """Let the device fall silent until `come_back`."""
        self._slaves.by_model(model).present = False

    def come_back(self, model: str) -> None:
        self._slaves.by_model(model).present = True

    def counters(self) -> dict[str, dict[str, int]]:
        """Per model: requests heard, refused, unheard and write attempts."""
        return {slave.device.model: dict(slave.counters) for slave in self._slaves.by_address.values()}

    def truth(self, model: str) -> dict[str, tuple[float | bool | str, float]]:
        """Per signal that the device tells: its value just now, and how far a right reading may be from it."""
        device = self._slaves.by_model(model).device
        return told(device.now(), device.resolution, device.words)

    def faults(self) -> list[dict[str, Any]]:
        """What is still to happen to replies."""
        return [asdict(fault) for fault in self._hub.faults]

    def answer(self, line: bytes) -> bytes:
        """One line of the control socket, answered."""
        try:
            arguments = dict(json.loads(line))
            answer = {"ok": self._verb(arguments.pop("do"))(**arguments)}
        except KeyError as missing:
            answer = {"error": f"{missing} is missing"}
        except (ValueError, TypeError, AttributeError) as refusal:
            answer = {"error": str(refusal)}
        return json.dumps(answer).encode() + b"\n"

    def _verb(self, name: str) -> Callable[..., object]:
        methods = inspect.getmembers(self, inspect.ismethod)
        verbs = {known: method for known, method in methods if not known.startswith("_") and known != "answer"}
        if name not in verbs:
            raise ValueError(f"the bus cannot {name!r}; it can {', '.join(verbs)}")
        return verbs[name]


async def serve(options: argparse.Namespace) -> None:
    """Run the bus until SIGTERM or SIGINT."""
    loop = asyncio.get_running_loop()
    sun = SunClock(loop.time(), today_at(time.time(), options.start_sun), options.speed)
    unit = PowerUnit(options.seed, today_at(sun.sun_start, "00:00"), clock_error=options.controller_clock_error)

    def now() -> Moment:
        return unit.at(sun.sun_time(loop.time()))

    devices = [DEVICES[name](now) for name in options.devices.split(",")]
    for device in devices:
        if isinstance(device, EpeverTracer):
            device.refuses_gaps = options.epever_refuses_gaps
    slaves = Slaves(devices, loop.time)
    ledger = Ledger(options.ledger)

    def report(exchange: Exchange) -> None:
        slave = slaves.by_address.get(exchange.address)
        if exchange.delivered and slave:
            slaves.reply_ended(exchange.address)
        ledger.append(replace(exchange, device=slave.device.model if slave else None))

    async def control(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while line := await reader.readline():
            writer.write(commands.answer(line))
            await writer.drain()
        writer.close()

    hub = Hub(
        options.master,
        options.baudrate,
        gate=slaves.gate,
        report=report,
        utc=time.time,
        seed=options.seed,
        minds_baudrate=options.minds_baudrate,
    )
    commands = Control(hub, slaves)
    stopped = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopped.set)
    simulator = slaves.server(hub.devices_port, options.baudrate)
    await simulator.serve_forever(background=True)
    carrying = asyncio.create_task(hub.run())
    server = await asyncio.start_unix_server(control, options.control)
    now()
    print("ready", flush=True)
    stopping = asyncio.create_task(stopped.wait())
    try:
        await asyncio.wait((carrying, stopping), return_when=asyncio.FIRST_COMPLETED)
        carrying.cancel()
        with suppress(asyncio.CancelledError):
            await carrying
    finally:
        server.close()
        await simulator.shutdown()  # type: ignore[no-untyped-call]
        hub.close()
        options.control.unlink(missing_ok=True)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m hil_tests.bus", description="Emulated RS-485 bus of one power unit."
    )
    parser.add_argument(
        "--master", type=Path, required=True, metavar="LINK", help="symbolic link to make for the board's port"
    )
    parser.add_argument("--ledger", type=Path, required=True, metavar="FILE", help="log of every request, JSON lines")
    parser.add_argument(
        "--control", type=Path, required=True, metavar="SOCKET", help="unix socket for faults and counters"
    )
    parser.add_argument("--devices", default="jk_pb,epever_tracer", metavar="NAMES", help="default jk_pb,epever_tracer")
    parser.add_argument("--baudrate", type=int, default=115200, help="default 115200")
    parser.add_argument("--minds-baudrate", action="store_true", help="hear only a master that is set to it")
    parser.add_argument("--start-sun", default="12:00", metavar="HH:MM", help="local time of the sun at the start")
    parser.add_argument("--speed", type=float, default=1.0, help="how much faster than the clock the sun moves")
    parser.add_argument("--seed", type=int, default=1, help="of weather, cells and noise")
    parser.add_argument("--controller-clock-error", type=float, default=0.0, metavar="SECONDS")
    parser.add_argument("--epever-refuses-gaps", action="store_true", help="as some firmware of the controller does")
    options = parser.parse_args()
    if options.baudrate < 300:
        parser.error(f"--baudrate {options.baudrate} is too slow for Modbus; 9600 and 115200 are usual")
    for name in options.devices.split(","):
        if name not in DEVICES:
            parser.error(f"--devices {name} is unknown; there is {', '.join(DEVICES)}")
    if options.speed <= 0:
        parser.error(f"--speed {options.speed} must be above 0")
    for name in ("master", "ledger", "control"):
        path: Path = getattr(options, name)
        if not path.parent.is_dir():
            parser.error(f"--{name} {path}: there is no folder {path.parent}; make it first")
        if name != "ledger" and (path.exists() or path.is_symlink()):
            parser.error(f"--{name} {path} exists; is another bus running there? remove it if not")
    if len(os.fsencode(options.control)) > LONGEST_SOCKET_NAME:
        parser.error(f"--control {options.control} is too long for a socket; at most {LONGEST_SOCKET_NAME} bytes")
    try:
        today_at(0, options.start_sun)
    except ValueError as mistake:
        parser.error(f"--start-sun: {mistake}")
    return options


class Bus:
    """The process, for a test or the demo: started in a folder, told what to do, stopped by its id.

    `port` is the board's serial port, `ledger` the log. Options are those of the command line, with underscores.
    """

    def __init__(self, folder: Path, **options: object) -> None:
        self.port = folder / "rs485"
        self.ledger = Ledger(folder / "ledger.jsonl")
        self._socket = folder / "bus.sock"
        self.log = folder / "bus.log"
        self._options = options
        self._process: subprocess.Popen[str] | None = None

    def start(self) -> Self:
        """Returns when the bus answers. Raises RuntimeError with the process' own words when it does not come up."""
        command: list[str | Path] = [sys.executable, "-m", "hil_tests.bus"]
        command += ["--master", self.port, "--ledger", self.ledger.path, "--control", self._socket]
        for name, value in self._options.items():
            flag = f"--{name.replace('_', '-')}"
            command += [flag] if value is True else [flag, str(value)]
        with self.log.open("w", encoding="utf-8") as log:
            self._process = subprocess.Popen(
                command,
                cwd=Path(__file__).parents[1],
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                start_new_session=True,
            )
        assert self._process.stdout is not None
        heard, _, _ = select.select([self._process.stdout], [], [], ANSWER_DEADLINE)
        if not heard or self._process.stdout.readline() != "ready\n":
            self.stop()
            raise RuntimeError(f"the bus did not start: {self.log.read_text('utf-8').strip()}")
        return self

    def stop(self) -> None:
        """End the process; a bus that is not running is left alone."""
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(ANSWER_DEADLINE)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        if self._process.stdout is not None:
            self._process.stdout.close()
        self._process = None

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def do(self, verb: str, **arguments: object) -> Any:
        """What a method of `Control` does, done in the process. Raises ValueError with its answer when it refuses."""
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(ANSWER_DEADLINE)
            connection.connect(str(self._socket))
            connection.sendall(json.dumps({"do": verb} | arguments).encode() + b"\n")
            with connection.makefile("rb") as lines:
                answer = json.loads(lines.readline())
        if "error" in answer:
            raise ValueError(answer["error"])
        return answer["ok"]


def main() -> None:
    asyncio.run(serve(_options()))


if __name__ == "__main__":
    main()
