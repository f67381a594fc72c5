"""Databases with any number of posts in them, made by the board and the store themselves, with the log trimmed as a node does."""

import os
import queue
import shutil
from itertools import count
from pathlib import Path
from random import Random

import attrs

from bulletin.core.board.board import Board
from bulletin.core.board.commands import Command, Kind, OperationId, Proof, Scope, Stamp, encode
from bulletin.core.log.batch import encode_batch
from bulletin.core.log.entry import EntryKind
from bulletin.core.log.founding import FoundingDocument, Member
from bulletin.core.log.port import Operation, position_of
from bulletin.core.raft.config import Config
from bulletin.core.raft.log import RaftLog, Retention
from bulletin.core.raft.ready import Persist
from bulletin.storage import database
from bulletin.storage.hard_state import HardStateFile
from bulletin.storage.server_directory import DATABASE, HARD_STATE
from bulletin.storage.sqlite_store import SqliteStore, Tuning
from bulletin.storage.tables import read_hard

USERS = 100
CHANNELS = 20
SESSION_OPERATIONS = 500
"""Requests of a client before it is started anew, with another session."""

TEXT = "x" * 100
UNDER_WAY = 64


class Loop:
    """A reactor that has nothing but calls from threads."""

    def __init__(self):
        self.calls = queue.SimpleQueue()

    def call_from_thread(self, function, *args):
        self.calls.put((function, args))

    def run(self, until):
        while not until():
            function, args = self.calls.get(timeout=60)
            function(*args)


def fail(error):
    raise error


class Filled:
    """A server's store with its board and its log: one server as it is in use, without the others.

    :param directory: of the server.
    :param names: of the cluster's servers, this one's first; a new cluster is founded where the directory is empty.
    """

    def __init__(self, directory, names=("server1",), tuning=None):
        self.loop = Loop()
        self.store = SqliteStore(
            directory,
            names[0],
            call_from_thread=self.loop.call_from_thread,
            failed=fail,
            tuning=tuning or Tuning(),
        )
        opened = self.store.open()
        restored, tables = opened.restored, opened.board
        if restored is None:
            ids = [opened.member, *(os.urandom(16) for _ in names[1:])]
            members = tuple(
                Member(member, name, "tcp://127.0.0.1:9", number)
                for number, (member, name) in enumerate(zip(ids, names, strict=True), 1)
            )
            document = FoundingDocument(os.urandom(16), members)
            restored, tables = self.wait(lambda done: self.store.found(document, lambda *found: done(found)))
        self.document = restored.document
        self.board = Board(tables)
        config = Config()
        self.log = RaftLog(
            restored.entries,
            restored.last_index,
            restored.last_hash,
            restored.terms,
            restored.anchor,
            Retention(config.retained_entries, config.retained_bytes, config.held_entries, config.held_bytes),
            restored.log_size,
        )
        self._term = max(1, restored.hard_state.term)
        self._sequence = count(1)
        self._made = count(tables.marks.ordinal)
        self._random = Random(tables.marks.ordinal)
        self._under_way = 0

    def wait(self, ask):
        """Ask for something, and wait for its ``done``."""
        done = []
        ask(done.append)
        self.loop.run(lambda: done)
        return done[0]

    def fill(self, posts, entry_posts=64):
        """Write entries of so many posts each until there are so many posts; the last entry is smaller."""
        if not self.board.marks().ordinal:
            self.write([self._command(Kind.LOGIN, f"user{n}", "") for n in range(USERS)])
            self.write([self._command(Kind.CREATE_CHANNEL, "user0", f"channel{n}") for n in range(CHANNELS)])
        while self.posts < posts:
            self.write([self.post() for _ in range(min(entry_posts, posts - self.posts))])
        self.loop.run(lambda: not self._under_way)

    @property
    def posts(self):
        """How many there are."""
        return self.board.marks().ordinal - USERS - CHANNELS

    def post(self):
        """A post to a channel, or, one in ten, to a user; by one of the users."""
        number, random = next(self._made), self._random
        user = f"user{random.randrange(USERS)}"
        kind, target = Kind.PUBLISH, f"channel{random.randrange(CHANNELS)}"
        if number % 10 == 0:
            kind, target = Kind.SEND, f"user{random.randrange(USERS)}"
        return self._command(kind, user, target, f"{number}:{TEXT}", number)

    def _command(self, kind, user, target, message="", number=0):
        session = number // (USERS * SESSION_OPERATIONS)
        return Command(
            kind,
            OperationId(
                Scope.USER, user, f"{session:032x}:{number}" if number else f"{kind}-{user}-{target}"
            ),
            user,
            Proof.OPEN,
            target,
            message,
            1_700_000_000.25 + number,
            None,
            Stamp(self.board.marks().clock + 1, 1_700_000_000.5 + number, 0.001),
            self._random.randbytes(16),
        )

    def write(self, commands):
        """Have an entry of commands stored, applied and trimmed as a leader alone would; not waited for."""
        payloads = [encode(command) for command in commands]
        body = encode_batch([Operation(b"k" * 16, payload) for payload in payloads])
        entry = self.log.append_new(self.document.identity, self._term, EntryKind.OPERATIONS, body)
        outcomes = [
            self.board.apply(position_of(entry.index, offset), entry.term, payload)
            for offset, payload in enumerate(payloads, 1)
        ]
        self.board.applied_entry(entry.index)
        sequence = next(self._sequence)
        self.log.trim(self.log.synced, self.log.last_index)
        anchor = self.log.give_anchor()
        _, entries = self.log.give(sequence)
        persist = Persist(sequence, entries=entries, anchor=anchor, log_size=self.log.size)
        applied = self.board.applied(outcomes)
        self._under_way += 1
        self.store.write(persist, applied, lambda: self._stored(sequence))
        self.loop.run(lambda: self._under_way < UNDER_WAY)

    def _stored(self, sequence):
        self._under_way -= 1
        self.log.stored(sequence)
        self.log.forget(self.log.synced, Config().memory_bytes_kept)

    def close(self):
        """Close the store."""
        self.wait(lambda done: self.store.close(lambda: done(True)))


def copy_for(source, directory, member):
    """A fellow server's directory: the same, but for the member's id in both places of the hard state."""
    directory.mkdir(parents=True)
    shutil.copy(source / DATABASE, directory / DATABASE)
    connection = database.open_writer(directory / DATABASE)
    record = attrs.evolve(read_hard(connection), member=member)
    connection.execute("UPDATE state SET body = ? WHERE key = 'hard'", (database.seal_hard(record),))
    connection.wal_checkpoint()
    connection.close()
    Path(directory / HARD_STATE).write_bytes(HardStateFile.image(record))
