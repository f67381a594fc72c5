"""The store on a disk and its twin in memory, given the same: they tell the same, whatever is asked of them."""

import attrs
from hypothesis import given, settings, strategies as st
from twisted.trial.unittest import SynchronousTestCase

from bulletin.core.board.history import PageQuery
from bulletin.core.board.outcome import StreamKind
from bulletin.core.raft.ready import Fetch, HardState
from tests.storage.scribe import Scribe
from tests.storage.stores import MemoryHarness, SqliteHarness

WINDOW = 8
USERS = st.sampled_from(["ana", "rui", "eva"])
CHANNELS = st.sampled_from(["geral", "b"])
TEXTS = st.sampled_from(["", "olá", "x" * 3000])
COMMANDS = st.lists(
    st.one_of(
        st.tuples(st.just("login"), USERS),
        st.tuples(st.just("channel"), CHANNELS),
        st.tuples(st.just("post"), CHANNELS, TEXTS, USERS),
        st.tuples(st.just("send"), USERS, TEXTS, USERS),
    ),
    max_size=4,
)
CURSORS = st.none() | st.integers(0, 30)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("append"), COMMANDS),
        st.tuples(st.just("append"), COMMANDS),
        st.tuples(st.just("vote"), st.integers(0, 2)),
        st.tuples(st.just("truncate"), st.integers(0, 5), COMMANDS),
        st.tuples(st.just("apply"), st.integers(0, 5)),
        st.tuples(st.just("channel"), CHANNELS, CURSORS, CURSORS, st.integers(1, 5)),
        st.tuples(st.just("inbox"), USERS, st.none() | USERS, CURSORS, CURSORS, st.integers(1, 5)),
        st.tuples(st.just("fetch"), st.integers(1, 10), st.integers(0, 10), st.integers(1, 5000)),
        st.tuples(st.just("restart")),
    ),
    min_size=5,
    max_size=30,
)


class Pair:
    """One server's core, and two stores under it."""

    def __init__(self, case):
        self.case = case
        self.twins = MemoryHarness(WINDOW), SqliteHarness.hasty(case)
        self.twins[1].window = self.twins[1].tuning["window"] = WINDOW
        found = []
        for twin in self.twins:
            twin.start()
            found.append(twin.found(b"member--16-bytes"))
        case.assertEqual(*found)
        self.scribe = Scribe(*found[0], WINDOW)
        self.random = self.scribe.random
        self.applied = 0

    def commands(self, commands):
        return [getattr(self.scribe, kind)(*more) for kind, *more in commands]

    def write(self, persist, applied=None):
        for twin in self.twins:
            self.case.assertTrue(twin.write(persist, applied), twin.failures)

    def same(self, ask):
        first, second = map(ask, self.twins)
        self.case.assertIsNotNone(first)
        self.case.assertEqual(first, second)

    def append(self, commands):
        self.write(self.scribe.persist(self.commands(commands), body=None if commands else b""))

    def vote(self, more):
        self.write(self.scribe.persist(hard_state=HardState(self.scribe.term + more, b"another-16-bytes")))
        self.scribe.term += more

    def truncate(self, count, commands):
        after = max(1, self.applied, self.scribe.last_index - count)
        self.scribe.term += 1
        term = HardState(self.scribe.term)
        self.write(self.scribe.persist(self.commands(commands), term, after, body=None if commands else b""))

    def apply(self, count):
        self.applied = min(self.applied + count, self.scribe.last_index)
        self.write(None, self.scribe.apply(self.applied))

    def channel(self, name, since, before, limit):
        self.same(lambda twin: twin.page(PageQuery(StreamKind.CHANNEL, name, None, since, before, limit)))

    def inbox(self, name, partner, since, before, limit):
        self.same(lambda twin: twin.page(PageQuery(StreamKind.INBOX, name, partner, since, before, limit)))

    def fetch(self, first, more, bytes_max):
        self.same(lambda twin: list(twin.fetch(Fetch(1, first, first + more, bytes_max))))

    def restart(self):
        opened = []
        for twin in self.twins:
            twin.stop()
            opened.append(attrs.evolve(twin.start(), member=b""))
        self.case.assertEqual(*opened)
        before = self.scribe
        self.scribe = Scribe(opened[0].restored, opened[0].board, WINDOW)
        self.case.assertEqual(self.scribe.term, before.term)
        self.case.assertEqual(self.scribe.unapplied, before.unapplied)
        self.scribe.commands, self.scribe.log = before.commands, before.log
        self.scribe.random = self.random

    def close(self):
        for twin in self.twins:
            twin.stop()
            self.case.assertEqual(twin.failures, [])


class TwinTests(SynchronousTestCase):
    @settings(deadline=None, max_examples=25, derandomize=True)
    @given(STEPS)
    def test_they_tell_the_same(self, steps):
        pair = Pair(self)
        for what, *more in steps:
            getattr(pair, what)(*more)
        pair.restart()
        pair.close()
