"""The follower's side: how much it takes in, and what it can only stop at."""

from random import Random

import attrs
from twisted.trial.unittest import SynchronousTestCase

from bulletin.core.log.entry import NO_HASH, Entry, EntryKind, make_entry
from bulletin.core.raft.config import Config
from bulletin.core.raft.diverged import Diverged
from bulletin.core.raft.messages import Append
from bulletin.core.raft.node import Node
from tests.core.raft.making import IDS, THREE, Group, at, entries_of, operation, restored_of

CONFIG = Config(unapplied_bytes_max=1000, inflight_bytes_max=600, append_bytes_max=300)


class OverfedTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.group = Group(config=CONFIG)
        self.leader = self.group.elect()
        self.slow, self.fast = (node for node in self.group.machines.values() if node is not self.leader)

    def apply(self, *nodes: Node) -> None:
        for node in nodes:
            node.applied_to(node.status().commit)

    def propose(self, times: int) -> None:
        for number in range(times):
            self.leader.propose([operation(f"{number}", 100)], self.group.instant)
            self.group.settle()
            self.apply(self.leader, self.fast)

    def held(self, node: Node) -> int:
        log = node._state.log
        return log.bytes_between(node.status().applied, log.last_index)

    def test_a_follower_that_applies_slowly_is_not_sent_the_whole_log(self) -> None:
        """It is left behind with what it can hold, and the others go on; it gets the rest as it applies."""
        self.propose(100)
        self.group.advance(1.0)
        last = self.leader.status().last_index
        bound = CONFIG.unapplied_bytes_max + CONFIG.inflight_bytes_max + CONFIG.append_bytes_max
        self.assertEqual(self.leader.status().commit, last)
        self.assertLess(self.held(self.slow), bound)
        turns = 0
        while self.slow.status().applied < last:
            turns += 1
            self.assertLess(turns, 100)
            self.apply(self.slow)
            self.group.advance(0.1)
            self.assertLess(self.held(self.slow), bound)
        self.assertGreater(turns, 5)

    def test_what_is_not_committed_does_not_count(self) -> None:
        """A follower that waited for a commit before it acknowledges what would bring it might wait for ever."""
        fast = next(member for member, node in self.group.machines.items() if node is self.fast)
        self.group.lost.add(fast)
        self.leader.propose([operation(f"{number}", 100) for number in range(50)], self.group.instant)
        self.group.settle()
        self.group.advance(0.5)
        self.assertEqual(self.leader.status().commit, self.leader.status().last_index)


class DivergedTests(SynchronousTestCase):
    """A follower with four entries, the second committed, and a leader whose log cannot be."""

    def setUp(self) -> None:
        self.node = Node(Config(), IDS[0], restored_of(1, 1, 2, 2, applied=2), Random(0), at(0))
        self.entries = entries_of(1, 1, 2, 2)

    def append(self, previous: int, *entries: Entry, term: int | None = None, **changes) -> None:
        here = self.entries[previous - 1]
        message = Append(3, previous, term or here.term, here.hash, entries, 2, 1)
        self.node.receive(IDS[2], attrs.evolve(message, **changes), at(0))

    def successor(self, previous: int, term: int, body: bytes = b"other") -> Entry:
        here = self.entries[previous - 1]
        return make_entry(here.hash, THREE.identity, previous + 1, term, EntryKind.NOOP, body)

    def test_another_term_where_it_is_committed(self) -> None:
        """What is committed here has another term there."""
        with self.assertRaisesRegex(Diverged, "committed index 2"):
            self.append(2, term=2)

    def test_another_entry_before(self) -> None:
        """Index and term are equal, the chain hash is not."""
        with self.assertRaisesRegex(Diverged, "same term at index 3"):
            self.append(3, previous_hash=b"x" * 32)

    def test_what_was_not_compared_is_not_committed(self) -> None:
        """A heartbeat whose sender has no hash at hand says nothing of the entry here; the next one with a hash does."""
        self.append(4, previous_hash=NO_HASH, commit=4)
        self.assertEqual(self.node.status().commit, 2)
        with self.assertRaisesRegex(Diverged, "same term at index 4"):
            self.append(4, previous_hash=b"x" * 32, commit=4)
        self.append(4, commit=4)
        self.assertEqual(self.node.status().commit, 4)

    def test_another_entry_within(self) -> None:
        """An entry that is known by index and term comes with another content."""
        with self.assertRaisesRegex(Diverged, "same term at index 4"):
            self.append(3, self.successor(3, 2))

    def test_a_contradiction_of_what_is_committed(self) -> None:
        """An entry that would replace a committed one: neither taken nor passed over."""
        with self.assertRaisesRegex(Diverged, "committed entry 2"):
            self.append(1, self.successor(1, 2))
        self.assertEqual(self.node.status().last_index, 4)

    def test_two_leaders(self) -> None:
        """Two members lead in one term."""
        self.append(4)
        with self.assertRaisesRegex(Diverged, "two nodes lead in term 3"):
            self.node.receive(IDS[1], Append(3, 0, 0, NO_HASH, (), 0, 1), at(0))

    def test_a_conflict_above_is_none_of_these(self) -> None:
        """Above the commit index the leader's log is simply right."""
        self.append(2, self.successor(2, 3))
        self.assertEqual((self.node.status().last_index, self.node.ready().persist.truncate_after), (3, 2))

    def test_entries_without_a_hash_before_them(self) -> None:
        """Entries whose predecessor's hash is not stated cannot be verified: they are not taken."""
        self.append(4, self.successor(4, 3), previous_hash=NO_HASH)
        self.assertEqual((self.node.status().last_index, self.node.counters["append_garbled"]), (4, 1))

    def test_numbers_that_nobody_would_send(self) -> None:
        """Gaps, falling terms, terms to come, hashes of another length: dropped, and no leader is followed for it."""
        good = self.successor(4, 3)
        for entries, changes in (
            ((attrs.evolve(good, index=6),), {}),
            ((attrs.evolve(good, term=1),), {}),
            ((attrs.evolve(good, term=4),), {}),
            ((attrs.evolve(good, hash=b"short"),), {}),
            ((attrs.evolve(good, format=9),), {}),
            ((), {"previous_term": 0}),
            ((), {"previous_term": 4}),
            ((), {"previous_hash": b"short"}),
            ((), {"commit": 2**47}),
            ((), {"round": -1}),
        ):
            self.append(4, *entries, **changes)
            self.assertEqual((self.node.status().leader, self.node.status().last_index), (None, 4), changes)
