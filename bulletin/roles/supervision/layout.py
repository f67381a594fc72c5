"""Which processes make up a board, and with which ports and options: all that is known before anything starts."""

import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Final

import attrs

from bulletin.core.store.port import StoreError
from bulletin.storage.files import replace_durably

HOST: Final = "127.0.0.1"
EVERYWHERE: Final = "*"
BASE_PORT: Final = 5555
SERVERS: Final = 3

SERVERS_MAX: Final = 15
"""Servers on one machine at most."""

REMEMBERED: Final = "board.json"
"""The file in the data directory that holds what its servers were founded with."""

# The child leaves the terminal's foreground group at once: a Ctrl-C is for the board, which stops its children.
_TWISTD: Final = "import os; os.setpgid(0, 0); from twisted.scripts.twistd import run; run()"


@attrs.frozen
class Role:
    """One process of the board.

    :param name: its label on the screen, and the name of its log.
    :param command: twistd's command.
    :param options: that command's options, but ``--http``.
    :param endpoints: (what it is for, endpoint), for the screen.
    """

    name: str
    command: str
    options: tuple[str, ...]
    endpoints: tuple[tuple[str, str], ...]

    @property
    def is_server(self) -> bool:
        """Whether it may lead."""
        return self.command == "bulletin-server"

    def command_line(self, http_port: int) -> tuple[str, ...]:
        """What to run: this very Python, and the twistd that is installed in it."""
        # -P: what lies in the current directory is no part of the program.
        python = (sys.executable, "-P", "-c", _TWISTD)
        logger = "bulletin.roles.supervision.logs.observer"
        twistd = ("-n", "--pidfile=", f"--logger={logger}", self.command)
        return (*python, *twistd, *self.options, "--http", f"{HOST}:{http_port}")


def ports(servers: int, base_port: int) -> tuple[int, ...]:
    """The ports that the roles listen on, without those for HTTP."""
    return (*range(base_port, base_port + 4), *range(base_port + 5, base_port + 6 + servers))


def lay_out(
    directory: Path,
    servers: int,
    base_port: int,
    skews: Mapping[int, tuple[str, ...]] = MappingProxyType({}),
    *,
    everywhere: bool = False,
) -> tuple[Role, ...]:
    """The roles of a board.

    :param directory: its data directory; each role's data lies in a directory of its own below it.
    :param servers: how many servers.
    :param base_port: the broker's port; the others follow.
    :param skews: further options of some servers, by their numbers: those that make their clocks wrong.
    :param everywhere: whether clients are served on every address of this machine; the roles among themselves never are.
    """

    def at(offset: int, host: str = HOST) -> str:
        return f"tcp://{host}:{base_port + offset}"

    for_clients = EVERYWHERE if everywhere else HOST

    broker = Role(
        "broker",
        "bulletin-broker",
        ("--clients", at(0, for_clients), "--servers", at(1)),
        (("clients", at(0, for_clients)), ("servers", at(1))),
    )
    proxy = Role(
        "proxy",
        "bulletin-proxy",
        ("--publishers", at(2), "--subscribers", at(3, for_clients)),
        (("publishers", at(2)), ("subscribers", at(3, for_clients))),
    )
    reference = Role(
        "reference",
        "bulletin-reference",
        ("--listen", at(5), "--data", str(directory / "reference")),
        (("servers", at(5)),),
    )
    shared = ("--broker", at(1), "--proxy", at(2), "--reference", at(5), "--expect", str(servers))
    names = {number: f"server{number}" for number in range(1, servers + 1)}
    return (
        broker,
        proxy,
        reference,
        *(
            Role(
                name,
                "bulletin-server",
                (
                    "--name",
                    name,
                    "--listen",
                    at(5 + number),
                    "--data",
                    str(directory / name),
                    *shared,
                    *skews.get(number, ()),
                ),
                (("peers", at(5 + number)),),
            )
            for number, name in names.items()
        ),
    )


@attrs.frozen
class Founded:
    """What the servers of a data directory were founded with, and know each other by."""

    servers: int
    base_port: int


def recall(directory: Path) -> Founded | None:
    """What a data directory was founded with; None where it is new.

    :raises StoreError: the file that says so cannot be read.
    """
    path = directory / REMEMBERED
    try:
        values = json.loads(path.read_bytes())
        return Founded(int(values["servers"]), int(values["base_port"]))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError, OverflowError, RecursionError) as error:
        raise StoreError(
            f"{path} cannot be read; write it anew, such as "
            f'{{"servers": {SERVERS}, "base_port": {BASE_PORT}}} with what the board was first started with.'
        ) from error


def remember(directory: Path, founded: Founded) -> None:
    """Keep what a new data directory is founded with.

    :raises StoreError: it cannot be written.
    """
    path = directory / REMEMBERED
    try:
        replace_durably(path, json.dumps(attrs.asdict(founded)).encode() + b"\n")
    except OSError as error:
        raise StoreError(f"{path} cannot be written: {error.strerror}.") from error


def typed_command(argument: str, cwd: Path, environment: Mapping[str, str], *, virtual: bool) -> str:
    """How to type twistd in another terminal.

    :param argument: how it was started, ``sys.argv[0]``.
    :param cwd: the current directory.
    :param environment: where ``PATH`` is looked up.
    :param virtual: whether this Python is a virtual environment's, which another terminal need not have entered.
    """
    path = Path(argument)
    if path.name != "twistd":
        return "twistd"
    if not virtual and str(path.parent) in environment.get("PATH", "").split(os.pathsep):
        return "twistd"
    absolute = Path(os.path.abspath(cwd / path))  # noqa: PTH100 - resolve() would follow the environment's links
    return str(absolute.relative_to(cwd)) if absolute.is_relative_to(cwd) else str(absolute)
