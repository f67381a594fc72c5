"""Election details that are no schedule: patience, pauses, what is not done by whom.  The schedules are scenarios."""

from random import Random

from twisted.trial.unittest import SynchronousTestCase

from bulletin.core.raft.config import Config
from bulletin.core.raft.messages import TimeoutNow, VoteReply
from bulletin.core.raft.node import Node
from bulletin.core.raft.ready import Role
from tests.core.raft.making import IDS, Group, at, restored_of


class PatienceTests(SynchronousTestCase):
    def patience(self, member: bytes, seed: int) -> float:
        node = Node(Config(), member, restored_of(1), Random(seed), at(0))
        return node._election._deadline

    def test_bounds(self) -> None:
        """Never below the minimum, never beyond the spread."""
        waits = [self.patience(member, seed) for member in IDS for seed in range(50)]
        self.assertGreaterEqual(min(waits), 0.5)
        self.assertLessEqual(max(waits), 1.0)

    def test_rank_is_a_preference(self) -> None:
        """A higher rank waits less on the average; chance stays, so that it may also come second."""
        low, middle, high = ([self.patience(member, seed) for seed in range(50)] for member in IDS)
        self.assertLess(sum(high), sum(middle))
        self.assertLess(sum(middle), sum(low))
        self.assertGreater(max(high), min(middle))
        self.assertGreater(len(set(high)), 25)


class PauseTests(SynchronousTestCase):
    def test_a_late_tick_hears_first(self) -> None:
        """A follower that stood still does not campaign before it has had the chance to hear what came meanwhile."""
        group = Group()
        leader = group.elect()
        follower = next(node for node in group.machines.values() if node is not leader)
        group.now += 2.0
        follower.tick(group.instant)
        self.assertIs(follower.status().role, Role.FOLLOWER)
        self.assertIsNotNone(follower.status().leader)

    def test_a_leader_that_stood_still(self) -> None:
        """A leader that stood still for a moment does not step down before it has heard the answers that wait."""
        group = Group()
        leader = group.elect()
        group.now += 0.7
        leader.tick(group.instant)
        self.assertTrue(leader.leads)

    def test_the_excuse_ends(self) -> None:
        """A follower that is late each time campaigns all the same."""
        group = Group()
        leader = group.elect()
        follower = next(node for node in group.machines.values() if node is not leader)
        for _ in range(6):
            group.now += 0.3
            follower.tick(group.instant)
        self.assertIs(follower.status().role, Role.PRE_CANDIDATE)

    def test_the_leaders_excuse_ends(self) -> None:
        """A leader that is late each time and hears nobody steps down all the same."""
        group = Group()
        leader = group.elect()
        for _ in range(6):
            group.now += 0.3
            leader.tick(group.instant)
        self.assertFalse(leader.leads)


class TransferTests(SynchronousTestCase):
    def test_only_the_leader_can_order_a_campaign(self) -> None:
        """A word to campaign from somebody else is not obeyed."""
        group = Group()
        leader = group.elect()
        members = [member for member, node in group.machines.items() if node is not leader]
        follower = group.machines[members[0]]
        follower.receive(members[1], TimeoutNow(follower.status().term), group.instant)
        self.assertIs(follower.status().role, Role.FOLLOWER)

    def test_nobody_to_hand_over_to(self) -> None:
        """Without a follower that answers there is no hand-over; nor from who does not lead."""
        group = Group()
        leader = group.elect()
        follower = next(node for node in group.machines.values() if node is not leader)
        self.assertFalse(follower.transfer(group.instant))
        self.assertTrue(leader.transfer(group.instant))
        self.assertFalse(leader.transfer(group.instant))

    def test_equals(self) -> None:
        """Of followers that have the same the one of the highest rank is chosen."""
        group = Group()
        leader = group.elect()
        members = [member for member in IDS if group.machines[member] is not leader]
        leader.transfer(group.instant)
        group.settle()
        self.assertTrue(group.machines[members[-1]].leads)


class LostCandidacyTests(SynchronousTestCase):
    def test_votes_for_a_log_that_is_lost(self) -> None:
        """A disk that lost its end may campaign in a term again: votes that its longer log was given do not count."""
        node = Node(Config(), IDS[0], restored_of(1, 2, 2), Random(0), at(0))
        node._election._campaign(by_transfer=False)
        persist = node.ready().persist
        assert persist is not None
        node.persisted(persist.sequence, at(0))
        self.assertEqual((node.status().role, node.status().term), (Role.CANDIDATE, 3))
        node.receive(IDS[1], VoteReply(3, granted=True, last_index=5, last_term=2), at(0.1))
        self.assertIs(node.status().role, Role.CANDIDATE)
        node.receive(IDS[1], VoteReply(3, granted=True, last_index=3, last_term=2), at(0.1))
        self.assertIs(node.status().role, Role.LEADER)

    def test_an_answer_says_for_which_log_it_is(self) -> None:
        group = Group()
        leader = group.elect()
        group.sent.clear()
        log = leader._state.log
        group.advance(0.6)
        leader.retire(group.instant)
        group.advance(3.0)
        replies = [message for _, _, message in group.sent if isinstance(message, VoteReply)]
        self.assertTrue(replies)
        self.assertEqual(
            {(reply.last_index, reply.last_term) for reply in replies}, {(log.last_index, log.last_term)}
        )


class CalmTests(SynchronousTestCase):
    def test_no_change_without_a_fault(self) -> None:
        """A minute without a fault: one leader, one term."""
        group = Group()
        leader = group.elect()
        term = leader.status().term
        group.advance(60.0)
        self.assertTrue(leader.leads)
        self.assertEqual({node.status().term for node in group.machines.values()}, {term})

    def test_idle_cost(self) -> None:
        """An idle cluster says one heartbeat to each follower each 0.1 s, and hears one answer."""
        group = Group()
        group.elect()
        group.sent.clear()
        group.advance(1.0)
        self.assertLessEqual(len(group.sent), 44)

    def test_a_flapping_high_rank(self) -> None:
        """A server of the highest rank that comes and goes does not depose the leader that was elected meanwhile."""
        group = Group()
        group.elect()
        group.lost.add(IDS[2])
        group.advance(2.0)
        leader = next(node for node in (group.machines[IDS[0]], group.machines[IDS[1]]) if node.leads)
        term = leader.status().term
        for _ in range(5):
            group.lost.clear()
            group.advance(0.3)
            group.lost.add(IDS[2])
            group.advance(1.1)
        self.assertTrue(leader.leads)
        self.assertEqual(leader.status().term, term)
