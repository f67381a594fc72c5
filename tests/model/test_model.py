"""The specification keeps what it promises, would not if it were wrong, and the code is a behaviour of it."""

from twisted.trial.unittest import SkipTest, SynchronousTestCase

from bulletin.simulation.mutants.catalogue import MUTANTS
from tests.model import tlc
from tests.model.checks import MISTAKES, SHORT, explore, follow
from tests.model.recorder import Step, eventful, record, record_eventful, record_unchecked


class ModelCase(SynchronousTestCase):
    timeout = 600

    def setUp(self):
        why = tlc.missing()
        if why is not None:
            raise SkipTest(why)


class SpecificationTests(ModelCase):
    def test_all_states(self):
        verdict = explore(SHORT)
        self.assertIsNone(verdict.broken)
        # So many that leaders of both terms have committed; fewer would be a specification in which little happens.
        self.assertGreater(verdict.distinct, 5000)
        self.assertGreater(verdict.depth, 30)


def _mistake_test(mistake):
    def test(self):
        self.assertIn(explore(mistake.bounds, mistake.planted()).broken, mistake.broken)

    test.__doc__ = f"TLC finds it: {mistake.name}."
    return test


for _number, _mistake in enumerate(MISTAKES):
    setattr(SpecificationTests, f"test_mistake_{_number}", _mistake_test(_mistake))


class TraceTests(ModelCase):
    """A run of the simulation, as it was, and with one thing changed."""

    def setUp(self):
        super().setUp()
        _, self.servers, self.steps = record_eventful()

    def rejected_at(self, steps, index):
        """The specification follows up to the step at ``index``, and not that one."""
        self.assertEqual(follow(self.servers, steps[: index + 20]), index, steps[index])

    def index(self, act, since=0):
        return next(at for at, step in enumerate(self.steps) if at >= since and step.act == act)

    def test_the_run_is_a_behaviour(self):
        self.assertEqual(follow(self.servers, self.steps), len(self.steps))

    def test_a_commit_too_early(self):
        """As soon as the leader has the entry, and nobody has it on a disk."""
        at = self.index("append")
        early = Step("commit", self.steps[at].server, self.steps[at].number)
        self.rejected_at([*self.steps[: at + 1], early, *self.steps[at + 1 :]], at + 1)

    def test_a_vote_that_was_not_given(self):
        at = self.index("lead")
        steps = [step for step in self.steps[:at] if step.act != "vote"]
        self.rejected_at([*steps, *self.steps[at:]], len(steps))

    def test_an_acknowledgement_before_the_sync(self):
        at = next(
            at
            for at, (sync, said) in enumerate(zip(self.steps, self.steps[1:], strict=False))
            if (sync.act, said.act) == ("sync", "acknowledge") and sync.server == said.server
        )
        sync, said = self.steps[at : at + 2]
        self.rejected_at([*self.steps[:at], said, sync, *self.steps[at + 2 :]], at)

    def test_a_server_that_is_not_what_the_steps_make_of_it(self):
        at = self.index("follow commit")
        step = self.steps[at]
        term, vote, role, last, last_term, commit = step.state
        wrong = Step(
            step.act, step.server, step.number, state=(term, vote, role, last, last_term, commit + 1)
        )
        self.rejected_at([*self.steps[:at], wrong, *self.steps[at + 1 :]], at)


class PlantedTests(ModelCase):
    """A bug in the code, which no checker looks for here: the specification stops at the step where it shows."""

    def stops_at(self, number, act):
        mutant = next(mutant for mutant in MUTANTS if mutant.number == number)
        with mutant.planted():
            servers, steps = record_unchecked(0)
        followed = follow(servers, steps)
        self.assertLess(followed, len(steps))
        self.assertEqual(steps[followed].act, act)

    def test_a_vote_that_leaves_before_it_is_synced(self):
        self.stops_at("1", "vote")

    def test_a_leader_that_counts_what_it_has_not_synced(self):
        self.stops_at("7", "commit")

    def test_a_follower_that_acknowledges_what_it_has_not_synced(self):
        self.stops_at("8", "acknowledge")


class RecorderTests(SynchronousTestCase):
    def test_what_is_worth_following(self):
        def state(last):
            return (1, "s0", "follower", last, 1, 0)

        leads = [Step("lead", "s0", index, state=state(index)) for index in (1, 2, 3)]
        conflict = Step("accept", "s0", 2, state=state(2))
        lost = Step("restart", "s0", state=state(1))
        self.assertTrue(eventful([*leads, conflict, lost]))
        self.assertFalse(eventful([*leads[1:], conflict, lost]))
        self.assertFalse(eventful([*leads, lost]))
        self.assertFalse(eventful([*leads, conflict]))

    def test_the_same_seed_is_the_same_run(self):
        self.assertEqual(record(3), record(3))

    def test_a_step_in_the_language_of_the_specification(self):
        self.assertEqual(
            Step("grant", "s0", to="s1", state=(2, "s1", "follower", 3, 1, 0)).literal(),
            '[act |-> "grant", s |-> "s0", n |-> 0, to |-> "s1", is |-> << 2, "s1", "follower", 3, 1, 0 >>]',
        )
