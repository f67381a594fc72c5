"""The invariants notice what they are for."""

import attrs
from twisted.trial.unittest import SynchronousTestCase

from bulletin.core.raft.invariants import Observation, check_basic, check_delta
from bulletin.core.raft.ready import HardState, Role
from tests.core.raft.making import IDS, Group


class InvariantTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.group = Group()
        self.leader = self.group.elect()
        self.follower = next(node for node in self.group.machines.values() if node is not self.leader)

    def test_sound(self) -> None:
        """Nothing is said of sound nodes."""
        for node in self.group.machines.values():
            check_basic(node)
            seen = Observation.of(node)
            check_delta(node, seen, seen)

    def test_basic(self) -> None:
        """Each broken state is noticed."""

        def beyond(node):
            node._state.commit = 99

        def vote(node):
            node._state.disk.hard_state = HardState(node.status().term)

        def term(node):
            node._state.disk.hard_state = HardState(1, node._state.member)

        def match(node):
            node._replication.followers[IDS[0]].match = 50

        def window(node):
            node._replication.followers[IDS[0]].inflight_bytes = 5

        def synced(node):
            node._state.log._synced = 50

        def followers(node):
            node._state.role, node._state.leader = Role.FOLLOWER, None

        for damage in (beyond, vote, term, match, window, synced, followers):
            self.setUp()
            damage(self.leader)
            with self.assertRaises(AssertionError, msg=damage.__name__):
                check_basic(self.leader)

    def test_delta(self) -> None:
        """Each step backwards is noticed."""
        after = Observation.of(self.leader)
        for changes in (
            {"term": after.term + 1},
            {"vote": IDS[0] if after.vote != IDS[0] else IDS[1]},
            {"commit": after.commit + 1},
            {"delivered": after.delivered + 1},
            {"applied": after.applied + 1},
            {"last_index": after.last_index + 1},
            {"hash_at_commit": b"x" * 32},
        ):
            with self.assertRaises(AssertionError, msg=str(changes)):
                check_delta(self.leader, attrs.evolve(after, **changes), after)

    def test_production(self) -> None:
        """A node whose marks are out of order stops at its next turn."""
        self.follower._state.applied = 99
        with self.assertRaises(AssertionError):
            self.follower.ready()
