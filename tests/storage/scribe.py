"""A server's core in miniature: it proposes to itself, commits at once, and says what a store has to write."""

from random import Random

from bulletin.core.board.board import Board
from bulletin.core.board.commands import Command, Kind, OperationId, Proof, Scope, Stamp, encode
from bulletin.core.board.outcome import Applied, RestoredBoard
from bulletin.core.log.entry import EntryKind, make_entry
from bulletin.core.log.founding import FoundingDocument, Member
from bulletin.core.log.port import position_of
from bulletin.core.raft.ready import HardState, Persist, Restored

CLUSTER = b"cluster-16-bytes"


def document(*members, users_max=100_000):
    members = members or (b"member--16-bytes",)
    return FoundingDocument(
        CLUSTER,
        tuple(
            Member(member, f"server-{number}", f"tcp://127.0.0.1:{5560 + number}", number)
            for number, member in enumerate(members, 1)
        ),
        users_max=users_max,
    )


class Scribe:
    """Turns commands into writes: entries of one command list each, and the rows that applying them gives."""

    def __init__(self, restored: Restored, board: RestoredBoard, window: int = 131_072, seed: int = 0):
        self.identity = restored.document.identity
        self.board = Board(board, window)
        self.random = Random(seed)
        self.last_index = restored.last_index
        self.last_hash = restored.last_hash
        self.term = restored.hard_state.term
        self.sequence = 0
        self.unapplied = {entry.index: entry for entry in restored.entries}
        self.commands = {}
        self.clock = board.marks.clock
        self.log = dict(self.unapplied)
        self.answers = []
        """(command, first answer) of all operations that were applied, in order."""

    def hard_state(self, term, vote=None):
        self.term = term
        return self.persist((), hard_state=HardState(term, vote))

    def persist(
        self, commands=(), hard_state=None, truncate_after=None, incarnations=(), body=None, trusted=False
    ):
        """A persist with one entry of these commands (or with the ``body``), or without entries."""
        self.sequence += 1
        if truncate_after is not None:
            for index in range(truncate_after + 1, self.last_index + 1):
                self.unapplied.pop(index)
                self.commands.pop(index, None)
                del self.log[index]
            self.last_index = truncate_after
            self.last_hash = self.log[truncate_after].hash
        entries = ()
        if commands or body is not None:
            entries = (self._entry(commands, body),)
        return Persist(self.sequence, hard_state, truncate_after, entries, tuple(incarnations), trusted)

    def _entry(self, commands, body):
        index = self.last_index + 1
        packed = body if body is not None else b"".join(encode(command) for command in commands)
        entry = make_entry(self.last_hash, self.identity, index, self.term, EntryKind.OPERATIONS, packed)
        self.last_index, self.last_hash = index, entry.hash
        self.unapplied[index] = self.log[index] = entry
        self.commands[index] = tuple(commands)
        return entry

    def apply(self, until=None) -> Applied:
        """Apply everything, or what is up to an index."""
        outcomes = []
        for index in sorted(self.unapplied):
            if until is not None and index > until:
                break
            entry = self.unapplied.pop(index)
            for offset, command in enumerate(self.commands.pop(index, ()), 1):
                outcomes.append(self.board.apply(position_of(index, offset), entry.term, encode(command)))
                self.answers.append((command, outcomes[-1].answer))
            self.board.applied_entry(index)
        return self.board.applied(outcomes)

    # Commands

    def _command(self, kind, user, target="", message="", id_=None, **more):
        self.clock += 1
        return Command(
            kind=kind,
            operation=OperationId(Scope.USER, user, id_ or f"{self.random.getrandbits(64):016x}"),
            user=user,
            proof=Proof.OPEN,
            target=target,
            message=message,
            timestamp=1_700_000_000.25 + self.clock,
            sent=more.get("sent"),
            stamp=Stamp(self.clock, 1_700_000_000.5 + self.clock, more.get("bound", 0.001)),
            salt=self.random.randbytes(16),
        )

    def login(self, user):
        return self._command(Kind.LOGIN, user)

    def channel(self, name, user="ana"):
        return self._command(Kind.CREATE_CHANNEL, user, name)

    def post(self, channel, text, user="ana", **more):
        return self._command(Kind.PUBLISH, user, channel, text, **more)

    def send(self, receiver, text, user="ana", **more):
        return self._command(Kind.SEND, user, receiver, text, **more)
