"""The port over a node, with whole clusters behind it whose messages arrive at once."""

from twisted.trial.unittest import SynchronousTestCase

from bulletin.core.limits import BATCH_BYTES_MAX
from bulletin.core.log.port import (
    BarrierFailed,
    BarrierPassed,
    Committed,
    Operation,
    ProposalFailed,
    Why,
    index_of,
)
from bulletin.core.raft import ordered_log
from bulletin.core.raft.config import Config
from bulletin.core.raft.messages import Append, Forward, ReadIndex
from bulletin.core.raft.ordered_log import RaftLogPort
from tests.core.raft.making import IDS, ONE, Group, operation


def kinds(events) -> list[str]:
    return [type(event).__name__ for event in events]


class PortCase(SynchronousTestCase):
    """A cluster of three ports."""

    def setUp(self) -> None:
        self.group = Group(make=RaftLogPort)
        self.ports = [self.group.machines[member] for member in IDS]

    def elect(self) -> RaftLogPort:
        self.group.advance(1.5)
        for port in self.ports:
            port.follow()
        (leader,) = (port for port in self.ports if port.node.leads)
        return leader

    def followers(self) -> list[RaftLogPort]:
        return [port for port in self.ports if not port.node.leads]

    def propose(self, port: RaftLogPort, *names: str, seconds: float = 3.0) -> None:
        now = self.group.instant
        port.propose([operation(name) for name in names], now.monotonic + seconds, now)


class ProposalTests(PortCase):
    """Proposals."""

    def test_every_server_sees_every_operation_once_in_order(self) -> None:
        """Whatever server an operation came to, all see the same order."""
        self.elect()
        for number, port in enumerate(self.ports):
            self.propose(port, f"a{number}", f"b{number}")
            self.group.settle()
        seen = [[event for event in port.follow() if isinstance(event, Committed)] for port in self.ports]
        self.assertEqual(seen[0], seen[1])
        self.assertEqual(seen[0], seen[2])
        self.assertEqual(
            sorted(event.payload for event in seen[0]), [b"a0", b"a1", b"a2", b"b0", b"b1", b"b2"]
        )
        positions = [event.position for event in seen[0]]
        self.assertEqual(positions, sorted(set(positions)))

    def test_one_turn_is_one_entry(self) -> None:
        """What was proposed before one ``ready`` stands in one entry, whoever proposed it."""
        leader = self.elect()
        for name in ("a", "b", "c"):
            self.propose(leader, name)
        self.group.settle()
        self.assertEqual(len({index_of(event.position) for event in leader.follow()}), 1)

    def test_what_comes_during_a_sync_gathers(self) -> None:
        """While an entry is being synced the next one grows: a forwarded operation stands beside the leader's own."""
        leader = self.elect()
        member = IDS[self.ports.index(leader)]
        self.group.held.add(member)
        self.propose(leader, "first")
        self.group.settle()
        self.propose(leader, "second")
        self.propose(self.followers()[0], "third")
        self.group.settle()
        self.propose(self.followers()[1], "fourth")
        self.group.settle()
        self.group.held.clear()
        self.group.sync(member)
        self.group.settle()
        events = leader.follow()
        self.assertEqual([event.payload for event in events], [b"first", b"third", b"second", b"fourth"])
        self.assertEqual(len({index_of(event.position) for event in events}), 2)

    def test_without_a_leader_nothing_was_sent(self) -> None:
        """Past its deadline such an operation is definitely not committed."""
        self.group.lost |= set(IDS)
        self.propose(self.ports[0], "a", seconds=0.2)
        self.group.advance(0.3)
        self.assertEqual(self.ports[0].follow(), [ProposalFailed(operation("a").key, Why.NOT_COMMITTED)])

    def test_sent_but_not_seen_is_unknown(self) -> None:
        """Once it has left, nobody can say what became of it."""
        self.elect()
        follower = self.followers()[0]
        self.group.lost.add(IDS[self.ports.index(follower)])
        self.propose(follower, "a", seconds=0.2)
        self.group.advance(0.3)
        self.assertEqual(follower.follow(), [ProposalFailed(operation("a").key, Why.UNKNOWN)])

    def test_late_commit_after_the_deadline(self) -> None:
        """An operation that was given up as unknown may still be committed; it is then an operation like another's."""
        leader = self.elect()
        self.group.lost |= {IDS[self.ports.index(port)] for port in self.followers()}
        self.propose(leader, "a", seconds=0.2)
        self.group.advance(0.3)
        self.assertEqual(kinds(leader.follow()), ["ProposalFailed"])
        self.group.lost.clear()
        self.group.advance(0.2)
        self.assertEqual(kinds(leader.follow()), ["Committed"])

    def test_silence_is_answered_by_repetition(self) -> None:
        """A forward that got lost is sent again after half a second, and then more and more patiently."""
        self.elect()
        follower, leader = self.followers()[0], next(port for port in self.ports if port.node.leads)
        self.patch(leader.node, "_forwarded", lambda message: None)
        began = self.group.now
        times = []
        self.propose(follower, "a")
        for _ in range(45):
            before = len(self.forwards())
            self.group.advance(0.05)
            if len(self.forwards()) > before:
                times.append(round(self.group.now - began, 2))
        self.assertEqual(times, [0.05, 0.55, 1.55])

    def forwards(self) -> list:
        return [sent for sent in self.group.sent if isinstance(sent[2], Forward)]

    def test_a_new_leader_is_asked_at_once(self) -> None:
        """What the old leader has not committed goes to the new one without waiting."""
        leader = self.elect()
        gone = IDS[self.ports.index(leader)]
        self.group.lost.add(gone)
        others = self.followers()
        self.propose(others[0], "a")
        self.group.advance(1.5)
        self.assertEqual(kinds(others[0].follow()), ["Committed"])
        self.assertEqual(kinds(others[1].follow()), ["Committed"])

    def test_a_new_leader_is_not_asked_for_what_is_overdue(self) -> None:
        """A server that stood still may hear of a new leader before its clock: what it had then is long somebody else's."""
        leader = self.elect()
        follower, other = self.followers()
        self.patch(leader.node, "_forwarded", lambda message: None)
        self.propose(follower, "a", seconds=0.2)
        self.group.settle()
        self.group.now += 60.0
        term = follower.node.status().term + 1
        log = leader.node._state.log
        news = Append(term, log.last_index, log.last_term, log.last_hash, (), 0, 1)
        follower.receive(IDS[self.ports.index(other)], news, self.group.instant)
        ready = follower.ready()
        self.assertEqual(follower.node.leadership, (term, IDS[self.ports.index(other)]))
        assert ready.persist is not None
        follower.persisted(ready.persist.sequence, self.group.instant)
        messages = ready.messages + follower.ready().messages
        self.assertTrue(messages)
        self.assertEqual([message for _, message in messages if isinstance(message, Forward)], [])
        follower.tick(self.group.instant)
        self.assertEqual(follower.follow(), [ProposalFailed(operation("a").key, Why.UNKNOWN)])

    def hear_of_a_new_leader(self, follower: RaftLogPort) -> int:
        """A follower's disk does not answer, and another member leads in a new term; returns that."""
        leader = self.elect()
        self.group.held.add(IDS[self.ports.index(follower)])
        term = follower.node.status().term + 1
        log = leader.node._state.log
        other = next(port for port in self.followers() if port is not follower)
        news = Append(term, log.last_index, log.last_term, log.last_hash, (), 0, 1)
        follower.receive(IDS[self.ports.index(other)], news, self.group.instant)
        return term

    def test_nothing_piles_up_behind_a_disk_that_does_not_answer(self) -> None:
        """What must not leave before the term is synced is not sent, and so is known not to be committed."""
        self.elect()
        follower = self.followers()[0]
        self.hear_of_a_new_leader(follower)
        now = self.group.now
        for number in range(100):
            self.group.now = now + 0.05 * number
            follower.tick(self.group.instant)
            self.propose(follower, f"{number}", seconds=0.2)
            follower.barrier(number, self.group.now + 0.2, self.group.instant)
            follower.ready()
        self.assertLess(follower.node._state.outbox.held, 10)
        failed = [event for event in follower.follow() if isinstance(event, ProposalFailed)]
        self.assertGreater(len(failed), 90)
        self.assertEqual({event.why for event in failed}, {Why.NOT_COMMITTED})

    def test_what_waited_for_the_disk_goes_as_soon_as_it_answers(self) -> None:
        """The next turn brings it, not the next tick."""
        self.elect()
        follower = self.followers()[0]
        term = self.hear_of_a_new_leader(follower)
        self.propose(follower, "a")
        follower.barrier(1, self.group.now + 3, self.group.instant)
        ready = follower.ready()
        assert ready.persist is not None
        self.assertFalse(any(isinstance(message, Forward) for _, message in ready.messages))
        follower.persisted(ready.persist.sequence, self.group.instant)
        messages = [message for _, message in follower.ready().messages]
        self.assertEqual(
            [message.operations for message in messages if isinstance(message, Forward)], [(operation("a"),)]
        )
        self.assertEqual([message.term for message in messages if isinstance(message, ReadIndex)], [term])

    def test_own_leader_is_not_asked_twice(self) -> None:
        """An operation in the own log cannot get lost on the way: it is not proposed again in the same term."""
        leader = self.elect()
        self.group.held |= set(IDS)
        self.propose(leader, "a")
        self.group.advance(0.4)
        self.group.held.clear()
        for member in IDS:
            self.group.sync(member)
        self.group.settle()
        self.assertEqual(kinds(leader.follow()), ["Committed"])

    def test_bounds(self) -> None:
        """Beyond the bound operations are not taken, and said not to be."""
        self.patch(ordered_log, "PROPOSALS_MAX", 2)
        self.propose(self.ports[0], "a", "b", "c")
        self.assertEqual(self.ports[0].follow(), [ProposalFailed(operation("c").key, Why.UNAVAILABLE)])
        self.patch(ordered_log, "PROPOSALS_BYTES_MAX", 10)
        self.propose(self.ports[1], "a")
        self.assertEqual(self.ports[1].follow(), [ProposalFailed(operation("a").key, Why.UNAVAILABLE)])

    def test_too_late(self) -> None:
        """What comes with its deadline behind it is not taken."""
        self.group.now = 5.0
        self.propose(self.ports[0], "a", seconds=0.0)
        self.ports[0].barrier(1, 5.0, self.group.instant)
        self.assertEqual(
            self.ports[0].follow(),
            [ProposalFailed(operation("a").key, Why.NOT_COMMITTED), BarrierFailed(1)],
        )

    def test_the_same_key_is_the_same_proposal(self) -> None:
        """A key that is under way is not proposed a second time."""
        leader = self.elect()
        self.propose(leader, "a", "a")
        self.propose(leader, "a")
        self.group.settle()
        self.assertEqual(kinds(leader.follow()), ["Committed"])

    def test_too_large(self) -> None:
        """What fits no entry is the caller's mistake."""
        with self.assertRaises(ValueError):
            self.ports[0].propose([Operation(b"k" * 16, bytes(BATCH_BYTES_MAX))], 9.0, self.group.instant)

    def test_full_leader_takes_it_later(self) -> None:
        """What the leader's uncommitted tail has no room for waits at the port until there is room."""
        self.group = Group(make=RaftLogPort, config=Config(uncommitted_bytes_max=100))
        self.ports = [self.group.machines[member] for member in IDS]
        leader = self.elect()
        self.propose(leader, "a" * 90)
        self.group.held |= set(IDS)
        self.group.settle()
        self.propose(leader, "b" * 90)
        self.group.settle()
        self.group.held.clear()
        for member in IDS:
            self.group.sync(member)
        self.group.settle()
        self.assertEqual([event.payload[:1] for event in leader.follow()], [b"a", b"b"])

    def test_nothing_is_kept_afterwards(self) -> None:
        """When all is done the port holds nothing any more."""
        self.elect()
        for number, port in enumerate(self.ports):
            self.propose(port, f"a{number}")
            port.barrier(number, self.group.now + 3, self.group.instant)
        self.propose(self.ports[0], "late", seconds=0.01)
        self.group.advance(1.0)
        for port in self.ports:
            self.assertEqual((len(port._batches), port._batch_of, port._bytes), (0, {}, 0))
            self.assertEqual((port._barriers, port._asking, port._asked, len(port._passing)), (0, [], {}, 0))


class BarrierTests(PortCase):
    """Barriers."""

    def test_a_barrier_sees_what_was_acknowledged(self) -> None:
        """On any server, a barrier that begins after an acknowledgement comes after that operation."""
        leader = self.elect()
        self.propose(leader, "a")
        self.group.settle()
        (acknowledged,) = leader.follow()
        for port in self.ports:
            port.barrier(7, self.group.now + 3, self.group.instant)
        self.group.settle()
        for port in self.ports:
            events = [event for event in port.follow() if not isinstance(event, Committed)]
            self.assertEqual(events, [BarrierPassed(7, acknowledged.position)])

    def test_a_barrier_waits_for_its_index(self) -> None:
        """A server that lacks the entry passes the barrier only when it has handed it out."""
        leader = self.elect()
        follower = self.followers()[0]
        self.propose(leader, "a")
        follower.barrier(1, self.group.now + 3, self.group.instant)
        self.group.settle()
        self.assertEqual(kinds(follower.follow())[-2:], ["Committed", "BarrierPassed"])

    def test_barriers_of_a_turn_share_a_question(self) -> None:
        """Many readers cost one round."""
        self.elect()
        follower = self.followers()[0]
        self.group.sent.clear()
        for token in range(100):
            follower.barrier(token, self.group.now + 3, self.group.instant)
        self.group.settle()
        self.assertEqual(kinds(follower.follow()), ["BarrierPassed"] * 100)
        self.assertEqual(sum(isinstance(sent[2], ReadIndex) for sent in self.group.sent), 1)
        self.assertLessEqual(sum(isinstance(sent[2], Append) for sent in self.group.sent), 2)

    def test_a_barrier_survives_a_change_of_leader(self) -> None:
        """It is asked again until its deadline."""
        leader = self.elect()
        self.group.lost.add(IDS[self.ports.index(leader)])
        other = self.followers()[0]
        other.barrier(1, self.group.now + 3, self.group.instant)
        self.group.advance(2.0)
        self.assertEqual(kinds(other.follow()), ["BarrierPassed"])

    def test_a_barrier_fails_without_a_majority(self) -> None:
        """A leader that was cut off does not answer; the barrier ends with its deadline."""
        leader = self.elect()
        self.group.lost.add(IDS[self.ports.index(leader)])
        leader.barrier(1, self.group.now + 0.3, self.group.instant)
        self.group.advance(0.4)
        self.assertEqual(leader.follow(), [BarrierFailed(1)])

    def test_bound(self) -> None:
        """More barriers than the bound fail at once."""
        self.patch(ordered_log, "BARRIERS_MAX", 1)
        for token in (1, 2):
            self.ports[0].barrier(token, 3.0, self.group.instant)
        self.assertEqual(self.ports[0].follow(), [BarrierFailed(2)])


class SmallThingsTests(SynchronousTestCase):
    def test_single_server(self) -> None:
        """One server alone orders, and passes barriers."""
        group = Group(document=ONE, make=RaftLogPort)
        group.advance(1.5)
        (port,) = group.machines.values()
        port.propose([operation("a")], 9.0, group.instant)
        group.settle()
        port.barrier(1, 9.0, group.instant)
        group.settle()
        self.assertEqual(kinds(port.follow()), ["Committed", "BarrierPassed"])

    def test_transfer_and_trim(self) -> None:
        """A hand-over through the port; trimming lets the memory go."""
        group = Group(make=RaftLogPort, config=Config(memory_bytes_kept=0))
        group.advance(1.5)
        (leader,) = (port for port in group.machines.values() if port.node.leads)
        leader.propose([operation("a")], 9.0, group.instant)
        group.settle()
        (committed,) = leader.follow()
        leader.trim(committed.position)
        self.assertEqual(leader.status().applied, index_of(committed.position) - 1)
        self.assertTrue(leader.transfer(group.instant))
        group.settle()
        self.assertFalse(leader.node.leads)
