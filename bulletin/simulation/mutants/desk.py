"""A board by hand: commands in, entry by entry, rows onto a disk in memory, and another board made of those."""

from collections.abc import Sequence
from functools import partial
from typing import Final

import attrs

from bulletin.core.board.board import Board
from bulletin.core.board.commands import Command, Kind, OperationId, Proof, Scope, Stamp, encode
from bulletin.core.board.outcome import Outcome, Post, RestoredBoard
from bulletin.core.log.entry import Entry, EntryKind, make_entry
from bulletin.core.log.port import position_of
from bulletin.core.raft.ready import Persist
from bulletin.core.store.hard_record import HardRecord
from bulletin.core.store.intake import Intake
from bulletin.core.store.parts import AskPosts, decode_ask, encode_manifest
from bulletin.core.store.writes import Write
from bulletin.simulation.log.cluster import found
from bulletin.simulation.memory_tables import MemoryDisk, MemoryShelf, install_rows
from bulletin.simulation.violation import Violation

TERM: Final = 2
WINDOW: Final = 64
STAMP: Final = Stamp(clock=0, time=1000.0, bound=0.5)
PARTS_MAX: Final = 100


def publish(id_: str, user: str = "ana", message: str = "text", *, stamp: Stamp = STAMP) -> Command:
    """A post to the one channel."""
    return _command(Kind.PUBLISH, id_, user, "geral", message, stamp)


def create(id_: str = "c1") -> Command:
    """The one channel's creation."""
    return _command(Kind.CREATE_CHANNEL, id_, "", "geral", "", STAMP)


def _command(kind: Kind, id_: str, user: str, target: str, message: str, stamp: Stamp) -> Command:
    operation = OperationId(Scope.USER, user, id_)
    return Command(kind, operation, user, Proof.OPEN, target, message, 999.0, None, stamp, bytes(16))


class Desk:
    """A board and its disk.

    :param window: operations remembered.
    """

    def __init__(self, window: int = WINDOW) -> None:
        self.window = window
        self.document = found(3)
        self.disk = MemoryDisk(self.document.members[0].member, window)
        empty = RestoredBoard.empty(self.document.users_max, self.document.channels_max)
        self.board = Board(empty, window)
        self._index = 0
        self._store((self.document.entry(),), ())

    def do(self, *commands: Command) -> list[Outcome]:
        """One entry with these commands; it is written and synced."""
        last = self.disk.written.log[-1]
        entry = make_entry(last.hash, self.document.identity, last.index + 1, TERM, EntryKind.OPERATIONS, b"")
        outcomes = [
            self.board.apply(position_of(entry.index, offset), TERM, encode(command))
            for offset, command in enumerate(commands, 1)
        ]
        self._store((entry,), outcomes)
        return outcomes

    def post(self, command: Command) -> Post | None:
        """One entry with one command; the post that came of it."""
        return self.do(command)[0].post

    def _store(self, entries: tuple[Entry, ...], outcomes: Sequence[Outcome]) -> None:
        self._index += 1
        self.board.applied_entry(self._index)
        persist = Persist(self._index, None, None, entries)
        last = entries[-1]
        write = Write(persist, self.board.applied(outcomes), (), last.index, last.hash, lambda: None, 0)
        record = self.disk.record
        self.disk.write((write,), attrs.evolve(record, commit=record.commit + 1, last_index=last.index))

    def restarted(self) -> Board:
        """The board that a start after a loss of power makes of the disk.

        :raises Violation: there is none: rows and marks contradict each other.
        """
        self.disk.crash()
        return self._made(self.disk)

    def taken_over(self) -> Board:
        """The board of a server that has taken these tables over, part by part.

        :raises Violation: there is none, or they never come to be whole.
        """
        disk = MemoryDisk(self.document.members[1].member, self.window)
        empty = RestoredBoard.empty(self.document.users_max, self.document.channels_max)
        disk.change(lambda tables: setattr(tables, "marks", empty.marks))
        intake, copy = Intake(MemoryShelf(disk)), self.disk.copy()
        body: bytes | None = None
        for _ in range(PARTS_MAX):
            taken = intake.take(body)
            if not taken.ask:
                break
            asked = decode_ask(taken.ask)
            if asked is None:
                body = encode_manifest(copy.manifest)
            elif isinstance(asked, AskPosts):
                body = copy.posts(self.disk.written, asked)
            else:
                body = copy.chunk(asked)
        else:
            raise Violation("L1", "tables are asked for again and again, and never whole")
        manifest = intake.manifest
        rows = [(chunk.table, intake.rows_of(number)) for number, chunk in enumerate(manifest.chunks, 1)]
        disk.change(partial(install_rows, manifest=manifest, rows=rows))
        disk.sync(HardRecord(self.document.members[1].member, b"", 1, 0, 0, None, 0, bytes(32)))
        return self._made(disk)

    def _made(self, disk: MemoryDisk) -> Board:
        tables = disk.written
        assert tables.marks is not None
        try:
            return Board(tables.board(self.document, tables.marks), self.window)
        except ValueError as error:
            raise Violation("S5", f"no board can be made of the tables: {error}") from error

    def next_in(self, board: Board, command: Command) -> Outcome:
        """What a command in the next entry comes to on another board, which has to be the same as here.

        :raises Violation: it is not.
        """
        position = position_of(self._index + 1, 1)
        theirs = board.apply(position, TERM, encode(command))
        board.applied_entry(self._index + 1)
        ours = self.do(command)[0]
        if ours != theirs or board.marks() != self.board.marks():
            name = (
                "S7" if (ours.duplicate, ours.answer.code) != (theirs.duplicate, theirs.answer.code) else "S5"
            )
            raise Violation(
                name, f"{command.operation.id} comes to {theirs.answer}, elsewhere to {ours.answer}"
            )
        return ours
