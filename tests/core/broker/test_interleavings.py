"""Random interleavings of clients, servers that die, return, repeat themselves and are late, and a transport that refuses.

What must hold whatever happens: every request is answered exactly once and by its deadline; nothing is held past the
bounds; attempts rise; and who is told *definitely not* is not lied to.
"""

from hypothesis import settings, strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from twisted.trial.unittest import SynchronousTestCase

from bulletin.core.broker.dispatcher import PATIENCE, Dispatcher
from bulletin.core.broker.pending import Bounds
from bulletin.core.broker.servers import WINDOW_REQUESTS, Standing
from bulletin.core.clocks.instant import Instant
from bulletin.core.wire import broker as wire
from tests.core.broker.bench import PREFIX, WALL, body, opened

BOUNDS = Bounds(requests=12)
SERVERS = [b"A", b"B", b"C"]
STEP = 0.1
SUCCESS, DEFINITE, INDEFINITE = b"success", b"definitely not", b"unknown"


class FakeServer:
    """One server: what it was given in this session, and what it can still say."""

    def __init__(self):
        self.session = 0
        self.speaking = False
        self.given = []


class Interleavings(RuleBasedStateMachine):
    @initialize(reach=st.sets(st.sampled_from(SERVERS)))
    def start(self, reach):
        self.now = Instant(50.0, WALL)
        self.dispatcher = Dispatcher(PREFIX, self.now, BOUNDS)
        self.servers = {identity: FakeServer() for identity in SERVERS}
        self.asked = {}  # client -> when
        self.answers = {}  # client -> body
        self.client_of = {}  # id -> client
        self.attempts = {}  # id -> the newest that was sent
        self.may_act = {}  # id -> attempts that some server has, or had, and has not let go of
        self.effects = set()  # ids that took effect
        self.replies = []  # (identity, session, reply): everything ever said
        self.frames_refused = []
        for identity in reach:
            self.arrive(identity)

    # -- what happens ---------------------------------------------------------------------------------------------

    @rule()
    def ask(self):
        client = b"c%d" % len(self.asked)
        self.asked[client] = self.now.monotonic
        self.dispatcher.client((client, b""), [body(id=client.decode())], self.now)
        self.turn()

    @rule(identity=st.sampled_from(SERVERS))
    def arrive(self, identity):
        """A server starts, or starts again, or begins a new session: it has nothing of what it had."""
        server = self.servers[identity]
        server.session += 1
        server.speaking = True
        server.given = []
        self.say(identity, wire.ServerReady("s", server.session, 1, WALL))

    @rule(identity=st.sampled_from(SERVERS))
    def fall_silent(self, identity):
        """Dead, paused or cut off: nobody knows; what it has it may still carry out."""
        self.servers[identity].speaking = False

    @precondition(lambda self: any(server.session for server in self.servers.values()))
    @rule(identity=st.sampled_from(SERVERS))
    def speak_again(self, identity):
        if self.servers[identity].session:
            self.servers[identity].speaking = True

    @rule(identity=st.sampled_from(SERVERS))
    def drain_server(self, identity):
        server = self.servers[identity]
        if server.speaking:
            self.say(identity, wire.ServerDraining(server.session, 1, WALL))

    @rule(identity=st.sampled_from(SERVERS), choice=st.data())
    def reply(self, identity, choice):
        """One attempt ends.  A server that has let go of a request never carries it out later."""
        server = self.servers[identity]
        if not server.given:
            return
        request = server.given.pop(choice.draw(st.integers(0, len(server.given) - 1)))
        result = choice.draw(st.sampled_from([wire.SUCCESS, wire.REFUSAL, wire.LATER]))
        if result == wire.SUCCESS:
            self.effects.add(request.id)
            content = SUCCESS
        else:
            self.may_act[request.id].discard(request.attempt)
            content = DEFINITE if request.attempt == 1 else INDEFINITE
        row = wire.Reply(request.id, request.attempt, result, content)
        self.replies.append((identity, server.session, row))
        self.say(identity, wire.Replies(server.session, (row,), 1, WALL))

    @precondition(lambda self: self.replies)
    @rule(choice=st.data())
    def repeat(self, choice):
        """A reply comes again, or late, perhaps from a session or a connection that is no more."""
        identity, session, row = choice.draw(st.sampled_from(self.replies))
        if choice.draw(st.booleans()):
            identity = b"another"
        self.say(identity, wire.Replies(session, (row,), 1, WALL))

    @rule(choice=st.data())
    def late_success(self, choice):
        """What a silent server had proposed took effect after all; its reply comes under whatever name."""
        live = [(id_, attempt) for id_, attempts in self.may_act.items() for attempt in attempts]
        if live:
            id_, attempt = choice.draw(st.sampled_from(sorted(live)))
            self.effects.add(id_)
            row = wire.Reply(id_, attempt, wire.SUCCESS, SUCCESS)
            self.say(choice.draw(st.sampled_from([*SERVERS, b"another"])), wire.Replies(9, (row,), 1, WALL))

    @rule(identity=st.sampled_from(SERVERS), gone=st.booleans())
    def refuse_next_frame(self, identity, gone):
        self.frames_refused.append((identity, gone))

    @rule(others=st.booleans())
    def lose(self, others):
        """The server that was given most falls silent for longer than the broker's patience; perhaps the others, too."""
        most = max(self.servers.values(), key=lambda server: len(server.given))
        for server in self.servers.values():
            if others or server is most:
                server.speaking = False
        self.pass_time(7)

    @rule(steps=st.integers(1, 12))
    def pass_time(self, steps):
        for _ in range(steps):
            self.now = Instant(self.now.monotonic + STEP, self.now.wall + STEP)
            for identity, server in self.servers.items():
                if server.speaking:
                    self.say(identity, wire.ServerHeartbeat(server.session, 1, WALL))
            self.dispatcher.tick(self.now)
            self.turn()

    # -- how it is carried out ------------------------------------------------------------------------------------

    def say(self, identity, message):
        self.dispatcher.server(identity, wire.encode(message), self.now)
        self.turn()

    def turn(self):
        while ready := self.dispatcher.ready():
            for sent in ready.to_servers:
                self.send(sent)
            for answer in ready.to_clients:
                self.answered(answer.envelope[0], answer.body)

    def send(self, sent):
        for number, (identity, gone) in enumerate(self.frames_refused):
            if identity == sent.identity:
                del self.frames_refused[number]
                if gone:
                    self.servers[identity].speaking = False
                    self.dispatcher.gone(sent)
                else:
                    self.dispatcher.full(sent)
                return
        message = wire.decode(sent.frame)
        server = self.servers.get(sent.identity)
        if isinstance(message, wire.Requests):
            for request in message.requests:
                assert request.attempt == self.attempts.get(request.id, 0) + 1, "attempts count"
                self.attempts[request.id] = request.attempt
                self.may_act.setdefault(request.id, set()).add(request.attempt)
                self.client_of.setdefault(request.id, opened(request.body)["dados"]["id"].encode())
                if message.session == server.session:
                    server.given.append(request)
        elif message.known == 0 and server is not None and server.speaking:
            self.dispatcher.server(
                sent.identity, wire.encode(wire.ServerReady("s", server.session, 1, WALL)), self.now
            )

    def answered(self, client, content):
        assert client in self.asked
        assert client not in self.answers, "one answer"
        self.answers[client] = content
        request_id = next((id_ for id_, asker in self.client_of.items() if asker == client), None)
        if content == SUCCESS:
            assert request_id in self.effects
            return
        definite = content == DEFINITE
        if content not in (DEFINITE, INDEFINITE):
            definite = opened(content)["dados"]["definitivo"]
            assert definite == (request_id is None), "the broker's own refusal"
        if definite:
            assert request_id not in self.effects
            assert not self.may_act.get(request_id), "somebody may still carry it out"

    # -- what must hold -------------------------------------------------------------------------------------------

    @invariant()
    def in_time(self):
        for client, asked in self.asked.items():
            assert client in self.answers or self.now.monotonic - asked < PATIENCE + STEP, client

    @invariant()
    def nothing_lost(self):
        dispatcher = self.dispatcher
        pending = {request.id: request for request in dispatcher._pending}
        assert len(pending) == len(self.asked) - len(self.answers)
        held = [id_ for server in dispatcher._servers for id_ in server.holds]
        waiting = [request.id for request in dispatcher._waiting]
        assert len(waiting) == len(dispatcher._waiting)
        places = [*waiting, *dispatcher._resting, *held]
        assert sorted(places) == sorted(pending), "each pending request is in one place"

    @invariant()
    def bounded(self):
        status = self.dispatcher.status()
        assert status.pending <= BOUNDS.requests
        assert status.pending_bytes == sum(request.size for request in self.dispatcher._pending)
        assert status.clients <= status.pending
        for server in status.servers:
            assert server.in_flight <= WINDOW_REQUESTS
            assert server.standing is not Standing.SILENT or not server.in_flight
        assert len(status.servers) <= len(SERVERS)

    def teardown(self):
        """Whatever state it was left in: everything is answered in the end."""
        if hasattr(self, "dispatcher"):
            self.pass_time(int(PATIENCE / STEP) + 2)
            assert set(self.answers) == set(self.asked)
            assert self.dispatcher.drained


class Random(SynchronousTestCase):
    def test_interleavings(self):
        """Without a database and with fixed choices, every run tries the same interleavings."""
        run_state_machine_as_test(
            Interleavings,
            settings=settings(
                max_examples=80, stateful_step_count=40, deadline=None, derandomize=True, database=None
            ),
        )
