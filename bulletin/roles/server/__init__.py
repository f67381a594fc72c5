"""``bulletin-server``: the sockets, the disk and the timers around :class:`bulletin.core.server.replica.Replica`.

::

    brokers ◄─ Dealer each ─┐                             ┌─ SqliteStore: writer's and reader's threads
    proxies ◄─ Publisher ───┤   service ──► executor ◄────┤
    reference ◄─ Dealer ────┤             Replica         └─ timers: a tick, 50 a second
    fellows ◄─ Dealer each ─┤
    fellows ─► Router ──────┘

``service`` makes everything and lets it go again; the core's ``executor`` takes inputs to the replica and, once a turn of the
reactor, carries out what it wants done; ``links`` are the sockets, ``voice`` speaks to the operator, ``metrics`` are the samples,
``own_address`` says by which address other machines reach this one.

Traps:

- Importing this module must not install a reactor: sockets are imported when the service starts.
- A failed disk, a broken invariant, a state that differs from the majority's: the process stops, with a sentence and
  status 1, and says nothing more to anybody.
- What comes from other roles is decoded in the executor; what cannot be is counted, and said now and then.
"""

import sys
from typing import TYPE_CHECKING, ClassVar

from bulletin.core.limits import BALLAST_BYTES, MEMBERS_MAX, MIB
from bulletin.core.raft.config import Config
from bulletin.core.store.port import StoreError
from bulletin.roles.options import (
    CLOCK_DRIFT,
    CLOCK_OFFSET,
    DIRECTORY,
    HTTP,
    NAME,
    Kind,
    Mistake,
    Option,
    RoleOptions,
    choice,
    endpoint,
    endpoints,
    integer,
)
from bulletin.roles.server.own_address import AUTO, own_endpoint
from bulletin.storage.directory import DirectoryLock
from bulletin.storage.pool import Place, take_place
from bulletin.transport.endpoints import is_wildcard, parse_endpoint

if TYPE_CHECKING:
    from bulletin.roles.process import Process

__all__ = ["Options", "makeService"]

SWITCH_SECONDS = 0.0005
"""How long one thread may keep the interpreter from another: with Python's own 5 ms the writer's thread waits longer for
the reactor than for the disk."""

RETAIN_MAX = 10**9
"""The largest ``--retain``; bytes are bounded besides."""

BALLAST_MAX = 2**20
"""The largest ``--ballast``, in MiB."""

FULL_SHAPE = "full"
FLAT_SHAPE = "flat"


DATA = "bulletin-server-data"

_ADVERTISED = Kind(lambda text: text if text == AUTO else parse_endpoint(text, listen=False))


class Options(RoleOptions):
    """The options of ``bulletin-server``."""

    place: Place | None = None
    """What it took of a pool: its own from here to the end of the process."""

    table: ClassVar = (
        Option("name", NAME, "its name, which no other server has; it or --data-pool must be given"),
        Option(
            "listen",
            endpoints(listen=True),
            "where it listens for its fellow servers",
            "tcp://127.0.0.1:5561",
        ),
        Option(
            "advertise",
            _ADVERTISED,
            "the endpoint by which its fellow servers reach it, where that is not --listen; auto: at this machine's"
            " own address",
        ),
        Option(
            "publications",
            choice(FULL_SHAPE, FLAT_SHAPE),
            "flat: posts without the second shape, service and data",
            FULL_SHAPE,
        ),
        Option("data", DIRECTORY, f"the directory that keeps log and tables, {DATA} if not given"),
        Option(
            "data-pool",
            DIRECTORY,
            "in place of --name and --data: a directory of directories, of which it takes a free one, and its name",
        ),
        Option(
            "broker", endpoints(listen=False), "the brokers, each at its --servers", "tcp://127.0.0.1:5556"
        ),
        Option(
            "proxy", endpoints(listen=False), "the proxies, each at its --publishers", "tcp://127.0.0.1:5557"
        ),
        Option("reference", endpoint(listen=False), "the reference, at its --listen", "tcp://127.0.0.1:5560"),
        Option("expect", integer(1, MEMBERS_MAX), "how many servers form a new cluster", "3"),
        Option(
            "retain",
            integer(1, RETAIN_MAX),
            "log entries kept for servers that were away; who was away for longer takes over another's tables",
            str(Config().retained_entries),
        ),
        Option(
            "ballast",
            integer(0, BALLAST_MAX),
            "MiB of its disk that it keeps in reserve, to leave in good order when the disk is full",
            str(BALLAST_BYTES // MIB),
        ),
        Option("clock-offset", CLOCK_OFFSET, "seconds that its clock is wrong by, to try that", "0"),
        Option(
            "clock-drift",
            CLOCK_DRIFT,
            "microseconds a second by which its clock goes wrong, to try that",
            "0",
        ),
        HTTP,
    )

    def check(self) -> None:
        """Have an endpoint that fellow servers can connect to, and a directory that nobody uses."""
        listen = self["listen"][0]
        if self["advertise"] is None:
            if is_wildcard(listen):
                raise Mistake(
                    f"--listen {listen} is no endpoint that other servers can connect to: name one by --advertise"
                )
            self["advertise"] = listen
        elif self["advertise"] == AUTO:
            self["advertise"] = own_endpoint(listen)
        try:
            self._choose_directory()
        except StoreError as error:
            raise Mistake(str(error).rstrip(".")) from None

    def _choose_directory(self) -> None:
        if self["data-pool"] is not None:
            for name in ("name", "data"):
                if self[name] is not None:
                    raise Mistake(f"--data-pool chooses name and directory: it does not go with --{name}")
            self.place = place = take_place(self["data-pool"])
            self["name"], self["data"] = place.name, place.directory
            return
        if self["name"] is None:
            raise Mistake("--name is missing (or set BULLETIN_NAME)")
        if self["data"] is None:
            self["data"] = DIRECTORY.parse(DATA)
        lock = DirectoryLock(self["data"])
        lock.acquire()
        lock.release()


def makeService(options: Options) -> "Process":
    """The service of one server."""
    from bulletin.roles.process import in_process  # noqa: PLC0415 - names only until it is run
    from bulletin.roles.server.service import Server, Wiring  # noqa: PLC0415 - names only until it is run

    sys.setswitchinterval(SWITCH_SECONDS)
    server = Server(
        Wiring(
            name=options["name"],
            listen=options["listen"],
            advertise=options["advertise"],
            brokers=options["broker"],
            proxies=options["proxy"],
            reference=options["reference"],
        ),
        options["data"],
        expect=options["expect"],
        flat_publications=options["publications"] == FLAT_SHAPE,
        retain=options["retain"],
        ballast_bytes=options["ballast"] * MIB,
        clock_offset=options["clock-offset"],
        clock_drift_ppm=options["clock-drift"],
        own_process=True,
        http=options["http"],
    )
    return in_process(server, options)
