"""After the faults: all that can be mended is, or a minority stays broken for good; then the board has to work.

L1: a leader within ten election timeouts, a probe is answered, all come to agree.  L2: then nothing changes.  L4: nobody
waits for an answer beyond its time, and bots settle what they wrote.  At last everything is read, and the clients' notes
are held against it.
"""

from collections.abc import Callable
from random import Random
from typing import TYPE_CHECKING, Final

from bulletin.core.board.history import PageQuery
from bulletin.core.board.outcome import StreamKind
from bulletin.core.bot.outbox import BACK_OFF_MAX
from bulletin.core.client.caller import Outcome
from bulletin.core.client.streams import Stream
from bulletin.core.errors import Code, Refusal
from bulletin.core.limits import OPERATIONS_REMEMBERED, PAGE_POSTS_MAX
from bulletin.core.server.room import LOOK_SECONDS
from bulletin.core.wire.publications import Published
from bulletin.core.wire.replies import ChannelNames, LoggedIn, PublishedPage, UserNames
from bulletin.core.wire.requests import History, ListChannels, ListUsers, Login, Query, ReadLevel, Write
from bulletin.simulation.board.by_log import judge_by_log
from bulletin.simulation.board.history import Final as FinalHistory
from bulletin.simulation.violation import Violation

if TYPE_CHECKING:
    from bulletin.simulation.board.server import Server
    from bulletin.simulation.board.world import World

CLOCK_SLOW: Final = 1.2
"""So many times as long a process may wait as it says, by a clock that runs slow."""

FORMING_SECONDS: Final = 30.0
"""Within these a new board is ready, where nothing is in its way."""

TIMEOUTS_TO_LEAD: Final = 10
READY_SECONDS: Final = 20.0
"""Within these every server that can work does: a clock that cannot be set is waited for for eight."""

ANSWER_SECONDS: Final = 12.0
"""Within these a probe is answered, by a caller that asks again."""

AGREE_SECONDS: Final = 20.0
READERS_SECONDS: Final = 30.0
"""Within these a reader has read to the end: it looks after ten seconds of silence."""

CALLS_TO_SETTLE: Final = 4
"""So many calls, one after another, a bot may need for a post: the one under way, the post again, a page of the history
where its id has expired by then, and one more, as each may be in the hands of a server that is broken for good."""

ENTRIES_A_TRANSFER: Final = 1000
"""More are not committed while tables are taken over."""

PROBE: Final = "sonda"


class Healing:
    """The end of a run.

    :param world: whose.
    """

    def __init__(self, world: "World") -> None:
        self._world = world
        self._rng = Random(f"{world.seed} healing")
        self.core: list[Server] = []
        """The servers that have to work."""
        self._chained = False
        """Whether a broken server reaches one of the core.  With it, it may lead, and the others of the core hear of no leader
        (a known limit: no leader is deposed that has a majority); then requests have to be answered, and no more."""

    def form(self) -> None:
        """Wait until a new board works; its users are at it meanwhile.

        A server whose disk was damaged before it had the founding document has ended, with a sentence: nothing tells it who the others
        are, and nobody but a person may start it as a new member.  The others have to form the board without it.
        """
        self.core = [server for server in self._world.servers if server.running]
        if self._world.options.timely:
            self._wait(self._formed, FORMING_SECONDS, "L1", "the board does not form")
        else:
            self._await(self._formed, FORMING_SECONDS)

    def run(self) -> None:
        """Heal, and look."""
        world = self._world
        self._mend()
        if not world.founded:
            world.time.run_until(world.network.latest_arrival)
            self.form()
        if world.options.mode == "liveness":
            self._break_for_good()
        calm_from = max(world.time.now, world.network.latest_arrival)
        if any(server.running and server.replica.room.aside for server in self.core):
            calm_from = max(
                calm_from, world.time.now + CLOCK_SLOW * LOOK_SECONDS
            )  # then it looks, and is back
        world.time.run_until(calm_from)
        if not world.options.timely:
            self._quieten()
            return
        if self._chained:
            self._probe()
            self._quieten()
            return
        self._wait(
            lambda: self._leader() is not None, self._timeout * TIMEOUTS_TO_LEAD, "L1", "there is no leader"
        )
        if not self._transfers_end:
            self._quieten()
        self._wait(self._ready, READY_SECONDS, "L1", "not all servers are ready")
        self._probe()
        self._quieten()
        self._wait(self._agree, AGREE_SECONDS, "L1", "the servers do not come to agree")
        self._stay_calm()

    @property
    def _timeout(self) -> float:
        """An election timeout, in seconds, on a clock that may run slow."""
        config = self._world.options.config
        return 1.1 * (config.election_seconds_min + config.election_seconds_spread)

    def _mend(self) -> None:
        """Undo whatever can be undone."""
        world = self._world
        world.network.heal()
        for broker in world.brokers:
            broker.full = False
        for process in world.processes.values():
            process.resume()
        for server in world.servers:
            server.heal()
        for process in world.processes.values():
            if not process.running and process is not world.auditor:
                process.start()
        world.auditor.start()
        self.core = [server for server in world.servers if server.running and not server.disk.tainted]

    def _break_for_good(self) -> None:
        """Some of the servers that have to be there no more are broken in some way, and stay so."""
        world, rng = self._world, self._rng
        sound = [server for server in self.core if not server.damaged]
        spare = len(sound) - (len(world.servers) // 2 + 1)
        if spare <= 0:
            return
        broken = rng.sample(sound, rng.randint(1, spare))
        self.core = [server for server in self.core if server not in broken]
        for server in broken:
            way = rng.choice(("dead", "paused", "deaf", "dumb", "partial", "stalled", "alone"))
            world.step(server.name, f"is {way} for good")
            world.note(f"broken_{way}")
            self._break(server, way)

    def _break(self, server: "Server", way: str) -> None:
        world = self._world
        others = [name for name in world.processes if name != server.name]
        to_it = {(name, server.name) for name in others}
        from_it = {(server.name, name) for name in others}
        if way == "dead":
            server.kill()
        elif way == "paused":
            server.pause()
        elif way == "stalled":
            server.stall_disk()
        elif way == "deaf":
            world.network.cut |= {(one.name, server.name) for one in world.servers}
        elif way == "dumb":
            world.network.cut |= {(server.name, one.name) for one in world.servers}
        elif way == "alone":
            world.network.cut |= to_it | from_it
        else:
            self._chained = True
            friend = self._rng.choice(self.core).name
            world.network.cut |= {link for link in to_it | from_it if friend not in link}

    # What has to come about

    def _wait(self, condition: Callable[[], bool], seconds: float, name: str, sentence: str) -> None:
        if not self._await(condition, seconds):
            said = {server.name: server.impediment() or server.role_name for server in self.core}
            raise Violation(name, f"{sentence} within {seconds:.1f} s: {said}")

    def _await(self, condition: Callable[[], bool], seconds: float) -> bool:
        """Let time pass until something has come about; whether it has in this time."""
        time = self._world.time
        limit = time.now + seconds
        while not condition():
            if time.now >= limit:
                return False
            time.run_until(time.now + 0.05)
        return True

    def _leader(self) -> "Server | None":
        """The leader that all others of the core follow; it may have forgotten something, where nobody can tell."""
        world = self._world
        passing = [
            server for server in world.servers if server.disk.tainted and world.witnesses.none_of(server)
        ]
        leading = [server for server in (*self.core, *passing) if server.takes_part and server.node.leads]
        if not leading:
            return None
        leader = max(leading, key=lambda server: server.node.leadership[0])
        followed = all(
            server.takes_part and server.node.leadership == leader.node.leadership for server in self.core
        )
        return leader if followed else None

    @property
    def _transfers_end(self) -> bool:
        """Whether a server that takes in tables catches up under load.

        Not where the log that goes on from them is trimmed meanwhile, which no operator can ask for.
        """
        return self._world.options.config.held_entries >= ENTRIES_A_TRANSFER

    def _formed(self) -> bool:
        return all(
            server.impediment() is None
            or (not self._transfers_end and server.takes_part and server.node.status().behind)
            for server in self.core
        )

    def _ready(self) -> bool:
        return all(server.impediment() is None for server in self.core)

    def _agree(self) -> bool:
        marks = {server.marks() for server in self.core}
        return self._leader() is not None and len(marks) == 1

    def _stay_calm(self) -> None:
        """L2."""
        world = self._world
        leader = self._leader()
        assert leader is not None
        before = leader.node.leadership
        world.time.run_until(world.time.now + world.options.calm * self._timeout)
        if any(server.node.leadership != before for server in self.core):
            raise Violation("L2", "the leader or the term changed in calm weather")

    def _probe(self) -> None:
        outcome = self._ask(Login(PROBE))
        if isinstance(outcome, Refusal) and outcome.code is Code.OVERLOADED:
            self._quieten()  # where little may be under way, a load may keep everybody else out
            outcome = self._ask(Login(PROBE))
        if not isinstance(outcome, LoggedIn):
            raise Violation("L1", f"a probe came to {outcome}")

    def _quieten(self) -> None:
        """L4: whoever asked is told something; and where the board works, what bots wrote is settled by asking again."""
        world = self._world
        for client in world.loaders:
            client.hush()
        began = world.time.now
        seconds = world.options.timeout * CLOCK_SLOW + 0.5
        self._wait(
            lambda: all(client.told(began) for client in world.loaders),
            seconds,
            "L4",
            "a call has come to nothing",
        )
        if world.options.timely:
            self._wait(
                lambda: all(client.quiet for client in world.loaders),
                CALLS_TO_SETTLE * (seconds + BACK_OFF_MAX),
                "L4",
                "a bot has not settled what it wrote",
            )

    def _ask(self, request: Write | Query) -> Outcome:
        """Have the auditor ask, again and again if need be."""
        world = self._world
        limit = world.time.now + ANSWER_SECONDS
        while True:
            call = world.auditor.ask(request)
            while call.outcome is None:
                world.time.run_until(world.time.now + 0.02)
            if isinstance(call.outcome, LoggedIn | PublishedPage | UserNames | ChannelNames):
                return call.outcome
            if world.time.now >= limit:
                return call.outcome

    # The end

    def judge(self) -> None:
        """Read everything, and judge."""
        world = self._world
        if not world.options.timely:
            return
        users = self._names(ListUsers)
        channels = self._names(ListChannels)
        streams = [Stream(StreamKind.INBOX, name) for name in users]
        streams += [Stream(StreamKind.CHANNEL, name) for name in channels]
        final = FinalHistory({stream: self._posts(stream) for stream in streams}, users, channels)
        self._wait_for_readers(final)
        ids_last = world.options.window == OPERATIONS_REMEMBERED
        anomalies = world.notes.judge(final, ids_last=ids_last)
        if ids_last:
            anomalies += judge_by_log(
                world.committed, world.notes.writes(), world.notes.placed(), world.document
            )
            world.note("reads_placed", len(world.notes.placed()))
        if anomalies:
            raise Violation("S9", "; ".join(map(str, anomalies[:3])))
        for checker in world.checkers:
            checker.ended()
        for log_checker in world.log_checkers:
            log_checker.ended()

    def _names(self, kind: type[ListUsers] | type[ListChannels]) -> list[str]:
        names: list[str] = []
        while True:
            listed = self._ask(kind(ReadLevel.LINEARIZABLE, names[-1] if names else None))
            if not isinstance(listed, UserNames | ChannelNames):
                raise Violation("L1", f"a list cannot be had when all is quiet: {listed}")
            names.extend(listed.names)
            if not listed.more:
                return names

    def _posts(self, stream: Stream) -> list[Published]:
        posts: list[Published] = []
        while True:
            since = posts[-1].seq if posts else 0
            query = PageQuery(stream.kind, stream.name, None, since, None, PAGE_POSTS_MAX)
            page = self._ask(History(ReadLevel.LINEARIZABLE, query))
            if not isinstance(page, PublishedPage):
                raise Violation("L1", f"a page cannot be had when all is quiet: {page}")
            posts.extend(page.posts)
            if not page.more:
                return posts

    def _wait_for_readers(self, final: FinalHistory) -> None:
        """S14: whoever follows a stream is shown all of it."""

        def at_the_end() -> bool:
            return all(
                cursor == len(final.posts.get(stream, ()))
                for client in self._world.loaders
                for stream, cursor in client.cursors.items()
            )

        self._wait(at_the_end, READERS_SECONDS, "S14", "a reader has not read to the end")
        for client in self._world.loaders:
            for following in client.following.values():
                following.at_the_end = True
