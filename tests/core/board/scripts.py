"""Commands for the tests of the board: made by hand, or drawn from pools so small that everything collides."""

from attrs import evolve
from hypothesis import strategies as st

from bulletin.core.board.commands import Command, Kind, OperationId, Proof, Scope, Stamp, encode
from bulletin.core.board.outcome import (
    OperationRow,
    PostRow,
    RestoredBoard,
    SessionsRow,
    StreamKind,
    StreamRow,
    StreamState,
)
from bulletin.core.board.remembered import block_of, blocks_forgotten, pack_operations
from bulletin.core.log.port import position_of

SALT = bytes(range(16))
STAMP = Stamp(clock=0, time=1000.0, bound=0.5)


def operation(id_, user):
    """An id in the user's scope; one that begins with ``@`` is a broker's."""
    return (
        OperationId(Scope.BROKER, "", id_[1:]) if id_.startswith("@") else OperationId(Scope.USER, user, id_)
    )


def login(id_, user, **fields):
    return _command(Kind.LOGIN, id_, user, "", "", fields)


def create(id_, channel, user="", **fields):
    return _command(Kind.CREATE_CHANNEL, id_, user, channel, "", fields)


def publish(id_, user, channel, message="text", **fields):
    return _command(Kind.PUBLISH, id_, user, channel, message, fields)


def send(id_, user, receiver, message="text", **fields):
    return _command(Kind.SEND, id_, user, receiver, message, fields)


def _command(kind, id_, user, target, message, fields):
    command = Command(kind, operation(id_, user), user, Proof.OPEN, target, message, 999.0, None, STAMP, SALT)
    return evolve(command, **fields)


class Driver:
    """Feeds a board one command an entry, or several, and keeps what came out."""

    def __init__(self, board, index=0):
        self.board = board
        self.index = index
        self.outcomes = []

    def entry(self, *commands, term=7):
        """One entry with these commands; its outcomes."""
        self.index += 1
        outcomes = [
            self.board.apply(position_of(self.index, offset), term, encode(command))
            for offset, command in enumerate(commands, 1)
        ]
        self.board.applied_entry(self.index)
        self.outcomes += outcomes
        return outcomes

    def one(self, command, term=7):
        """One entry with one command; its outcome."""
        return self.entry(command, term=term)[0]

    def answer(self, command):
        return self.one(command).answer


class Tables:
    """What a store keeps of the rows: enough to make the board again.

    :param spare: operations kept beyond the window, as a store that deletes late would.
    """

    def __init__(self, users_max, channels_max, window, spare=0):
        self.empty = RestoredBoard.empty(users_max, channels_max)
        self.kept = window + spare
        self.marks = self.empty.marks
        self.streams = {}
        self.posts = []
        self.operations = {}
        self.sessions = {}

    def write(self, applied):
        for row in applied.rows:
            match row:
                case StreamRow(number=number, kind=kind, name=name, position=position):
                    assert number not in self.streams
                    self.streams[number] = StreamState(number, kind, name, position, 0, b"", 0.0)
                case PostRow(number=number, post=post):
                    self.posts.append(post)
                    self.streams[number] = evolve(
                        self.streams[number], seq=post.seq, chain=post.chain, received=post.received
                    )
                case OperationRow(ordinal=ordinal):
                    number = block_of(ordinal)
                    (self.operations[number],) = pack_operations(self.operations.get(number), [row])
                    self.operations.pop(blocks_forgotten(ordinal, self.kept), None)
                case SessionsRow(user=user):
                    self.sessions[user] = row
        self.marks = applied.marks

    def restored(self):
        return evolve(
            self.empty,
            marks=self.marks,
            streams=tuple(self.streams[number] for number in sorted(self.streams)),
            operations=tuple(self.operations[number] for number in sorted(self.operations)),
            sessions=tuple(self.sessions.values()),
        )


NAMES = ("ana", "bia", "caio", "geral", "rust")
_names = st.sampled_from(NAMES)
_ids = st.one_of(
    st.builds("{}:{}".format, st.sampled_from(("a", "b", "c")), st.integers(0, 9)),
    st.sampled_from(("p", "q", "r", "@00", "@01", "@02")),
)
_stamps = st.builds(
    Stamp,
    st.integers(0, 40),
    st.floats(990.0, 1010.0, width=32),
    st.one_of(st.none(), st.floats(0.0, 2.0, width=32)),
)
_common = {"stamp": _stamps, "salt": st.sampled_from((SALT, b"\xff" * 16))}
_messages = st.sampled_from(("one", "two"))

drawn_commands = st.one_of(
    st.builds(login, _ids, _names, **_common),
    st.builds(create, _ids, _names, st.one_of(st.just(""), _names), **_common),
    st.builds(publish, _ids, _names, _names, _messages, **_common),
    st.builds(publish, _ids, _names, _names, _messages, **_common),
    st.builds(send, _ids, _names, _names, _messages, **_common),
)
"""Any command, over five names, a few ids and two texts."""

drawn_entries = st.lists(st.lists(drawn_commands, max_size=4), max_size=20)
"""Entries of such commands; an empty one stands for an entry without operations."""

KINDS = (StreamKind.CHANNEL, StreamKind.INBOX)
