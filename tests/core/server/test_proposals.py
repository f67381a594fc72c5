from twisted.trial.unittest import SynchronousTestCase

from bulletin.core.errors import Code, Refusal
from bulletin.core.log.port import ProposalFailed, Why
from bulletin.core.server import proposals as module
from bulletin.core.server.admission import PROPOSAL_SECONDS
from bulletin.core.server.answers import Finished
from bulletin.core.server.proposals import Proposals
from tests.core.server.fakes import Log, at, write


class ProposalsTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.log = Log()
        self.proposals = Proposals(self.log, b"prefix!!")

    def key(self, place: int = 0) -> bytes:
        return self.log.proposed[-1][0][place].key

    def why(self, finished: Finished | None) -> tuple[Code, bool, bool]:
        assert finished is not None
        assert isinstance(finished.result, Refusal)
        return finished.result.code, finished.result.definite, finished.later

    def test_what_came_in_a_turn_is_one_batch(self) -> None:
        for _ in range(3):
            self.assertIsNone(self.proposals.admit(write()))
        self.assertEqual((len(self.proposals), self.proposals.held, self.proposals.size), (3, 3, 300))
        self.proposals.propose(at(10.0))
        self.proposals.propose(at(10.0))
        ((operations, deadline),) = self.log.proposed
        self.assertEqual((len(operations), deadline), (3, 10.0 + PROPOSAL_SECONDS))
        self.assertEqual(len({operation.key for operation in operations}), 3)
        self.assertTrue(all(self.proposals.proposed_here(operation.key) for operation in operations))
        self.assertFalse(self.proposals.proposed_here(b"x" * 16))

    def test_who_waits_is_found_once(self) -> None:
        admitted = write()
        self.proposals.admit(admitted)
        self.proposals.propose(at(0.0))
        self.assertIs(self.proposals.committed(self.key()), admitted)
        self.assertIsNone(self.proposals.committed(self.key()))
        self.assertEqual((len(self.proposals), self.proposals.size), (0, 0))

    def test_bounds(self) -> None:
        self.patch(module, "PROPOSALS_MAX", 2)
        self.patch(module, "PROPOSALS_BYTES_MAX", 250)
        self.assertIsNone(self.proposals.admit(write()))
        refusal = self.proposals.admit(write(size=151))
        assert refusal is not None
        self.assertEqual((refusal.code, refusal.definite), (Code.OVERLOADED, True))
        self.assertIsNone(self.proposals.admit(write()))
        self.proposals.propose(at(0.0))
        refusal = self.proposals.admit(write(attempt=2, size=1))
        assert refusal is not None
        self.assertEqual((refusal.code, refusal.definite), (Code.OVERLOADED, False))

    def test_failures_of_the_log(self) -> None:
        for attempt, why, expected in (
            (1, Why.NOT_COMMITTED, (Code.NO_LEADER, True, True)),
            (2, Why.NOT_COMMITTED, (Code.NO_LEADER, False, True)),
            (1, Why.UNKNOWN, (Code.TIMED_OUT, False, True)),
            (1, Why.UNAVAILABLE, (Code.OVERLOADED, True, False)),
        ):
            self.proposals.admit(write(attempt=attempt))
            self.proposals.propose(at(0.0))
            self.assertEqual(self.why(self.proposals.failed(ProposalFailed(self.key(), why))), expected)
        self.assertIsNone(self.proposals.failed(ProposalFailed(self.key(), Why.UNKNOWN)))

    def test_what_was_held_to_its_deadline_is_harmless_what_was_proposed_is_not(self) -> None:
        self.proposals.admit(write(deadline=1.0))
        self.proposals.propose(at(0.0))
        self.proposals.admit(write(deadline=1.0))
        self.proposals.admit(write(deadline=2.0))
        self.assertEqual(self.proposals.expire(at(0.9), leaderless=False), [])
        self.assertEqual(
            [self.why(finished) for finished in self.proposals.expire(at(1.0), leaderless=False)],
            [(Code.NO_LEADER, True, True), (Code.TIMED_OUT, False, True)],
        )
        self.assertEqual(len(self.proposals), 1)
        self.assertIsNone(self.proposals.committed(self.key()), "nobody waits any more")

    def test_without_a_leader_for_long_everything_is_handed_on(self) -> None:
        self.proposals.admit(write())
        self.proposals.propose(at(0.0))
        self.proposals.admit(write())
        self.assertEqual(
            [self.why(finished) for finished in self.proposals.expire(at(0.1), leaderless=True)],
            [(Code.NO_LEADER, True, True), (Code.NO_LEADER, False, True)],
        )
        self.assertEqual(len(self.proposals), 0)

    def test_a_session_that_ended_drops_what_was_not_proposed(self) -> None:
        self.proposals.admit(write())
        self.proposals.propose(at(0.0))
        self.proposals.admit(write())
        self.assertEqual(self.proposals.drop_held(), 1)
        self.assertEqual((len(self.proposals), self.proposals.size), (1, 100))
