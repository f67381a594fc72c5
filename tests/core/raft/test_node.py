"""The public object: what it starts from, what it refuses, and that no message can make it raise anything but ``Diverged``."""

from random import Random

import attrs
from hypothesis import given, settings, strategies as st
from twisted.trial.unittest import SynchronousTestCase

from bulletin.core.log.entry import NO_HASH, Entry, EntryKind
from bulletin.core.raft.config import Config
from bulletin.core.raft.diverged import Diverged
from bulletin.core.raft.invariants import check_basic
from bulletin.core.raft.messages import (
    Append,
    AppendReply,
    Forward,
    Greeting,
    GreetingReply,
    ReadIndex,
    ReadIndexReply,
    RequestVote,
    TimeoutNow,
    VoteReply,
)
from bulletin.core.raft.node import Node
from bulletin.core.raft.ready import HardState, Role
from tests.core.raft.making import IDS, Group, at, entries_of, operation, restored_of


def node_of(*terms: int, member: bytes = IDS[0], **changes) -> Node:
    return Node(Config(), member, restored_of(*terms, **changes), Random(0), at(0))


class StartTests(SynchronousTestCase):
    def test_from_a_tail(self) -> None:
        """A node starts with part of its log in memory, and knows the terms of all of it."""
        entries = entries_of(1, 1, 2, 3)
        node = node_of(1, 1, 2, 3, entries=tuple(entries[2:]), applied=2)
        status = node.status()
        self.assertEqual((status.last_index, status.synced, status.commit, status.applied), (4, 4, 2, 2))
        self.assertEqual((status.role, status.term, status.leader), (Role.FOLLOWER, 3, None))

    def test_founding_term(self) -> None:
        """A server that was just founded may not have stored a term yet: the founding's counts, and nobody voted in it."""
        node = node_of(1, hard_state=HardState(0))
        self.assertEqual(node.status().term, 1)

    def test_refused(self) -> None:
        """A server that is no member, a log ahead of its term, entries missing above the applied index."""
        entries = entries_of(1, 1, 2)
        for changes in (
            {"member": b"x" * 16},
            {"hard_state": HardState(1)},
            {"entries": tuple(entries[2:]), "applied": 1},
            {"applied": 4},
        ):
            with self.assertRaises(ValueError):
                node_of(1, 1, 2, **changes)

    def test_tables_are_no_proof(self) -> None:
        """That the tables have reached the index in doubt says nothing of what came after it."""
        self.assertTrue(node_of(1, 1, 1, applied=3).status().trusted)
        self.assertFalse(node_of(1, 1, 1, applied=3, trusted_from=3).status().trusted)


class RefusalTests(SynchronousTestCase):
    def test_without_a_leader(self) -> None:
        """Nothing is taken where nobody leads."""
        node = node_of(1)
        self.assertFalse(node.propose([operation()], at(0)))
        self.assertFalse(node.forward([operation()], at(0)))
        self.assertFalse(node.read_index(1, at(0)))
        self.assertFalse(node.transfer(at(0)))

    def test_strangers(self) -> None:
        """Who is no member is not listened to, nor is this node to itself."""
        node = node_of(1)
        node.receive(b"x" * 16, Append(9, 0, 0, NO_HASH, (), 0, 1), at(0))
        node.receive(IDS[0], Append(9, 0, 0, NO_HASH, (), 0, 1), at(0))
        self.assertEqual((node.status().term, node.counters["messages_ignored"]), (1, 2))

    def test_proposals_beyond_the_bound(self) -> None:
        """A leader does not let its uncommitted tail grow without end, and takes more once it is committed."""
        group = Group(config=Config(uncommitted_bytes_max=1000))
        leader = group.elect()
        group.held |= set(IDS)
        taken = 0
        while leader.propose([operation("x", 100)], group.instant):
            taken += 1
            group.settle()
        self.assertEqual(taken, 7)
        self.assertEqual(leader.counters["proposals_refused_full"], 1)
        group.held.clear()
        for member in IDS:
            group.sync(member)
        group.settle()
        self.assertTrue(leader.propose([operation("x", 100)], group.instant))

    def test_forwards_are_cut(self) -> None:
        """What is forwarded fits the bound of a message."""
        group = Group(config=Config(append_bytes_max=100))
        group.elect()
        follower = next(node for node in group.machines.values() if not node.leads)
        group.sent.clear()
        follower.forward([operation(str(number), 30) for number in range(5)], group.instant)
        group.settle()
        sizes = [len(message.operations) for _, _, message in group.sent if isinstance(message, Forward)]
        self.assertEqual(sizes, [1, 1, 1, 1, 1])

    def test_reads_beyond_the_bound(self) -> None:
        """Questions under way are bounded, on the asker and on the leader."""
        group = Group(config=Config(reads_max=2))
        leader = group.elect()
        group.lost |= set(IDS)
        for node in group.machines.values():
            self.assertEqual(
                [node.read_index(number, group.instant) for number in range(3)], [True, True, False]
            )
        self.assertTrue(leader.leads)


class MemoryTests(SynchronousTestCase):
    def test_memory_is_let_go(self) -> None:
        """What is applied and beyond what is kept leaves the memory."""
        group = Group(config=Config(memory_bytes_kept=1000))
        leader = group.elect()
        for _ in range(50):
            leader.propose([operation("x", 100)], group.instant)
            group.settle()
            leader.applied_to(leader.status().commit)
            self.assertLessEqual(leader._state.log.bytes_held, 1250)
        self.assertGreater(leader._state.log.base, 30)

    def test_applied_never_beyond_what_was_handed_out(self) -> None:
        """The tables cannot have reached what they never got."""
        node = node_of(1, 1, 1)
        node.applied_to(3)
        self.assertEqual(node.status().applied, 1)


class GreetingTests(SynchronousTestCase):
    def test_greetings_do_not_go_to_and_fro(self) -> None:
        """While a disk is silent nobody can be judged; each is greeted again, but less and less often."""
        group = Group()
        group.held |= set(IDS)
        group.advance(3.0)
        greetings = sum(isinstance(message, Greeting) for _, _, message in group.sent)
        self.assertEqual(len(group.sent), greetings)
        self.assertLess(greetings, 3 * 2 * 10)


NUMBERS = st.one_of(
    st.integers(-2, 12), st.sampled_from([2**31, 2**47, 2**53 + 1, 2**62, 2**63, 2**64, -(2**40)])
)
HASHES = st.one_of(
    st.sampled_from([NO_HASH, b"", b"x" * 32, *(entry.hash for entry in entries_of(1, 1, 2, 2))])
)
ENTRIES = st.one_of(
    st.sampled_from(entries_of(1, 1, 2, 2)),
    st.builds(
        Entry, NUMBERS, NUMBERS, st.sampled_from(EntryKind), st.binary(max_size=4), HASHES, NUMBERS, NUMBERS
    ),
)
MESSAGES = st.one_of(
    st.builds(RequestVote, NUMBERS, NUMBERS, NUMBERS, st.booleans(), st.booleans()),
    st.builds(VoteReply, NUMBERS, st.booleans(), st.booleans(), NUMBERS, NUMBERS),
    st.builds(
        Append, NUMBERS, NUMBERS, NUMBERS, HASHES, st.lists(ENTRIES, max_size=3).map(tuple), NUMBERS, NUMBERS
    ),
    st.builds(AppendReply, NUMBERS, NUMBERS, st.booleans(), NUMBERS, NUMBERS, NUMBERS, NUMBERS),
    st.builds(TimeoutNow, NUMBERS),
    st.builds(Forward, NUMBERS, st.lists(st.builds(operation), max_size=2).map(tuple)),
    st.builds(ReadIndex, NUMBERS, NUMBERS),
    st.builds(ReadIndexReply, NUMBERS, NUMBERS, NUMBERS),
    st.builds(Greeting, NUMBERS, NUMBERS, NUMBERS),
    st.builds(GreetingReply, NUMBERS, NUMBERS, NUMBERS),
)


class AnyMessageTests(SynchronousTestCase):
    @settings(deadline=None, max_examples=100, derandomize=True)
    @given(
        st.sampled_from(["follower", "candidate", "leader"]),
        st.lists(st.tuples(st.sampled_from(IDS), MESSAGES), max_size=8),
    )
    def test_nothing_but_diverged(self, role, arrivals) -> None:
        """Whatever numbers a message has: it is worked on or dropped, or it proves a divergence; the node stays whole."""
        group = Group()
        leader = group.elect()
        node = leader
        if role != "leader":
            node = next(machine for machine in group.machines.values() if machine is not leader)
        if role == "candidate":
            node._election._campaign(by_transfer=False)
        for sender, message in arrivals:
            try:
                node.receive(sender, message, group.instant)
                ready = node.ready()
            except Diverged:
                return
            if ready.persist is not None:
                node.persisted(ready.persist.sequence, group.instant)
            check_basic(node)
            node.tick(group.instant)

    def test_garbled_entries(self) -> None:
        """Entries that are not what their hashes say are not taken, and not answered."""
        group = Group()
        leader = group.elect()
        group.lost |= set(IDS)
        leader.propose([operation("a")], group.instant)
        group.settle()
        (sender, recipient, append) = group.sent[-1]
        garbled = attrs.evolve(append.entries[0], body=append.entries[0].body + b"!")
        follower = group.machines[recipient]
        follower.receive(sender, attrs.evolve(append, entries=(garbled,)), group.instant)
        ready = follower.ready()
        self.assertEqual((ready.persist, ready.messages), (None, ()))
        self.assertEqual(follower.counters["append_garbled"], 1)
        follower.receive(sender, append, group.instant)
        self.assertEqual(follower.ready().persist.entries, append.entries)
